"""A run made of scores from elsewhere, compared, decided and reported like any other."""

from __future__ import annotations

from pathlib import Path

from evalkit.clock import Clock
from evalkit.comparison.compare import compare
from evalkit.interchange.score_table import read_score_table
from evalkit.interchange.suite_from_table import suite_of_table
from evalkit.interchange.write_run import write_table_run
from evalkit.pipeline import spine
from evalkit.pricing.check_prices import check_prices
from evalkit.store.run_folder import RunFolder


def import_table(table: Path, suite_file: Path | None, folder: Path | None, *, clock: Clock) -> RunFolder:
    """A table of scores -> a run that is compared, decided and reported.

    Args:
        table: CSV, TSV, JSONL or Parquet; see :mod:`evalkit.interchange.score_table`.
        suite_file: Economics, decision settings, prices; see :mod:`evalkit.interchange.suite_from_table`.
        folder: Of the run; default: under ``reports``, by the suite's name and the time.
        clock: For the stamps.

    Raises:
        InputError: The table or the suite file cannot be used, or the folder is taken.
    """
    sheet = read_score_table(table)
    suite = suite_of_table(sheet, table, suite_file)
    check_prices(suite)
    folder = folder or Path("reports") / suite.name / f"{clock.now():%Y%m%d-%H%M%S}"
    run = write_table_run(sheet, suite, table, folder, clock=clock)
    run.write("comparison.json", compare(suite, spine.read_table(run, suite)))
    spine.write_decision(run, suite)
    spine.report(run, spine.records_of(run, suite))
    return run
