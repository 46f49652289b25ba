"""The two entries most callers need: the interval of one arm, and the paired difference of two.

Both pick the method from the data, the same way each time:

    any cluster holds more than one case -> sandwich standard error, Student's t on C - 1, sign-flip of whole clusters
    else 0/1 scores                      -> Wilson for one arm; Tango's interval and exact McNemar for a pair
    else graded scores                   -> BCa bootstrap over cases, sign-flip test; Student's t for the interval where
                                            the mean is settled (2,000 cases or more and hardly skewed)
    nothing varies                       -> the rule of three, never an interval of width 0

Two guards keep the intervals honest where few cases or clusters differ, which is common for good arms; without them
coverage falls to 85% and 70% (tests/benchmarks/simulate_coverage.py): the BCa interval is never narrower than Student's
t at either end, and clustered data of which a handful of clusters carry all the variation get two pseudo-clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import (
    FloatArray,
    IntArray,
    checked_alpha,
    checked_binary,
    checked_differences,
    checked_scores,
    cluster_codes,
    mean_of,
)
from evalkit.stats.bootstrap import bootstrap_mean, mean_is_settled
from evalkit.stats.bounds import Bounds, rule_of_three, unseen_share
from evalkit.stats.clusters import FEW_CLUSTERS, ClusteredMean, clustered_mean, guarded_mean
from evalkit.stats.intervals import effective_wilson, t_interval, wilson
from evalkit.stats.paired_binary import DiscordantPairs, discordant_pairs, mcnemar, tango
from evalkit.stats.power import clustered_smallest_detectable, smallest_detectable, smallest_detectable_pairs
from evalkit.stats.sign_flip import sign_flip

_BOOTSTRAP = "BCa bootstrap over cases, no narrower than Student's t"
_STUDENT = "Student's t on n - 1"
_FEW_PAIRS = 10  # below this many discordant pairs Tango's interval and the exact p-value can disagree


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of one arm.

    Attributes:
        mean: Over cases, each counting once.
        low: Lower end of the two-sided interval.
        high: Upper end.
        method: How the interval was made, in words.
        n: Number of cases.
        n_clusters: Number of clusters; equal to `n` when each case is its own.
    """

    mean: float
    low: float
    high: float
    method: str
    n: int
    n_clusters: int


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Treatment minus control on the same cases.

    Attributes:
        estimate: Mean difference over cases.
        low: Lower end of the two-sided interval.
        high: Upper end.
        p_value: Two-sided, of no difference.
        method: How interval and p-value were made, in words.
        n_cases: Cases that both arms answered.
        n_clusters: Clusters those cases lie in.
        discordant: For 0/1 scores (b, c): cases only the treatment got right, cases only the control got right.
        mid_p: McNemar's mid-p, for 0/1 scores where each case is its own cluster.
        smallest_detectable: The true difference that as many cases as noisy as these show with power 0.8. Above 1 for
            scores in [0, 1]: so few cases can show nothing.
        note: What a reader must know before using the interval, or None.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    method: str
    n_cases: int
    n_clusters: int
    discordant: tuple[int, int] | None
    mid_p: float | None
    smallest_detectable: float
    note: str | None


@dataclass(frozen=True, slots=True)
class _Inference:
    """The part of a comparison that depends on the method."""

    bounds: Bounds
    p_value: float
    method: str
    smallest_detectable: float
    mid_p: float | None = None
    note: str | None = None


def one_arm(
    values: FloatArray, clusters: IntArray | None, *, binary: bool, alpha: float, rng: np.random.Generator
) -> Interval:
    """Estimate the mean score of one arm with an interval.

    Args:
        values: Shape (n_cases,), scores in [0, 1].
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        binary: The scores are 0 or 1.
        alpha: Two-sided error rate.
        rng: Source of chance for the bootstrap.

    Raises:
        ValueError: No case, a value outside [0, 1] (or not 0/1 when `binary`), one cluster of several cases, or one
            graded case.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> one_arm(np.array([1.0] * 44 + [0.0] * 56), None, binary=True, alpha=0.05, rng=rng).method
        'Wilson'
    """
    scores = checked_binary(values).astype(np.float64) if binary else checked_scores(values)
    checked_alpha(alpha)
    codes = cluster_codes(clusters, scores.size)
    n_clusters = int(codes.max()) + 1
    clustered = n_clusters < scores.size
    if np.ptp(scores) == 0.0 and (binary or scores.size > 1):
        bounds = rule_of_three(float(scores[0]), n_clusters, alpha, lowest=0.0, highest=1.0)
        method = "rule of three"
    elif clustered and binary:
        bounds, method = _clustered_share(scores, codes, alpha)
    elif clustered:
        bounds, method = _clustered_grade(scores, codes, alpha)
    elif binary:
        bounds, method = wilson(float(scores.sum()), scores.size, alpha), "Wilson"
    else:
        bounds, method = _graded_mean(np.sort(scores), alpha, rng)
        bounds = bounds.clipped(0.0, 1.0)
    return Interval(mean_of(scores), bounds.low, bounds.high, method, scores.size, n_clusters)


def paired_difference(
    treatment: npt.ArrayLike,
    control: npt.ArrayLike,
    clusters: IntArray | None,
    *,
    binary: bool,
    alpha: float,
    rng: np.random.Generator,
) -> PairedDifference:
    """Compare two arms on the cases that both answered.

    The result does not depend on the order of the cases or on the labels of the clusters, and swapping the arms only
    turns the signs round.

    Args:
        treatment: Shape (n_cases,), scores in [0, 1].
        control: Shape (n_cases,), same case order.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        binary: The scores are 0 or 1.
        alpha: Two-sided error rate; the lower end alone holds at alpha/2, for non-inferiority.
        rng: Source of chance for the bootstrap and the sign-flip test.

    Raises:
        ValueError: The arms differ in length, no case, a value outside [0, 1] (or not 0/1 when `binary`), one
            cluster of several cases, or one graded case.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> result = paired_difference([1] * 12 + [0] * 38, [0] * 12 + [1] * 2 + [0] * 36, None,
        ...                            binary=True, alpha=0.05, rng=rng)
        >>> result.discordant, round(result.low, 4), round(result.high, 4), round(result.p_value, 4)
        ((12, 2), 0.0611, 0.3447, 0.0129)
    """
    differences = checked_differences(treatment, control)
    checked_alpha(alpha)
    codes = cluster_codes(clusters, differences.size)
    n_clusters = int(codes.max()) + 1
    pairs = discordant_pairs(treatment, control) if binary else None
    if n_clusters < differences.size:
        inference = _clustered_pair(differences, codes, alpha, rng)
    elif pairs:
        inference = _binary_pair(pairs, alpha)
    else:
        inference = _graded_pair(differences, alpha, rng)
    return PairedDifference(
        estimate=mean_of(differences),
        low=inference.bounds.low,
        high=inference.bounds.high,
        p_value=inference.p_value,
        method=inference.method,
        n_cases=differences.size,
        n_clusters=n_clusters,
        discordant=(pairs.treatment_only, pairs.control_only) if pairs else None,
        mid_p=inference.mid_p,
        smallest_detectable=inference.smallest_detectable,
        note=inference.note,
    )


def _clustered_share(scores: FloatArray, codes: IntArray, alpha: float) -> tuple[Bounds, str]:
    seen = clustered_mean(scores, codes)
    mean = guarded_mean(scores, codes, lowest=0.0, highest=1.0)
    # the design effect is that of the guarded data, at the share that was seen
    seen_variance = seen.mean * (1.0 - seen.mean) / seen.n_cases
    mean_variance = mean.mean * (1.0 - mean.mean) / mean.n_cases
    standard_error = mean.standard_error * math.sqrt(seen_variance / mean_variance)
    bounds = effective_wilson(seen.mean, standard_error, seen.n_cases, seen.n_clusters, alpha)
    return bounds, "Wilson at the effective sample size of the clusters"


def _clustered_grade(scores: FloatArray, codes: IntArray, alpha: float) -> tuple[Bounds, str]:
    seen = clustered_mean(scores, codes)
    if seen.standard_error == 0.0:
        return rule_of_three(seen.mean, seen.n_clusters, alpha, lowest=0.0, highest=1.0), "rule of three"
    mean = guarded_mean(scores, codes, lowest=0.0, highest=1.0)
    return mean.bounds(alpha).clipped(0.0, 1.0), _clustered_words(seen)


def _clustered_pair(
    differences: FloatArray, codes: IntArray, alpha: float, rng: np.random.Generator
) -> _Inference:
    seen = clustered_mean(differences, codes)
    flips = sign_flip(differences, codes, rng)
    if seen.standard_error == 0.0:
        return _without_variation(seen.mean, seen.n_clusters, "cluster", flips.p_value, alpha)
    mean = guarded_mean(differences, codes, lowest=-1.0, highest=1.0)
    notes = []
    if seen.few_clusters:
        notes.append(
            f"Only {seen.n_clusters} clusters: below {FEW_CLUSTERS} the interval tends to be too narrow."
        )
    if seen.sparse:
        notes.append(
            "A handful of clusters carry all the difference: two pseudo-clusters widen the interval."
        )
    return _Inference(
        bounds=mean.bounds(alpha).clipped(-1.0, 1.0),
        p_value=flips.p_value,
        method=f"{_clustered_words(seen)}; sign-flip test of whole clusters",
        smallest_detectable=clustered_smallest_detectable(mean.standard_error, mean.n_clusters, alpha),
        note=" ".join(notes) or None,
    )


def _binary_pair(pairs: DiscordantPairs, alpha: float) -> _Inference:
    b, c, n = pairs.treatment_only, pairs.control_only, pairs.n_cases
    test = mcnemar(b, c)
    if n in (b, c) or b + c == 0:
        without = _without_variation((b - c) / n, n, "case", test.p_value, alpha)
        return replace(without, method="rule of three; exact McNemar test", mid_p=test.mid_p)
    few = (
        f"Only {b + c} discordant pairs: the exact p-value decides. "
        "The interval is not its inversion and can exclude 0 where p is above alpha."
    )
    return _Inference(
        bounds=tango(b, c, n, alpha),
        p_value=test.p_value,
        method="Tango score interval; exact McNemar test",
        smallest_detectable=smallest_detectable_pairs(n, (b + c) / n, alpha=alpha),
        mid_p=test.mid_p,
        note=few if b + c < _FEW_PAIRS else None,
    )


def _graded_pair(differences: FloatArray, alpha: float, rng: np.random.Generator) -> _Inference:
    flips = sign_flip(differences, None, rng)
    if differences.size > 1 and np.ptp(differences) == 0.0:
        return _without_variation(float(differences[0]), differences.size, "case", flips.p_value, alpha)
    # Draws are made with the sign that leans up, so that swapping the arms gives exactly the mirrored interval.
    leans_down = np.sort(differences).tolist() < np.sort(-differences).tolist()
    ordered = np.sort(-differences if leans_down else differences)
    bounds, method = _graded_mean(ordered, alpha, rng)
    bounds = bounds.clipped(-1.0, 1.0)
    return _Inference(
        bounds=bounds.negated() if leans_down else bounds,
        p_value=flips.p_value,
        method=f"{method}; sign-flip test",
        smallest_detectable=smallest_detectable(
            differences.size, float(np.var(differences, ddof=1)), alpha=alpha
        ),
    )


def _graded_mean(values: FloatArray, alpha: float, rng: np.random.Generator) -> tuple[Bounds, str]:
    if mean_is_settled(values):
        return t_interval(values, alpha), _STUDENT
    return bootstrap_mean(values, alpha, rng), _BOOTSTRAP


def _without_variation(estimate: float, n_units: int, unit: str, p_value: float, alpha: float) -> _Inference:
    seen = "No difference seen" if estimate == 0.0 else "The same difference seen"
    where = f"all {n_units} {unit}s" if n_units > 1 else f"the one {unit}"
    share = unseen_share(n_units, alpha)
    return _Inference(
        bounds=rule_of_three(estimate, n_units, alpha, lowest=-1.0, highest=1.0),
        p_value=p_value,
        method=f"rule of three; sign-flip test of {unit}s",
        smallest_detectable=smallest_detectable_pairs(n_units, 0.0, alpha=alpha),
        note=f"{seen} in {where}: up to {share:.1%} of {unit}s could differ without one showing here.",
    )


def _clustered_words(mean: ClusteredMean) -> str:
    if mean.sparse:
        return "cluster-robust standard error with two pseudo-clusters, t on C + 1"
    return "cluster-robust standard error, t on C - 1"
