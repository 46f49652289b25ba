"""Joint draws of what the arms' quality and cost may be, given the cases seen.

A Bayesian bootstrap over clusters (Rubin 1981) with a little prior weight. One draw weighs the same clusters for every
arm and every quantity, so pairing, and the tie between quality and cost, survive into whatever is computed from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import CHUNK, FloatArray, checked_table, weighted_sums
from evalkit.stats.bootstrap import grouped_rows

PRIOR_WEIGHT = 2.0
"""Weight of the corner patterns together, where a cluster seen weighs 1: one success and one failure are added."""

_STICKS = 64  # the weight left over after as many breaks is (2/3)^64 on average: nothing
_NOISE = 1e-9  # a sum of means can end a last bit above its count


@dataclass(frozen=True, slots=True)
class BootstrapDraws:
    """Draws of means per case; row i of both tables comes from the same weights.

    Attributes:
        quality: Shape (n_draws, n_arms), mean quality of each arm, in [0, 1].
        alongside: Shape (n_draws, n_quantities), mean per case of what was passed as `alongside`.
        n_clusters: Clusters the draws rest on.
    """

    quality: FloatArray
    alongside: FloatArray
    n_clusters: int


def joint_draws(
    quality: npt.ArrayLike,
    counts: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    n_draws: int,
    alongside: npt.ArrayLike | None = None,
    alongside_counts: npt.ArrayLike | None = None,
) -> BootstrapDraws:
    """Draw the mean quality of all arms, and what goes with it, from what the cases leave possible.

    Each draw gives the clusters weights from a Dirichlet distribution with 1 per cluster, plus a total of 2 spread
    evenly over the 2^n_arms corner patterns (every arm right or wrong) as pseudo-clusters of average size and average
    cost. A plain bootstrap gives false certainty: after four wins and no loss in five cases it is sure of the winner,
    and with no discordant case it is sure of a tie.

    Args:
        quality: Shape (n_clusters, n_arms), the sum of each arm's scores in [0, 1] over the cluster's cases.
        counts: Shape (n_clusters, n_arms), how many cases were scored; or (n_clusters,) where that is the same for
            every arm. A cluster may hold no case of an arm, but not all clusters.
        rng: Source of chance.
        n_draws: How many draws, at least 1.
        alongside: Shape (n_clusters, n_quantities), sums over the cluster's cases of anything else that is averaged
            per case: cost of a request, tokens, a second metric.
        alongside_counts: Shape (n_clusters, n_quantities) or (n_clusters,), how many cases stand behind those sums;
            `counts` where None.

    Returns:
        Draws that do not depend on the order of the clusters.

    Raises:
        ValueError: Shapes do not match, a value is not finite, a sum of scores lies outside [0, count], a column has
            no case, or `n_draws` is below 1.

    References:
        Rubin (1981), Annals of Statistics 9:130-134. Sethuraman (1994), Statistica Sinica 4:639-650, for the prior
        part: the Dirichlet over all 2^n_arms patterns is drawn by breaking a stick, with a random pattern per piece,
        which is the same distribution and does not grow with the number of patterns.

    Example:
        >>> five_cases = [[1, 1], [1, 0], [1, 0], [1, 0], [1, 0]]
        >>> draws = joint_draws(five_cases, np.ones(5), np.random.default_rng(7), n_draws=10_000)
        >>> share = (draws.quality[:, 0] > draws.quality[:, 1]).mean()
        >>> bool(0.95 < share < 0.99)
        True
    """
    if n_draws < 1:
        raise ValueError(f"n_draws is {n_draws}; give at least 1")
    scores, sizes = _with_counts(quality, counts, "quality")
    if (scores < -_NOISE * sizes).any() or (scores > (1.0 + _NOISE) * sizes).any():
        raise ValueError("a sum of scores lies outside [0, count]; quality holds sums of scores in [0, 1]")
    n_clusters, n_arms = scores.shape
    others, other_sizes = np.empty((n_clusters, 0)), np.empty((n_clusters, 0))
    if alongside is not None:
        other_counts = counts if alongside_counts is None else alongside_counts
        others, other_sizes = _with_counts(alongside, other_counts, "alongside")
    if others.shape[0] != n_clusters:
        raise ValueError(
            f"alongside has {others.shape[0]} rows and quality {n_clusters}; give a row per cluster"
        )

    prior_weight = rng.standard_gamma(PRIOR_WEIGHT, size=(n_draws, 1))
    prior_quality = _corner_quality(n_arms, n_draws, rng)
    weighted = _dirichlet_sums(np.hstack((scores, sizes, others, other_sizes)), n_draws, rng)
    ends = [n_arms, 2 * n_arms, 2 * n_arms + others.shape[1]]
    right, seen, amounts, amounts_seen = np.split(weighted, ends, axis=1)
    pseudo_cases = prior_weight * sizes.mean(axis=0)
    amounts = amounts + prior_weight * others.mean(axis=0)
    amounts_seen = amounts_seen + prior_weight * other_sizes.mean(axis=0)
    return BootstrapDraws(
        quality=np.clip((right + pseudo_cases * prior_quality) / (seen + pseudo_cases), 0.0, 1.0),
        alongside=amounts / amounts_seen,
        n_clusters=n_clusters,
    )


def _dirichlet_sums(rows: FloatArray, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Sum the rows with independent exponential weights: ratios of such sums are ratios under a Dirichlet."""
    distinct, times = grouped_rows(rows)
    columns, column_of = np.unique(
        distinct.T, axis=0, return_inverse=True
    )  # counts are often the same for all arms
    all_single = distinct.shape[0] == rows.shape[0]
    sums = np.empty((n_draws, columns.shape[0]))
    per_chunk = max(1, CHUNK // times.size)
    for start in range(0, n_draws, per_chunk):
        size = (min(per_chunk, n_draws - start), times.size)
        weights = rng.standard_exponential(size) if all_single else rng.standard_gamma(times, size=size)
        sums[start : start + size[0]] = weighted_sums(weights, columns)
    return sums[:, column_of]


def _corner_quality(n_arms: int, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw each arm's share of right answers under the prior alone, shape (n_draws, n_arms)."""
    quality = np.empty((n_draws, n_arms))
    per_chunk = max(1, CHUNK // (_STICKS * n_arms))
    for start in range(0, n_draws, per_chunk):
        size = min(per_chunk, n_draws - start)
        # a break takes a Beta(1, 2) part of what is left of the stick, so the part that stays is a uniform's root
        left = np.cumprod(np.sqrt(rng.random((size, _STICKS))), axis=1)
        left[:, -1] = 0.0
        pieces = -np.diff(left, axis=1, prepend=1.0)
        patterns = rng.integers(0, 2, size=(size, _STICKS, n_arms), dtype=np.uint8)
        quality[start : start + size] = _shares_right(pieces, patterns)
    return quality


def _shares_right(pieces: FloatArray, patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Sum the pieces of a stick at which an arm is right, shape (n_draws, n_arms), in one order on every processor."""
    return np.stack([(pieces * patterns[:, :, arm]).sum(axis=1) for arm in range(patterns.shape[2])], axis=1)


def _with_counts(sums: npt.ArrayLike, counts: npt.ArrayLike, name: str) -> tuple[FloatArray, FloatArray]:
    """Return the sums and, in the same shape, how many cases stand behind each."""
    table = checked_table(sums, name)
    sizes = np.asarray(counts, dtype=np.float64)
    if sizes.shape == table.shape[:1]:
        sizes = np.repeat(sizes[:, None], table.shape[1], axis=1)
    if sizes.shape != table.shape:
        raise ValueError(
            f"{name} has shape {table.shape} and its counts {sizes.shape}; give a count for each sum"
        )
    if not (np.isfinite(sizes) & (sizes >= 0.0)).all():
        raise ValueError(f"a count of {name} is negative or not finite; give the cases behind each sum")
    if (sizes.sum(axis=0) == 0.0).any():
        raise ValueError(f"a column of {name} has no case at all; leave that arm or quantity out")
    return table, sizes
