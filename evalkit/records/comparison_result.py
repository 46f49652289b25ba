"""The result of ``evalkit compare``: differences between arms of one run, or between the same arms of two."""

from __future__ import annotations

from evalkit.records.comparison import Difference
from evalkit.records.record import Record


class ComparisonResult(Record, frozen=True, kw_only=True):
    """Paired differences by request.

    Attributes:
        run: Id of the run that the treatments are of.
        control_run: Id of the run that the controls are of, where there are two.
        primary_metric: The metric whose p-values are adjusted by Holm.
        n_cases: Cases of the run, or those that both runs have.
        notes: Sentences that a reader needs to understand the differences.
    """

    format_version: int = 1
    run: str
    control_run: str | None = None
    primary_metric: str
    alpha: float
    margin: float
    n_cases: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
