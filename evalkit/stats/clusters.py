"""The standard error of a mean when cases come in clusters (one fact asked three ways, one document, one user)."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import (
    FloatArray,
    IntArray,
    checked_values,
    cluster_codes,
    cluster_sums,
    inner,
    mean_of,
)
from evalkit.stats.bounds import Bounds
from evalkit.stats.intervals import t_quantile

FEW_CLUSTERS = 20
"""Below this many clusters a sandwich standard error is too small on average; callers warn."""

_ROUNDING = 1e-12  # spread below this part of the largest value is rounding
_FEW_CARRIERS = 5  # below this many carriers, or a quarter of the clusters, intervals cover far too little


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean over cases with a standard error that allows any correlation inside a cluster.

    Attributes:
        mean: Over cases, each case counting once.
        standard_error: Sandwich estimate with the factor C/(C - 1).
        degrees_of_freedom: C - 1.
        n_cases: Number of cases.
        n_clusters: Number of clusters, C.
        design_effect: Variance of the mean over what independent cases would give; 1 when nothing varies.
        intraclass_correlation: Share of the variance that lies between clusters, from one-way analysis of variance;
            at most 1, below 0 when clusters differ less than chance would make them, and 0 when it cannot be estimated
            (each case alone, or nothing varies).
        few_clusters: Fewer than 20 clusters.
        sparse: A handful of clusters carry all the variation, so the standard error itself is hardly known and tends
            to be too small. The effective number of carriers (sum e^2)^2 / sum e^4 over the clusters' residual sums e
            is then below 5, or below a quarter of the clusters.
    """

    mean: float
    standard_error: float
    degrees_of_freedom: int
    n_cases: int
    n_clusters: int
    design_effect: float
    intraclass_correlation: float
    few_clusters: bool
    sparse: bool

    def bounds(self, alpha: float) -> Bounds:
        """Return the interval of the mean by Student's t; of width 0 where the standard error is 0."""
        half = t_quantile(alpha, self.degrees_of_freedom) * self.standard_error
        return Bounds(low=self.mean - half, high=self.mean + half)


def clustered_mean(values: FloatArray, clusters: IntArray | None) -> ClusteredMean:
    """Estimate a mean and its cluster-robust standard error.

    Equal to what statsmodels gives for `OLS(values ~ 1).fit(cov_type="cluster")`.

    Args:
        values: Shape (n_cases,).
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.

    Raises:
        ValueError: There are fewer than two clusters, or the input is empty, not finite or not one label per case.

    References:
        Liang and Zeger (1986), Biometrika 73:13-22. Miller (2024), arXiv:2411.00640, equation 4.

    Example:
        >>> scores = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0], dtype=float)
        >>> round(clustered_mean(scores, np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3])).standard_error, 7)
        0.1818424
    """
    array = checked_values(values)
    codes = cluster_codes(clusters, array.size)
    n_cases = array.size
    n_clusters = int(codes.max()) + 1
    if n_clusters < 2:
        raise ValueError(
            "all cases lie in one cluster, so nothing says how much clusters differ; "
            "collect cases from at least 2 clusters, better 20"
        )
    mean = mean_of(array)
    residual_sums = cluster_sums(array - mean, codes)
    variance = n_clusters / (n_clusters - 1) * inner(residual_sums, residual_sums) / n_cases**2
    largest = float(np.abs(array).max())
    if math.sqrt(variance) <= _ROUNDING * largest:
        variance = 0.0  # what is left of a sum that is zero but for rounding
    spread = float(np.var(array, ddof=1))
    varies = spread > max((_ROUNDING * largest) ** 2, sys.float_info.min)
    return ClusteredMean(
        mean=mean,
        standard_error=math.sqrt(variance),
        degrees_of_freedom=n_clusters - 1,
        n_cases=n_cases,
        n_clusters=n_clusters,
        design_effect=variance / (spread / n_cases) if varies else 1.0,
        intraclass_correlation=_intraclass_correlation(array, codes) if varies else 0.0,
        few_clusters=n_clusters < FEW_CLUSTERS,
        sparse=variance > 0.0 and _carriers(residual_sums) < min(_FEW_CARRIERS, n_clusters / 4),
    )


def guarded_mean(values: FloatArray, clusters: IntArray, *, lowest: float, highest: float) -> ClusteredMean:
    """Estimate a mean for an interval that holds its level even where a handful of clusters carry the variation.

    Where `sparse`, two pseudo-clusters of average size are added, one in which every value is the lowest possible and
    one with the highest; elsewhere this is `clustered_mean`. It is what Bonett and Price do for paired 0/1 scores,
    cluster by cluster.

    Args:
        values: Shape (n_cases,).
        clusters: Shape (n_cases,), labels.
        lowest: Smallest possible value.
        highest: Largest possible value.

    Raises:
        ValueError: As `clustered_mean`.

    References:
        Bonett and Price (2012), J. Educational and Behavioral Statistics 37:479-488.
    """
    seen = clustered_mean(values, clusters)
    if not seen.sparse:
        return seen
    codes = cluster_codes(clusters, seen.n_cases)
    size = max(1, round(seen.n_cases / seen.n_clusters))
    added = np.repeat([lowest, highest], size)
    added_codes = np.repeat([seen.n_clusters, seen.n_clusters + 1], size)
    return clustered_mean(np.concatenate((values, added)), np.concatenate((codes, added_codes)))


def _intraclass_correlation(values: FloatArray, codes: IntArray) -> float:
    """One-way analysis of variance estimate for unequal sizes (Donner 1986, Int. Stat. Review 54:67-82)."""
    sizes = np.bincount(codes).astype(np.float64)
    n_cases, n_clusters = values.size, sizes.size
    if n_cases == n_clusters:
        return 0.0
    means = cluster_sums(values, codes) / sizes
    between = inner(sizes, (means - mean_of(values)) ** 2) / (n_clusters - 1)
    within = math.fsum(((values - means[codes]) ** 2).tolist()) / (n_cases - n_clusters)
    typical_size = (n_cases - inner(sizes, sizes) / n_cases) / (n_clusters - 1)
    return (between - within) / (between + (typical_size - 1.0) * within)


def _carriers(residual_sums: FloatArray) -> float:
    """Return how many clusters of equal residual would vary as these do: the inverse of their concentration."""
    shares = residual_sums**2 / inner(residual_sums, residual_sums)
    return 1.0 / inner(shares, shares)
