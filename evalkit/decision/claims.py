"""What may be claimed of a tuned candidate against the untuned arm it would replace."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec.structs import replace
from scipy.special import ndtri

from evalkit.comparison.differences import adjusted_arms, tuned_candidates
from evalkit.comparison.pairwise import Claim, claim_of, difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import ScoreTable
from evalkit.records.comparison import Comparison, Difference


class Claims:
    """Paired differences of the tuned candidates against any untuned one, adjusted within that family.

    The comparison compares them with the untuned arm of the highest quality. The decision may be between tuning
    and another untuned arm (a little worse and far cheaper), so families are made for whatever arm that is.

    Args:
        table: The run.
        comparison: Its differences are used again where they are the same ones.
        settings: Error rate of each family, margin and seed.
    """

    def __init__(self, table: ScoreTable, comparison: Comparison, settings: ComparisonSettings) -> None:
        self._table = table
        self._settings = settings
        same_terms = comparison.alpha == settings.alpha and comparison.primary_metric == table.primary
        self._known = {
            (record.treatment, record.control): record
            for record in (comparison.differences if same_terms else ())
            if record.metric == table.primary and record.family in ("reference", "tuned")
        }
        self._families: dict[str, dict[str, Difference]] = {}

    def between(self, treatment: str, control: str) -> Difference:
        """Treatment minus control with the claim it carries; p-values adjusted over all tuned candidates."""
        return self.family(control)[treatment]

    def family(self, control: str) -> Mapping[str, Difference]:
        """Every tuned candidate against one arm, by name."""
        if control not in self._families:
            self._families[control] = self._made(control)
        return self._families[control]

    def claim(self, treatment: str, control: str, *, shift: float, margin: float | None) -> Claim:
        """The claim if the difference had come out higher by ``shift``, or the margin were another.

        A shifted interval keeps its width; significance is then read off it, widened as Holm asks.
        """
        record = self.between(treatment, control)
        held = self._settings.margin if margin is None else margin
        if record.low is None or record.high is None or record.p_value is None or record.estimate is None:
            return "no_claim"
        p_adjusted = record.p_value if record.p_adjusted is None else record.p_adjusted
        if shift == 0.0:
            return claim_of(record.low, record.high, p_adjusted < self._settings.alpha, held)
        wider = _holm_factor(record.p_value, p_adjusted, self._settings.alpha)
        low = record.estimate + shift - wider * (record.estimate - record.low)
        high = record.estimate + shift + wider * (record.high - record.estimate)
        return claim_of(record.low + shift, record.high + shift, low > 0.0 or high < 0.0, held)

    def _made(self, control: str) -> dict[str, Difference]:
        records = [
            replace(self._known.get((name, control)) or self._difference(name, control), family="tuned")
            for name in tuned_candidates(self._table)
        ]
        family = adjusted_arms(self._table, records, self._settings)
        return {record.treatment: record for record in family}

    def _difference(self, treatment: str, control: str) -> Difference:
        return difference(
            self._table, treatment, control, self._table.primary, self._settings, family="tuned"
        )


def _holm_factor(p_value: float, p_adjusted: float, alpha: float) -> float:
    """How much wider an interval is at alpha over the number of tests that Holm counted for this one."""
    tests = max(1.0, p_adjusted / p_value) if p_value > 0.0 else 1.0
    return float(ndtri(1.0 - alpha / tests / 2.0) / ndtri(1.0 - alpha / 2.0)) if math.isfinite(tests) else 1.0
