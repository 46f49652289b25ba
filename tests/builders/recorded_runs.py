"""Runs that the product made and that are kept under ``tests/fixtures``, read by the product's own readers."""

from __future__ import annotations

from pathlib import Path

from evalkit.data.cases import read_cases
from evalkit.pipeline import spine
from evalkit.records.run import RunRecords
from evalkit.store.run_folder import RunFolder
from evalkit.suite.load import suite_of_run

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"


def read_records(folder: Path) -> RunRecords:
    """Everything that a report of this run shows.

    Args:
        folder: A decided run whose manifest names its suite relative to the root of the repository.
    """
    run = RunFolder(folder)
    suite = suite_of_run(folder, ROOT / run.manifest().suite_path)
    return spine.records_of(run, suite, cases=read_cases(suite))
