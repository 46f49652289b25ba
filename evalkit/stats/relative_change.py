"""By what share a mean of amounts, such as the cost of a request, is higher or lower than another's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import (
    FloatArray,
    IntArray,
    checked_values,
    cluster_codes,
    mean_of,
)
from evalkit.stats.bootstrap import bootstrap_bounds, mean_is_settled
from evalkit.stats.bounds import Bounds
from evalkit.stats.clusters import clustered_mean
from evalkit.stats.intervals import t_quantile


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """(mean of the treatment - mean of the control) / mean of the control.

    Attributes:
        estimate: 0.1 where the treatment's mean is higher by a tenth.
        low: Lower end of the two-sided interval, at least -1.
        high: Upper end.
        method: How the interval was made, in words.
        n: Cases of the treatment.
        n_clusters: Clusters they lie in.
    """

    estimate: float
    low: float
    high: float
    method: str
    n: int
    n_clusters: int


@dataclass(frozen=True, slots=True)
class AmountSummary:
    """What is left of amounts that were not kept case by case.

    Attributes:
        mean: Above 0.
        standard_deviation: Over cases.
        n: Number of cases, at least 2.
    """

    mean: float
    standard_deviation: float
    n: int


def relative_change(
    treatment: npt.ArrayLike,
    control: npt.ArrayLike,
    clusters: IntArray | None,
    *,
    alpha: float,
    rng: np.random.Generator,
) -> RelativeChange:
    """Compare two means of amounts on the same cases, as a share of the control's.

    The ratio of two means has the standard error of the mean of (treatment - ratio x control) / mean control. Cases in
    clusters: that standard error robust to clusters, t on C - 1. Else a BCa bootstrap over cases, nowhere narrower than
    t, or t alone where the mean is settled. The interval has no width where every case changed by the same share.

    Args:
        treatment: Shape (n_cases,), at least 0.
        control: Same shape and case order.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        alpha: Two-sided error rate.
        rng: Source of chance for the bootstrap.

    Raises:
        ValueError: The shapes differ, an amount is negative or not finite, the control's sum to 0, there are fewer than
            two cases or clusters, or so few of the control's are above 0 that a resample has none.

    References:
        Cochran (1977), Sampling Techniques, section 6.4, for the standard error.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> change = relative_change([0.011] * 30 + [0.013] * 30, [0.010] * 60, None, alpha=0.05, rng=rng)
        >>> round(change.estimate, 3), round(change.low, 3), round(change.high, 3)
        (0.2, 0.174, 0.227)
    """
    above, below = _amounts(treatment, "treatment"), _amounts(control, "control")
    if above.shape != below.shape:
        raise ValueError(
            f"treatment has {above.size} cases and control {below.size}; pair them by case first"
        )
    base = mean_of(below)
    if base == 0.0:
        raise ValueError("the control's amounts are all 0, so that nothing is a share of them")
    ratio = mean_of(above) / base
    residuals = (above - ratio * below) / base
    codes = cluster_codes(clusters, above.size)
    spread = clustered_mean(residuals, codes)
    clustered = spread.n_clusters < above.size
    half = t_quantile(alpha, spread.degrees_of_freedom) * spread.standard_error
    bounds = Bounds(low=ratio - half, high=ratio + half)
    method = f"ratio of means, t on {'C' if clustered else 'n'} - 1"
    if float(np.abs(residuals).max()) <= 1e-12 * max(ratio, 1.0):
        bounds, method = Bounds(ratio, ratio), "the same change in every case"
    elif not clustered and not mean_is_settled(residuals):
        rows = np.column_stack((above, below))
        drawn, _ = bootstrap_bounds(rows, _ratio, alpha, rng)
        bounds = Bounds(low=min(bounds.low, drawn.low), high=max(bounds.high, drawn.high))
        method = "BCa bootstrap of the ratio of means over cases, no narrower than Student's t"
    return _change(ratio, bounds, method, above.size, spread.n_clusters)


def change_from_summary(
    treatment: npt.ArrayLike, control: AmountSummary, clusters: IntArray | None, *, alpha: float
) -> RelativeChange:
    """Compare the mean of amounts with that of others of which only a summary was kept: without pairs.

    The relative variances of the two means add up. The control's mean is taken to be as much less certain for its
    clusters as the treatment's is.

    Args:
        treatment: Shape (n_cases,), at least 0.
        control: The other side.
        clusters: As in `relative_change`, of the treatment.
        alpha: Two-sided error rate.

    Raises:
        ValueError: An amount is negative or not finite, the control's mean is not above 0 or has fewer than two cases,
            or there are fewer than two cases or clusters.

    Example:
        >>> control = AmountSummary(mean=0.010, standard_deviation=0.002, n=100)
        >>> change = change_from_summary([0.010, 0.012] * 50, control, None, alpha=0.05)
        >>> round(change.estimate, 3), round(change.low, 3), round(change.high, 3)
        (0.1, 0.052, 0.148)
    """
    above = _amounts(treatment, "treatment")
    if not control.mean > 0.0 or control.n < 2:
        raise ValueError("the control's mean is not above 0 over two cases or more; nothing is a share of it")
    mean = clustered_mean(above, clusters)
    ratio = mean.mean / control.mean
    effect = max(1.0, mean.design_effect)
    own = mean.standard_error / control.mean
    others = ratio * control.standard_deviation / control.mean * math.sqrt(effect / control.n)
    freedom = min(mean.degrees_of_freedom, control.n - 1)
    half = t_quantile(alpha, freedom) * math.hypot(own, others)
    method = "ratio of two means without pairs, Student's t"
    return _change(ratio, Bounds(ratio - half, ratio + half), method, mean.n_cases, mean.n_clusters)


def _amounts(values: npt.ArrayLike, name: str) -> FloatArray:
    array = checked_values(values, name)
    if array.min() < 0.0:
        raise ValueError(f"{name} holds {array.min():g}; an amount is at least 0")
    return array


def _ratio(sums: FloatArray) -> FloatArray:
    ratios = np.full(sums.shape[:-1], np.nan)
    np.divide(sums[..., 0], sums[..., 1], out=ratios, where=sums[..., 1] > 0.0)
    return ratios


def _change(ratio: float, bounds: Bounds, method: str, n: int, n_clusters: int) -> RelativeChange:
    low, high = max(-1.0, bounds.low - 1.0), bounds.high - 1.0
    return RelativeChange(ratio - 1.0, low, high, method, n, n_clusters)
