"""What a gate can see, told before the first run from nothing but its cases and rules. It refuses nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from evalkit.gating.smallest_drop import Spread, cases_to_pass, chance_to_pass, smallest_drop
from evalkit.records.gate_plan import GatePlan, PlanRow, RulePlan
from evalkit.stats.arrays import FloatArray, IntArray, cluster_codes, inner
from evalkit.stats.bounds import unseen_share
from evalkit.stats.clusters import guarded_mean
from evalkit.stats.power import POWER

ASSUMED_DISCORDANCE = (0.0, 0.02, 0.05, 0.10, 0.20)
"""Shares of cases that come out otherwise in two runs of one system: from none, at temperature 0, to many."""
ASSUMED_CORRELATION = 0.5
"""Of the differences of two cases of one cluster; as `evalkit power` assumes it."""
_PERCENTILE = 0.95
_FEW_DIFFER = 100
"""Cases that differ by chance below which their clusters' interval is drawn: a handful then carry all of it."""
_STEP = 1.3
"""Factor between the numbers of cases that are tried by drawing."""
_DRAWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class PlannedRule:
    """A rule on quality before there are scores.

    Attributes:
        metric: Name of the metric.
        tag: The rule holds for the cases with this tag; None for all.
        max_drop: The largest drop that is allowed, a share.
        clusters: Shape (n_cases,), the label of each case's cluster.
        binary: The scores will be 0 or 1: no graded metric, and one answer a case.
        discordance: Measured noise of two runs of one system (``noise_of_repeats``); None: several are assumed.
    """

    metric: str
    tag: str | None
    max_drop: float
    clusters: IntArray
    binary: bool
    discordance: float | None = None


def gate_plan(rules: Sequence[PlannedRule], *, alpha: float, n_arms: int = 1) -> GatePlan:
    """What each rule can see at each noise, Holm's correction included.

    Differences of two cases of one cluster are taken to be correlated by .5. The variance of a graded metric's
    difference is at most the share of cases that differ at all, so that for such a metric the rows are bounds.

    Args:
        rules: Rules on quality, each for every guarded arm.
        alpha: Two-sided error rate of each interval, and of all tests together.
        n_arms: Guarded arms.
    """
    n_tests = len(rules) * n_arms
    plan = GatePlan(
        alpha=alpha, n_tests=n_tests, rules=tuple(_planned(rule, alpha, max(1, n_tests)) for rule in rules)
    )
    return replace(plan, words=tuple(_words(plan)))


def noise_of_repeats(means: FloatArray, repeats: int) -> float | None:
    """The variance of a case's difference between two runs of one system, from a run that answered each case often.

    Args:
        means: Shape (n_cases,), the mean 0/1 score of each case over its repeats.
        repeats: Answers to each case; the two runs are taken to make as many.

    Returns:
        2 x mean p(1 - p) / (repeats - 1), whose expectation is the variance of a difference of two such means; None for
        one answer a case, or no case, which say nothing about it.

    Example:
        >>> noise_of_repeats(np.array([1.0, 1.0, 2 / 3, 0.0]), 3)
        0.0555...
    """
    if repeats < 2 or means.size == 0:
        return None
    return 2.0 * inner(means, 1.0 - means) / means.size / (repeats - 1)


def requests_to_pass(max_error_rate: float, *, alpha: float) -> int | None:
    """How many requests without a failure keep an error rate's interval below the limit; None for a limit of 0.

    Example:
        >>> requests_to_pass(0.02, alpha=0.05)
        183
    """
    if max_error_rate <= 0.0:
        return None
    if max_error_rate >= 1.0:
        return 1
    return math.ceil(math.log(alpha / 2.0) / math.log1p(-max_error_rate))


def answers_to_bound_p95(*, alpha: float) -> int:
    """How many timed answers bound the 95th percentile from above, so that a limit on it can be passed.

    Example:
        >>> answers_to_bound_p95(alpha=0.05)
        72
    """
    return math.ceil(math.log(alpha / 2.0) / math.log(_PERCENTILE))


def _planned(rule: PlannedRule, alpha: float, n_tests: int) -> RulePlan:
    codes = np.sort(cluster_codes(rule.clusters, rule.clusters.size))
    n_clusters = int(codes.max()) + 1 if codes.size else 0
    noises = ASSUMED_DISCORDANCE if rule.discordance is None else (rule.discordance,)
    return RulePlan(
        metric=rule.metric,
        tag=rule.tag,
        max_drop=rule.max_drop,
        n=codes.size,
        n_clusters=n_clusters,
        binary=rule.binary,
        rows=tuple(_row(rule, codes, noise, alpha, n_tests) for noise in noises) if codes.size else (),
    )


def _row(rule: PlannedRule, codes: IntArray, noise: float, alpha: float, n_tests: int) -> PlanRow:
    spread = _expected(rule, codes, noise)
    row = PlanRow(
        discordance=noise,
        assumed=rule.discordance is None,
        chance_to_pass=0.0,
        smallest_drop=None,
        cases_to_pass=None,
    )
    if spread.n_clusters < 2:
        return row
    chance = chance_to_pass(spread, rule.max_drop, alpha=alpha)
    cases = cases_to_pass(spread, rule.max_drop, alpha=alpha)
    if _is_drawn(codes, noise):
        chance = _drawn_chance(codes, noise, rule.max_drop, alpha)
        quiet = cases_to_pass(Spread(spread.n_cases, spread.n_clusters, 0.0), rule.max_drop, alpha=alpha)
        if cases is not None and quiet is not None:
            cases = _drawn_cases(codes, noise, rule.max_drop, alpha, max(cases, quiet))
    return replace(
        row,
        chance_to_pass=chance,
        smallest_drop=smallest_drop(spread, rule.max_drop, alpha=alpha, n_tests=n_tests),
        cases_to_pass=cases,
    )


def _is_drawn(codes: IntArray, noise: float) -> bool:
    return int(codes.max()) + 1 < codes.size and 0.0 < noise * codes.size < _FEW_DIFFER


def _expected(rule: PlannedRule, codes: IntArray, noise: float) -> Spread:
    """The spread that differences of this noise would have."""
    n, sizes = codes.size, np.bincount(codes).astype(np.float64)
    if sizes.size == n:
        return Spread(n, n, math.sqrt(noise / n), noise if rule.binary else None)
    effect = 1.0 + (inner(sizes, sizes) / n - 1.0) * ASSUMED_CORRELATION
    return Spread(n, sizes.size, math.sqrt(noise * effect / n))


def _drawn_chance(codes: IntArray, noise: float, max_drop: float, alpha: float) -> float:
    """The chance to pass by the very interval that clusters get, over drawn differences of 0, 1 and -1.

    A case copies its cluster's difference with the root of the correlation as chance.
    """
    rng = np.random.default_rng(codes.size)
    n_clusters = int(codes.max()) + 1
    passed = 0
    for _ in range(_DRAWS):
        shared, own = (
            rng.choice(3, size, p=[1.0 - noise, noise / 2, noise / 2]) for size in (n_clusters, codes.size)
        )
        kinds = np.where(rng.random(codes.size) < math.sqrt(ASSUMED_CORRELATION), shared[codes], own)
        differences = (kinds == 1).astype(np.float64) - (kinds == 2)
        mean = guarded_mean(differences, codes, lowest=-1.0, highest=1.0)
        if mean.standard_error > 0.0:
            passed += mean.bounds(alpha).low > -max_drop
        else:
            passed += unseen_share(n_clusters, alpha) < max_drop
    return passed / _DRAWS


def _drawn_cases(codes: IntArray, noise: float, max_drop: float, alpha: float, at_least: int) -> int:
    """How many cases in clusters like these pass with 80% power: so many at least, or the first tried above it."""
    n = at_least
    while True:
        times = -(-n // codes.size)
        more = np.concatenate([codes + copy * (int(codes.max()) + 1) for copy in range(times)])[:n]
        two = more[-1] > 0  # an interval needs two clusters
        if two and not (_is_drawn(more, noise) and _drawn_chance(more, noise, max_drop, alpha) < POWER):
            return n
        n = math.ceil(n * _STEP)


def _words(plan: GatePlan) -> Iterator[str]:
    for rule in plan.rules:
        yield _rule_words(rule)
    rows = [row for rule in plan.rules for row in rule.rows]
    if any(row.assumed for row in rows):
        yield (
            "How many cases come out otherwise in two runs of one system is assumed, not measured: from none, as a "
            "model at temperature 0 may give, to one in five. A run with repeats measures it."
        )
    if any(1 < rule.n_clusters < rule.n for rule in plan.rules):
        yield (
            f"Differences of two cases of one cluster are assumed to be correlated by {ASSUMED_CORRELATION:g}."
        )
    if any(not rule.binary and rule.rows for rule in plan.rules):
        yield "For scores that are not 0 or 1 the figures are bounds: as if every change were from 0 to 1."
    if plan.n_tests > 1:
        yield f"Holm's method over {plan.n_tests} tested rules is counted in: each drop is taken to be the only one."
    yield (
        "An arm whose model, prompt, retrieval, weights and answers equal the baseline's is unchanged and passes on "
        "any number of cases."
    )


def _rule_words(rule: RulePlan) -> str:
    """What one rule can do, in one sentence."""
    cases = "1 case" if rule.n == 1 else f"{rule.n} cases"
    tagged = "" if rule.tag is None else f" tagged {rule.tag}"
    clusters = f" in {rule.n_clusters} clusters" if 1 < rule.n_clusters < rule.n else ""
    subject = f"{rule.metric} on {cases}{tagged}{clusters}, largest drop {rule.max_drop * 100:g} points"
    if rule.n_clusters < 2:
        return f"{subject}: no interval on {('no case', 'one case or cluster')[rule.n_clusters]}, so inconclusive."
    first = rule.rows[0]
    at = _where(first.discordance)
    sight = "no drop can be seen"
    if first.smallest_drop is not None:
        sight = f"a drop of {first.smallest_drop * 100:.1f} points is seen with 80% power {at}"
    can = [row for row in rule.rows if row.chance_to_pass >= POWER]
    if not can:
        needed = (
            "no number of cases does" if first.cases_to_pass is None else f"{first.cases_to_pass} cases do"
        )
        chance = first.chance_to_pass
        odds = "cannot pass" if chance == 0.0 else f"pass with a chance of {_percent(chance)}"
        return f"{subject}: these cases {odds} {at}, {needed} with 80% power; {sight}."
    rest = [row for row in rule.rows if row not in can]
    more = f"; {rest[0].cases_to_pass} cases do {_where(rest[0].discordance)}" if rest else ""
    return f"{subject}: these cases pass with 80% power or more {_where(can[-1].discordance)}{more}; {sight}."


def _where(discordance: float) -> str:
    return (
        "where no case differs"
        if discordance == 0.0
        else f"where {_percent(discordance)} of cases differ by chance"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") + "%"
