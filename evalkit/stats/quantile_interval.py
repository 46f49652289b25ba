"""The interval of a quantile, such as the 95th percentile of latency, by order statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from evalkit.stats.arrays import FloatArray, IntArray, checked_alpha, checked_values, cluster_codes
from evalkit.stats.clusters import clustered_mean
from evalkit.stats.intervals import t_quantile, z_quantile


@dataclass(frozen=True, slots=True)
class QuantileInterval:
    """A quantile in the unit of the values.

    Attributes:
        value: By linear interpolation.
        low: Lower end; None where so few values do not bound it from below.
        high: Upper end; None where they do not bound it from above: the 95th percentile needs 72 values for that.
        n: Number of values.
        n_clusters: Clusters they lie in.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    n_clusters: int


def quantile_interval(
    values: npt.ArrayLike, share: float, clusters: IntArray | None, *, alpha: float
) -> QuantileInterval:
    """Bound a quantile by two of the values themselves, whatever the distribution.

    The number of values below the true quantile is binomial; the interval reaches from the value whose rank is as low
    as that number can be to the one whose rank is as high, with at most alpha/2 beyond either. Where values come in
    clusters the ranks are those of the effective number of values: the number at which independent ones would leave the
    share below the quantile as uncertain as these clusters do, reduced for few clusters as in `effective_wilson`.

    Args:
        values: Shape (n,).
        share: Which quantile, strictly between 0 and 1: 0.95 for the 95th percentile.
        clusters: Shape (n,), the label of each value's cluster; None when each is its own.
        alpha: Two-sided error rate.

    Raises:
        ValueError: No value, one that is not finite, a share or alpha out of range, or one cluster of several values.

    References:
        Conover (1999), Practical Nonparametric Statistics, section 3.2. Woodruff (1952), JASA 47:635-646, for clusters.

    Example:
        >>> quantile_interval(np.arange(1.0, 101.0), 0.95, None, alpha=0.05)
        QuantileInterval(value=95.05, low=90.0, high=100.0, n=100, n_clusters=100)
    """
    array = np.sort(checked_values(values))
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is {share:g}; give a quantile between 0 and 1, such as 0.95")
    codes = cluster_codes(clusters, array.size)
    n, n_clusters = array.size, int(codes.max()) + 1
    value = float(np.quantile(array, share))
    effective = n
    if n_clusters < n:
        below = (checked_values(values) <= value).astype(np.float64)
        effective = _effective(below, codes, n_clusters, alpha)
    lowest, highest = _ranks(effective, share, alpha)
    return QuantileInterval(
        value=value,
        low=None if lowest is None else float(array[max(1, lowest * n // effective) - 1]),
        high=None if highest is None else float(array[min(n, -(-highest * n // effective)) - 1]),
        n=n,
        n_clusters=n_clusters,
    )


def _effective(below: FloatArray, codes: IntArray, n_clusters: int, alpha: float) -> int:
    """Values that would be as good if they were independent; as many as clusters where nothing shows how good."""
    mean = clustered_mean(below, codes)
    effect = mean.design_effect if mean.standard_error > 0.0 else below.size / n_clusters
    t_over_z = t_quantile(alpha, n_clusters - 1) / z_quantile(alpha)
    return max(1, math.floor(below.size / max(1.0, effect) / t_over_z**2))


def _ranks(n: int, share: float, alpha: float) -> tuple[int | None, int | None]:
    """The highest rank that lies above the quantile, and the lowest below it, with a chance of at most alpha/2 each."""
    tail = checked_alpha(alpha) / 2.0
    at_most = bdtr(
        np.arange(n + 1.0), n, share
    )  # chance that at most 0, 1, ... n values lie below the quantile
    lowest = int(np.sum(at_most <= tail))
    highest = int(np.sum(at_most < 1.0 - tail)) + 1
    return (lowest if lowest >= 1 else None), (highest if highest <= n else None)
