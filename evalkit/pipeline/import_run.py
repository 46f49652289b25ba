"""A run made of scores from elsewhere, compared, decided and reported like any other."""

from __future__ import annotations

from pathlib import Path

from evalkit.clock import Clock
from evalkit.comparison.arm_summaries import ArmMeasurements
from evalkit.comparison.compare import compare
from evalkit.interchange.score_table import read_score_table
from evalkit.interchange.suite_from_table import suite_from_table
from evalkit.interchange.write_run import write_table_run
from evalkit.pipeline import spine
from evalkit.pricing.check_prices import check_prices
from evalkit.store.run_folder import REPORTS, RunFolder
from evalkit.store.seal import seal


def import_table(
    table_file: Path, suite_file: Path | None, folder: Path | None, *, clock: Clock
) -> RunFolder:
    """Make a run of a table of scores, then compare, decide and report it.

    Args:
        table_file: CSV, TSV, JSONL or Parquet; see :mod:`evalkit.interchange.score_table`.
        suite_file: Economics, decision settings, prices; see :mod:`evalkit.interchange.suite_from_table`.
        folder: Where the run is to be; default: under ``reports``, by the suite's name and the time.
        clock: Gives the time that the manifest and the default folder's name state.

    Raises:
        InputError: The table or the suite file cannot be used, or the folder is taken.
    """
    table = read_score_table(table_file)
    suite = suite_from_table(table, table_file, suite_file)
    check_prices(suite)
    folder = folder or REPORTS / suite.name / f"{clock.now():%Y%m%d-%H%M%S}"
    run = write_table_run(table, suite, table_file, folder, clock=clock)
    measured = ArmMeasurements(prefix_tokens=table.prefix_tokens())
    run.write("comparison.json", compare(suite, spine.read_table(run, suite), measured))
    spine.write_decision(run, suite)
    spine.report(run, spine.records_of(run, suite))
    seal(run)
    return run
