"""Rules on quality: no drop larger than allowed, told by paired cases, several rules judged together.

With d = candidate - baseline on the same cases and its two-sided interval at 1 - alpha, not adjusted: a rule passes
where the lower end lies above -max_drop; else it fails where the upper end lies below 0 and the p-value, adjusted by
Holm over the rules of this gate that are tested, is below alpha; else it is inconclusive. The differences are those
that ``comparison`` gives for two arms of one run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.pairwise import adjusted_together, compared
from evalkit.comparison.pooled_metrics import PairedCounts, pooled_compared
from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import Pairs
from evalkit.gating.limits import NO_CASE_LEFT
from evalkit.gating.smallest_drop import Spread, cases_to_pass, smallest_drop, spread_of
from evalkit.records.comparison import Difference
from evalkit.records.gate import RuleResult, RuleVerdict
from evalkit.stats.arrays import FloatArray, IntArray, mean_of
from evalkit.stats.intervals import z_quantile
from evalkit.stats.paired_binary import tango
from evalkit.stats.power import POWER

_TIE = 1e-12  # 0.3 - 0.1 and 0.2 differ in the last bit


@dataclass(frozen=True, slots=True, eq=False)
class DropRule:
    """One rule on quality, and what it is judged on.

    Attributes:
        arm: The guarded arm.
        metric: Name of the metric.
        tag: The rule holds for the cases with this tag; None for all.
        max_drop: The largest drop that is allowed, a share.
        cases: Shape (n_cases,), positions among the common cases, which tell two tags of the same cases from two tags
            whose cases happen to score alike.
        both: Scores of the candidate (treatment) and the baseline (control) on these cases; counts of a pooled metric.
        unchanged: The arm and all its answers equal the baseline's.
    """

    arm: str
    metric: str
    tag: str | None
    max_drop: float
    cases: IntArray
    both: Pairs | PairedCounts
    unchanged: bool = False

    @property
    def name(self) -> str:
        """Unique in a gate."""
        return "/".join(("quality", self.arm, self.metric, *([] if self.tag is None else [self.tag])))

    @property
    def test(self) -> Hashable:
        """Equal for two rules that make the same test on the same scores of the same cases."""
        pooled = self.metric if isinstance(self.both, PairedCounts) else None
        return self.cases.tobytes(), self.both.treatment.tobytes(), self.both.control.tobytes(), pooled


def judged_drops(rules: Sequence[DropRule], *, alpha: float, seed: int) -> tuple[RuleResult, ...]:
    """Every rule on quality with its verdict, p-values adjusted by Holm over those that are tested.

    A rule of an unchanged arm is not tested and costs the others nothing; rules that make the same test count once.
    A rule without an interval (no common case, or all in one cluster) is inconclusive: it has shown nothing.

    Args:
        rules: In any order.
        alpha: Two-sided error rate of each interval, and of all tests together.
        seed: Source of all chance: a rule on all cases draws as the comparison of the two runs does.

    Returns:
        One for each rule, in the same order.
    """
    adjusted = adjusted_drops(rules, alpha=alpha, seed=seed)
    tested = {
        rule.test
        for rule, record in zip(rules, adjusted, strict=True)
        if record is not None and record.p_value is not None
    }
    return tuple(
        _unchanged(rule) if record is None else _judged(rule, record, alpha, len(tested))
        for rule, record in zip(rules, adjusted, strict=True)
    )


def adjusted_drops(rules: Sequence[DropRule], *, alpha: float, seed: int) -> tuple[Difference | None, ...]:
    """The difference of each rule, its p-value adjusted by Holm over those that are tested; None where unchanged.

    Args:
        rules: In any order.
        alpha: As in ``judged_drops``.
        seed: As in ``judged_drops``.
    """
    tested = [rule for rule in rules if not rule.unchanged]
    records = [drop_of(rule, alpha=alpha, seed=seed) for rule in tested]
    tests = [rule.test for rule in tested]
    adjusted = iter(adjusted_together(records, tests, ComparisonSettings(alpha, 0.0, seed)))
    return tuple(None if rule.unchanged else next(adjusted) for rule in rules)


def drop_of(rule: DropRule, *, alpha: float, seed: int) -> Difference:
    """Candidate minus baseline on the cases of a rule, by the methods by which arms of one run are compared.

    Where single 0/1 cases show no discordant pair the interval is Tango's too: -z^2/(n + z^2) to its opposite.

    Args:
        rule: What is judged, on which scores.
        alpha: Two-sided error rate of the interval.
        seed: As in ``judged_drops``.
    """
    names = (f"second/{rule.arm}", f"first/{rule.arm}", rule.metric)
    rng = generator(seed, *names, *([] if rule.tag is None else [rule.tag]))
    settings = ComparisonSettings(alpha, rule.max_drop, seed)
    if isinstance(rule.both, PairedCounts):
        return pooled_compared(rule.both, names, settings, family="gate", rng=rng)
    record = compared(rule.both, names, settings, family="gate", binary=_is_binary(rule.both), rng=rng)
    if record.discordant == (0, 0) and record.n_clusters == record.n:
        bounds = tango(0, 0, record.n, alpha)
        unseen = (
            f"No case differs; a drop of up to {bounds.high:.1%} could be there without one showing here."
        )
        method = "Tango score interval; exact McNemar test"
        return replace(record, low=bounds.low, high=bounds.high, method=method, note=unseen)
    return record


def drop_verdict(difference: Difference, max_drop: float, alpha: float) -> RuleVerdict:
    """What an interval and an adjusted p-value say of a rule: ``pass``, ``fail`` or ``inconclusive``.

    Args:
        difference: Candidate minus baseline, with its Holm-adjusted p-value where it was tested.
        max_drop: The largest drop that is allowed.
        alpha: Error rate of all tests together.
    """
    if difference.low is None or difference.high is None or difference.p_adjusted is None:
        return "inconclusive"
    if difference.low > -max_drop or max_drop >= 1.0:  # which allows any drop
        return "pass"
    return "fail" if difference.high < 0.0 and difference.p_adjusted < alpha else "inconclusive"


def _judged(rule: DropRule, record: Difference, alpha: float, n_tests: int) -> RuleResult:
    verdict = drop_verdict(record, rule.max_drop, alpha)
    result = replace(
        _result(rule, record.n_clusters),
        verdict=verdict,
        estimate=record.estimate,
        low=record.low,
        high=record.high,
        p_value=record.p_value,
        p_adjusted=record.p_adjusted,
        method=record.method if record.low is not None else "",
        reason=_why_no_interval(rule, record) if record.low is None else "",
        note=(record.note or "") if record.low is not None else "",
    )
    if record.low is None:
        return result
    spread = _spread(rule, record, alpha)
    return replace(
        result,
        smallest_drop=smallest_drop(spread, rule.max_drop, alpha=alpha, n_tests=n_tests),
        cases_needed=cases_to_pass(spread, rule.max_drop, alpha=alpha),
    )


def _why_no_interval(rule: DropRule, record: Difference) -> str:
    return NO_CASE_LEFT if rule.both.treatment.shape[0] == 0 else record.note or ""


def _spread(rule: DropRule, record: Difference, alpha: float) -> Spread:
    if not isinstance(rule.both, PairedCounts):
        return spread_of(rule.both, record.n_clusters, binary=_is_binary(rule.both))
    if record.method.startswith("rule of three") or record.smallest_detectable is None:
        return Spread(record.n, record.n_clusters, 0.0)
    reach = z_quantile(alpha) + z_quantile(
        2.0 * (1.0 - POWER)
    )  # what the bootstrap's own figure is made with
    return Spread(record.n, record.n_clusters, record.smallest_detectable / reach)


def _is_binary(both: Pairs) -> bool:
    return all(bool(np.isin(side, (0.0, 1.0)).all()) for side in (both.treatment, both.control))


def _unchanged(rule: DropRule) -> RuleResult:
    return _result(rule, int(np.unique(rule.both.clusters).size))


def _result(rule: DropRule, n_clusters: int) -> RuleResult:
    """The rule as passed without a test, with what the scores say by themselves."""
    both = rule.both
    candidate, baseline = (_figure(both, side) for side in (both.treatment, both.control))
    gaps = None if isinstance(both, PairedCounts) else both.treatment - both.control
    return RuleResult(
        name=rule.name,
        kind="quality",
        arm=rule.arm,
        metric=rule.metric,
        tag=rule.tag,
        limit=rule.max_drop,
        verdict="unchanged",
        n=both.treatment.shape[0],
        n_clusters=n_clusters,
        baseline=baseline,
        candidate=candidate,
        estimate=0.0 if candidate is not None else None,
        better=None if gaps is None else int(np.sum(gaps > _TIE)),
        worse=None if gaps is None else int(np.sum(gaps < -_TIE)),
    )


def _figure(both: Pairs | PairedCounts, side: FloatArray) -> float | None:
    """The mean score, or the pooled metric, of one side; None without a case."""
    if side.shape[0] == 0:
        return None
    return float(both.statistic(side.sum(axis=0))) if isinstance(both, PairedCounts) else mean_of(side)
