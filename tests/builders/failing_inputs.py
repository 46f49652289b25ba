"""How the small inputs of tests/fixtures/failing are decided: through the product, one import or run for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import evalkit
from evalkit.clock import Clock
from evalkit.pipeline.import_run import import_table
from evalkit.pipeline.loaded_run import Run
from tests.builders.recorded_runs import FIXTURES

INPUTS = FIXTURES / "failing"
CLOCK = Clock(now=lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))


@dataclass(frozen=True)
class Inputs:
    """Decides on folders of inputs.

    Attributes:
        scratch: Where runs go.
    """

    scratch: Path

    def imported(self, name: str, *, table: str = "scores.csv", suite: str = "suite.yaml") -> Run:
        """The run that importing a table of a folder makes, on the day that the inputs were written."""
        folder = INPUTS / name
        return self.table(folder / table, folder / suite)

    def table(self, table: Path, suite: Path) -> Run:
        """The run that importing any table makes."""
        number = len(list(self.scratch.iterdir()))
        return Run(import_table(table, suite, self.scratch / f"run-{number}", clock=CLOCK))

    def ran(self, folder: Path) -> Run:
        """The run of a suite of recorded answers."""
        return evalkit.run(folder, output=self.scratch / "runs", use_cache=False, clock=CLOCK)
