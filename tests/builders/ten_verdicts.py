"""One score table for each verdict, imported as a user would: nothing of the record is patched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evalkit.clock import Clock
from evalkit.pipeline.import_run import import_table
from evalkit.pipeline.loaded_run import Run
from evalkit.records.decision import Verdict
from tests.builders.recorded_runs import FIXTURES

TABLES = FIXTURES / "ten_verdicts"
VERDICTS = tuple(verdict.value for verdict in Verdict)
CLOCK = Clock(now=lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))
"""Providers' closing dates lie ahead of this day."""


def imported(verdict: str, folder: Path) -> Run:
    """The run that importing the table of a verdict makes.

    Args:
        verdict: One of ``VERDICTS``.
        folder: Of the run; is made.
    """
    return Run(
        import_table(TABLES / verdict / "scores.csv", TABLES / verdict / "suite.yaml", folder, clock=CLOCK)
    )
