"""What every metric can do."""

from __future__ import annotations

from typing import Protocol

from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


class Metric(Protocol):
    """Marks one sample.

    A metric is built from its options in the suite, by keyword. It raises ``ValueError`` in its constructor
    for options that make no sense; ``score`` never raises for what an arm wrote.
    """

    @property
    def binary(self) -> bool:
        """Whether values are always 0 or 1; decides which tests apply."""
        ...

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of an ``ok`` sample.

        What the arm got wrong (an empty answer, broken JSON) is a value, usually 0. ``Score.missing`` is for
        what we lack: a case without a reference.
        """
        ...
