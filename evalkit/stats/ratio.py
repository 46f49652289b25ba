"""The interval of a ratio of sums, such as cost per correct answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import IntArray, checked_alpha, checked_values, cluster_codes, cluster_sums
from evalkit.stats.bootstrap import N_DRAWS, resampled_sums
from evalkit.stats.bounds import unseen_share


@dataclass(frozen=True, slots=True)
class RatioInterval:
    """A ratio of two sums over the same cases, in units of the numerator per unit of the denominator.

    Attributes:
        value: None where the denominator sums to 0.
        low: Lower end; None where there is no interval.
        high: Upper end; None where the data do not bound it, because too many resamples have denominator 0.
        n: Number of cases.
        n_clusters: Number of clusters.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_clusters: int


def bootstrap_ratio(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    clusters: IntArray | None,
    *,
    alpha: float,
    rng: np.random.Generator,
    n_draws: int = N_DRAWS,
) -> RatioInterval:
    """Bound sum(numerators) / sum(denominators) by resampling cases, or whole clusters.

    Percentile interval. Where every case has the same denominator (each answer right), the upper end also allows for
    the share of cases with denominator 0 that so many cases can fail to show.

    Args:
        numerators: Shape (n_cases,), at least 0: the cost of each case.
        denominators: Shape (n_cases,), in [0, 1]: 1 where the answer is right.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        alpha: Two-sided error rate.
        rng: Source of chance.
        n_draws: How many resamples.

    Raises:
        ValueError: Lengths differ, no case, or a value is negative or not finite.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Example:
        >>> result = bootstrap_ratio([0.02] * 50, [1.0] * 40 + [0.0] * 10, None,
        ...                          alpha=0.05, rng=np.random.default_rng(7))
        >>> result.value, round(result.low, 3), round(result.high, 3)
        (0.025, 0.022, 0.029)
    """
    above, below = checked_values(numerators, "numerators"), checked_values(denominators, "denominators")
    if above.shape != below.shape:
        raise ValueError(
            f"there are {above.size} numerators and {below.size} denominators; give one of each per case"
        )
    if min(float(above.min()), float(below.min())) < 0.0:
        raise ValueError(
            "a numerator or denominator is negative; a ratio of costs to answers takes values of at least 0"
        )
    checked_alpha(alpha)
    codes = cluster_codes(clusters, above.size)
    rows = np.column_stack((cluster_sums(above, codes), cluster_sums(below, codes)))
    n_clusters = rows.shape[0]
    total, count = float(above.sum()), float(below.sum())
    if count == 0.0:
        return RatioInterval(None, None, None, above.size, n_clusters)
    sums = resampled_sums(rows, n_draws, rng)
    draws = np.full(n_draws, np.inf)
    np.divide(sums[:, 0], sums[:, 1], out=draws, where=sums[:, 1] > 0.0)
    # order statistics, not interpolated: infinity minus infinity is not a number
    low, high = np.quantile(draws, [alpha / 2.0, 1.0 - alpha / 2.0], method="inverted_cdf")
    if np.ptp(below) == 0.0:
        high = high / (1.0 - unseen_share(n_clusters, alpha))
    return RatioInterval(
        value=total / count,
        low=float(low),
        high=float(high) if np.isfinite(high) else None,
        n=above.size,
        n_clusters=n_clusters,
    )
