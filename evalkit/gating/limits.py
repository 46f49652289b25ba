"""Rules on one figure of the candidate: a floor of quality, cost, latency and errors.

A rule fails only where the better end of the figure's interval breaks the limit, and passes where the worse end keeps
it; in between it is inconclusive. What is not known is not judged, and the reason stands in the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.settings import generator
from evalkit.economics.latency import enough_for
from evalkit.records.gate import RuleResult, RuleVerdict
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray, mean_of
from evalkit.stats.bootstrap import Statistic
from evalkit.stats.compare import Interval, one_arm
from evalkit.stats.pooled_metrics import pooled_metric
from evalkit.stats.quantile_interval import quantile_interval
from evalkit.stats.relative_change import (
    AmountSummary,
    RelativeChange,
    change_from_summary,
    relative_change,
)

_MIN_KNOWN = 0.9
"""Share of cases whose cost must be known on both sides; below it the rest need not be like them."""
_PERCENTILE = 95
NO_CASE_LEFT = "no common case is left that it could be judged on; those in quarantine take no part"


@dataclass(frozen=True, slots=True, eq=False)
class FloorRule:
    """The smallest mean score, or pooled metric, that an arm may have.

    Attributes:
        minimum: A share.
        scores: Shape (n_cases,) in [0, 1]; of a pooled metric the counts, shape (n_cases, n_counts).
        clusters: Shape (n_cases,), labels.
        statistic: Of a pooled metric: from summed counts to the metric; else None.
    """

    arm: str
    metric: str
    tag: str | None
    minimum: float
    scores: FloatArray
    clusters: IntArray
    statistic: Statistic | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CostRule:
    """By how much the cost of a request may rise, as a share of the baseline's.

    Attributes:
        max_increase: A share: 0.1 allows a tenth more.
        candidate: Shape (n_cases,), mean cost of a case's requests; NaN where it is not known.
        baseline: Likewise, in the same order; or a summary where costs were not kept case by case.
        clusters: Shape (n_cases,), labels.
        currency: Of all amounts; None where none is known.
    """

    arm: str
    max_increase: float
    candidate: FloatArray
    baseline: FloatArray | AmountSummary
    clusters: IntArray
    currency: str | None = None


def judged_floor(rule: FloorRule, *, alpha: float, seed: int) -> RuleResult:
    """Whether the mean score is certainly at or above a floor, or certainly below.

    Args:
        rule: The floor and the scores.
        alpha: Two-sided error rate of the interval.
        seed: Source of chance.
    """
    names = ("floor", rule.arm, rule.metric, *([] if rule.tag is None else [rule.tag]))
    n = rule.scores.shape[0]
    result = RuleResult(
        name="/".join(names),
        kind="floor",
        arm=rule.arm,
        metric=rule.metric,
        tag=rule.tag,
        limit=rule.minimum,
        verdict="inconclusive",
        n=n,
        n_clusters=int(np.unique(rule.clusters).size),
    )
    if n == 0:
        return replace(result, reason=NO_CASE_LEFT)
    try:
        interval = _mean(rule, alpha, generator(seed, *names))
    except ValueError as error:
        return replace(result, reason=str(error))
    verdict: RuleVerdict = "inconclusive"
    if interval.low >= rule.minimum:
        verdict = "pass"
    elif interval.high < rule.minimum:
        verdict = "fail"
    return replace(
        result,
        verdict=verdict,
        candidate=interval.mean,
        estimate=interval.mean,
        low=interval.low,
        high=interval.high,
        method=interval.method,
    )


def judged_cost(rule: CostRule, *, alpha: float, seed: int) -> RuleResult:
    """Whether the cost of a request rose by certainly less than allowed, or certainly by more.

    Args:
        rule: The largest increase and both sides' costs.
        alpha: Two-sided error rate of the interval.
        seed: Source of chance.
    """
    known = np.isfinite(rule.candidate)
    if not isinstance(rule.baseline, AmountSummary):
        known &= np.isfinite(rule.baseline)
    n, n_known = rule.candidate.size, int(known.sum())
    result = RuleResult(
        name=f"cost/{rule.arm}",
        kind="cost",
        arm=rule.arm,
        limit=rule.max_increase,
        verdict="not_judged",
        n=n_known,
        n_clusters=int(np.unique(rule.clusters[known]).size),
        currency=rule.currency,
    )
    if n == 0:
        return replace(result, reason=NO_CASE_LEFT)
    if n_known == 0 or n_known < _MIN_KNOWN * n:
        return replace(result, reason=f"the cost is known of {n_known} of {n} cases, on both sides")
    try:
        change = _increase(rule, known, alpha, generator(seed, "cost", rule.arm))
    except ValueError as error:
        return replace(result, reason=str(error))
    candidate = mean_of(rule.candidate[known])
    return replace(
        result,
        verdict=_at_most(rule.max_increase, change.low, change.high),
        baseline=_baseline_cost(rule, known),
        candidate=candidate,
        estimate=change.estimate,
        low=change.low,
        high=change.high,
        method=change.method,
        note=f"{n - n_known} of {n} cases have no known cost and are left out." if n_known < n else "",
    )


def judged_latency(
    arm: str, max_seconds: float, seconds: FloatArray, clusters: IntArray, *, alpha: float
) -> RuleResult:
    """Whether the 95th percentile of latency is certainly within its limit, or certainly beyond it.

    Args:
        arm: The guarded arm.
        max_seconds: The limit.
        seconds: Shape (n_answers,); NaN where an answer was not timed.
        clusters: Shape (n_answers,), the label of the cluster of each answer's case.
        alpha: Two-sided error rate of the interval.
    """
    timed = np.isfinite(seconds)
    n = int(timed.sum())
    result = RuleResult(
        name=f"latency/{arm}",
        kind="latency",
        arm=arm,
        limit=max_seconds,
        verdict="not_judged",
        n=n,
        n_clusters=int(np.unique(clusters[timed]).size),
    )
    if not enough_for(_PERCENTILE, n):
        return replace(result, reason=f"{n} answers were timed; a 95th percentile needs 20")
    try:
        interval = quantile_interval(seconds[timed], _PERCENTILE / 100, clusters[timed], alpha=alpha)
    except ValueError as error:
        return replace(result, reason=str(error))
    unbounded = (
        f"{n} timed answers do not bound the 95th percentile from above; independent ones do from 72 on."
    )
    return replace(
        result,
        verdict=_at_most(max_seconds, interval.low, interval.high),
        candidate=interval.value,
        estimate=interval.value,
        low=interval.low,
        high=interval.high,
        method="order statistics" if interval.n_clusters == n else "order statistics at the effective number",
        note=unbounded if interval.high is None else "",
    )


def judged_errors(
    arm: str, max_share: float, failed: BoolArray, clusters: IntArray, *, alpha: float, seed: int
) -> RuleResult:
    """Whether the share of requests that failed on the way is certainly within its limit, or certainly beyond it.

    Args:
        arm: The guarded arm.
        max_share: The limit.
        failed: Shape (n_requests,), True where a request failed on the way; a wrong answer has not failed.
        clusters: Shape (n_requests,), the label of the cluster of each request's case.
        alpha: Two-sided error rate of the interval.
        seed: Source of chance.
    """
    result = RuleResult(
        name=f"error_rate/{arm}",
        kind="error_rate",
        arm=arm,
        limit=max_share,
        verdict="not_judged",
        n=failed.size,
        n_clusters=int(np.unique(clusters).size),
    )
    if failed.size == 0:
        return replace(result, reason="there was no request")
    rng = generator(seed, "error_rate", arm)
    try:
        interval = one_arm(failed.astype(np.float64), clusters, binary=True, alpha=alpha, rng=rng)
    except ValueError as error:
        return replace(result, reason=str(error))
    return replace(
        result,
        verdict=_at_most(max_share, interval.low, interval.high),
        candidate=interval.mean,
        estimate=interval.mean,
        low=interval.low,
        high=interval.high,
        method=interval.method,
    )


def _increase(rule: CostRule, known: BoolArray, alpha: float, rng: np.random.Generator) -> RelativeChange:
    candidate, clusters = rule.candidate[known], rule.clusters[known]
    if isinstance(rule.baseline, AmountSummary):
        return change_from_summary(candidate, rule.baseline, clusters, alpha=alpha)
    return relative_change(candidate, rule.baseline[known], clusters, alpha=alpha, rng=rng)


def _baseline_cost(rule: CostRule, known: BoolArray) -> float:
    return rule.baseline.mean if isinstance(rule.baseline, AmountSummary) else mean_of(rule.baseline[known])


def _mean(rule: FloorRule, alpha: float, rng: np.random.Generator) -> Interval:
    if rule.statistic is not None:
        return pooled_metric(rule.scores, rule.clusters, rule.statistic, alpha=alpha, rng=rng)
    binary = bool(np.isin(rule.scores, (0.0, 1.0)).all())
    return one_arm(rule.scores, rule.clusters, binary=binary, alpha=alpha, rng=rng)


def _at_most(limit: float, low: float | None, high: float | None) -> RuleVerdict:
    if low is not None and low > limit:
        return "fail"
    return "pass" if high is not None and high <= limit else "inconclusive"
