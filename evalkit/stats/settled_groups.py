"""Dirichlet-weighted sums over thousands of clusters at once, where the central limit leaves nothing to draw singly.

The weights of m clusters are a gamma variable of shape m times a Dirichlet, and the two are independent. So the sum
over a group of clusters is that gamma times the Dirichlet mean of the group, whose mean and covariance are known
exactly; of its shape only the skewness is given up, and only where there is hardly any.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import BoolArray, FloatArray, IntArray, weighted_sums

MANY_CLUSTERS = 5_000
"""Below so many clusters every weight is drawn."""

_LARGE_GROUP = 500
_LITTLE_SKEWNESS = 0.1  # of a weighted mean; moves its tenth percentile by 1% of its standard deviation
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class SettledSums:
    """The part of the weighted sums that was drawn group by group.

    Attributes:
        sums: Shape (n_draws, n_columns).
        left: Shape (n_rows,), True for the rows that are not in it and must be weighed one by one.
    """

    sums: FloatArray
    left: BoolArray


def settled_sums(
    rows: FloatArray,
    times: IntArray,
    n_draws: int,
    rng: np.random.Generator,
    *,
    n_scores: int,
) -> SettledSums:
    """Draw the weighted sums of the clusters that come in large groups.

    First the clusters with equal scores and sizes are one group each, in which only costs vary; then all that are left,
    if they are many and neither a score nor a difference of two scores is skewed (a handful of discordant cases among
    thousands is, and stays exact).

    Args:
        rows: Shape (n_rows, n_columns), sorted distinct rows: scores and size first, then what goes with them.
        times: Shape (n_rows,), how many clusters have each row.
        n_draws: How many draws.
        rng: Source of chance.
        n_scores: Columns of scores; the size stands behind them.

    References:
        Lo (1987), Annals of Statistics 15:360-375: the Bayesian bootstrap mean is asymptotically normal.
    """
    sums, left = np.zeros((n_draws, rows.shape[1])), np.ones(times.size, dtype=bool)
    if int(times.sum()) < MANY_CLUSTERS:
        return SettledSums(sums, left)
    keys = rows[:, : n_scores + 1]
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(keys, axis=0) != 0.0).any(axis=1))))
    for start, stop in zip(starts, np.append(starts[1:], times.size), strict=True):
        group = slice(int(start), int(stop))
        if int(times[group].sum()) >= _LARGE_GROUP and _is_settled(rows[group], times[group], pairs=0):
            sums += _group_sums(rows[group], times[group], n_draws, rng)
            left[group] = False
    if int(times[left].sum()) >= MANY_CLUSTERS and _is_settled(rows[left], times[left], pairs=n_scores):
        sums += _group_sums(rows[left], times[left], n_draws, rng)
        left[:] = False
    return SettledSums(sums, left)


def _is_settled(rows: FloatArray, times: IntArray, *, pairs: int) -> bool:
    """Whether no column's weighted mean is skewed, nor a difference of two of the first `pairs` columns."""
    differences = (rows[:, one] - rows[:, other] for one, other in itertools.combinations(range(pairs), 2))
    count = int(times.sum())
    for values in itertools.chain(rows.T, differences):
        gaps = values - float((values * times).sum()) / count
        variance = float((gaps**2 * times).sum()) / count
        if variance <= (_ROUNDING * float(np.abs(values).max())) ** 2:
            continue
        skewness = float((gaps * gaps * gaps * times).sum()) / count / variance**1.5
        if 2.0 * abs(skewness) > _LITTLE_SKEWNESS * math.sqrt(count):
            return False
    return True


def _group_sums(rows: FloatArray, times: IntArray, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """A gamma weight of the group times a normal draw of its Dirichlet mean, of covariance cov / (m + 1)."""
    count = int(times.sum())
    weight = rng.standard_gamma(count, size=(n_draws, 1))
    mean = (rows * times[:, None]).sum(axis=0) / count
    varying = np.flatnonzero(np.ptp(rows, axis=0) > 0.0)
    means = np.tile(mean, (n_draws, 1))
    if varying.size:
        gaps = np.ascontiguousarray((rows[:, varying] - mean[varying]).T)
        covariance = weighted_sums(gaps * times, gaps) / count / (count + 1.0)
        means[:, varying] += weighted_sums(rng.standard_normal((n_draws, varying.size)), _root(covariance))
    sums: FloatArray = weight * means
    return sums


def _root(covariance: FloatArray) -> FloatArray:
    """The lower triangular root of a covariance, column by column in a fixed order; what depends adds nothing."""
    root = np.zeros_like(covariance)
    for column in range(covariance.shape[0]):
        rest = covariance[column:, column] - (root[column:, :column] * root[column, :column]).sum(axis=1)
        if rest[0] > _ROUNDING * covariance[column, column]:
            root[column:, column] = rest / math.sqrt(rest[0])
    return root
