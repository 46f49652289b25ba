"""Scores that were made elsewhere and came with a table."""

from __future__ import annotations

from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


class Imported:
    """A metric of which only the scores are known: ``evalkit import table`` brings them, nothing can score again."""

    @property
    def binary(self) -> bool:
        """Not known; the scores tell."""
        return False

    def score(self, case: Case, sample: Sample) -> Score:
        """No value: how the metric is computed is not known."""
        del case, sample
        return Score.missing("imported scores cannot be computed again")
