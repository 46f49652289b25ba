"""The prior part of the joint draws: two pseudo-clusters, so that few cases do not make a certainty.

For scores of right and wrong they lie at the corners (each distinct column right or wrong, all combinations alike); for
graded scores they are clusters seen, since the corners of [0, 1] would swamp differences of a few hundredths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import CHUNK, FloatArray, IntArray, weighted_sums

PRIOR_WEIGHT = 2
"""Weight of the prior where a cluster seen weighs 1."""

MOST_CORNERS_OF = 10
"""Distinct columns up to which all 2^C corners are listed."""

_STICKS = 64  # the weight left over after as many breaks is (2/3)^64 on average: nothing


@dataclass(frozen=True, slots=True, eq=False)
class CornerDraws:
    """The prior's weight, and how much of it lies on right answers.

    Attributes:
        weight: Shape (n_draws,), in clusters.
        right: Shape (n_draws, n_columns), the part of the weight at corners where the column is right.
    """

    weight: FloatArray
    right: FloatArray


def corner_draws(n_columns: int, n_draws: int, rng: np.random.Generator) -> CornerDraws:
    """Draw unnormalised Dirichlet weights of the corner patterns of right and wrong.

    Up to 10 distinct columns each of the 2^C corners has a gamma weight of shape 2 / 2^C. Above, the total is a gamma
    weight of shape 2, and its split a stick broken into pieces that fall on random corners, which has the same
    distribution and does not grow with the number of corners.

    Args:
        n_columns: C, distinct score columns, at least 1.
        n_draws: How many draws.
        rng: Source of chance.

    References:
        Sethuraman (1994), Statistica Sinica 4:639-650, for the broken stick.
    """
    weight, right = np.empty(n_draws), np.empty((n_draws, n_columns))
    listed = n_columns <= MOST_CORNERS_OF
    width = 2**n_columns if listed else _STICKS * n_columns
    per_chunk = max(1, CHUNK // width)
    corners = _all_corners(n_columns) if listed else None
    for start in range(0, n_draws, per_chunk):
        rows = slice(start, min(start + per_chunk, n_draws))
        size = rows.stop - start
        if corners is not None:
            gammas = rng.standard_gamma(PRIOR_WEIGHT / corners.shape[1], size=(size, corners.shape[1]))
            weight[rows], right[rows] = gammas.sum(axis=1), weighted_sums(gammas, corners)
            continue
        weight[rows] = rng.standard_gamma(PRIOR_WEIGHT, size=size)
        # a break takes a Beta(1, 2) part of what is left of the stick, so the part that stays is a uniform's root
        left = np.cumprod(np.sqrt(rng.random((size, _STICKS))), axis=1)
        left[:, -1] = 0.0
        pieces = -np.diff(left, axis=1, prepend=1.0)
        patterns = rng.integers(0, 2, size=(size, _STICKS, n_columns), dtype=np.uint8)
        for column in range(n_columns):
            right[rows, column] = weight[rows] * (pieces * patterns[:, :, column]).sum(axis=1)
    return CornerDraws(weight, right)


def observed_sums(rows: FloatArray, times: IntArray, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the weighted sum of two whole clusters picked from those seen, picked anew in each draw.

    Args:
        rows: Shape (n_distinct, n_columns), the distinct rows of the clusters.
        times: Shape (n_distinct,), how many clusters have each row.
        n_draws: How many draws.
        rng: Source of chance.

    Returns:
        Shape (n_draws, n_columns): weights are exponential with mean 1, as those of the clusters seen.
    """
    ends = np.cumsum(times)
    sums = np.zeros((n_draws, rows.shape[1]))
    for _ in range(PRIOR_WEIGHT):
        picked = np.searchsorted(ends, rng.integers(0, ends[-1], size=n_draws), side="right")
        sums += rng.standard_exponential(n_draws)[:, None] * rows[picked]
    return sums


def _all_corners(n_columns: int) -> FloatArray:
    """Every pattern of right and wrong, shape (n_columns, 2^n_columns)."""
    bits = np.arange(2**n_columns) >> np.arange(n_columns)[:, None] & 1
    return bits.astype(np.float64)
