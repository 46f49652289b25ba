"""The sign-flip permutation test for paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from evalkit.stats.arrays import (
    CHUNK,
    FloatArray,
    IntArray,
    checked_values,
    cluster_codes,
    cluster_sums,
    inner,
    weighted_sums,
)
from evalkit.stats.bootstrap import N_DRAWS

_EXACT_UNITS = 14  # 2^14 = 16,384 sign patterns are all tried; above that a sample of patterns is drawn
_SETTLED_UNITS = 5_000
"""Effective units from which the sum of flipped signs is normal: p is off by less than 0.0001, draws by 0.002."""


@dataclass(frozen=True, slots=True)
class SignFlipResult:
    """Two-sided p-value of the sign-flip test.

    Attributes:
        p_value: Share of sign patterns at least as far from 0 as the data.
        exact: Every pattern was tried; otherwise patterns were drawn and p = (1 + hits) / (1 + draws), or there are
            so many units that the sum of their flipped signs is normal.
        n_units: Cases or clusters whose difference is not 0; only these carry information.
    """

    p_value: float
    exact: bool
    n_units: int


def sign_flip(
    differences: FloatArray, clusters: IntArray | None, rng: np.random.Generator, n_draws: int = N_DRAWS
) -> SignFlipResult:
    """Test whether paired differences lie around 0, by flipping the signs of cases or of whole clusters.

    If neither arm is better, each unit's difference is as likely to have come out with the other sign. With at most 14
    units all patterns are tried; the smallest p is then 2 / 2^units. On single 0/1 pairs this is exact McNemar. Where
    thousands of units differ, none of which weighs much, the normal distribution that the sums then follow gives p.

    Args:
        differences: Shape (n_cases,), treatment minus control.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        rng: Source of chance, used only when patterns are drawn.
        n_draws: How many patterns are drawn then.

    Returns:
        p = 1 when every unit's difference is 0.

    Raises:
        ValueError: The input is empty, not finite, or not one label per case.

    References:
        Fisher (1935), The Design of Experiments, section 21. Phipson and Smyth (2010), SAGMB 9:39, for (1 + k)/(1 + n).

    Example:
        >>> sign_flip(np.array([0.1, 0.2, 0.3, 0.4]), None, np.random.default_rng(0)).p_value
        0.125
    """
    array = checked_values(differences, "differences")
    sums = np.abs(cluster_sums(array, cluster_codes(clusters, array.size)))
    observed = abs(float(array.sum()))
    # Equal sums come out a few last bits apart; a pattern that ties with the data counts as a hit.
    tolerance = 1e-9 * float(sums.sum())
    units = np.sort(sums[sums > 1e-12 * float(np.abs(array).max())])
    if units.size == 0:
        return SignFlipResult(p_value=1.0, exact=True, n_units=0)
    if units.size <= _EXACT_UNITS:
        patterns = np.arange(2**units.size)[:, None] >> np.arange(units.size) & 1
        hits = int(np.sum(np.abs(_signed_sums(patterns, units)) >= observed - tolerance))
        return SignFlipResult(p_value=hits / patterns.shape[0], exact=True, n_units=units.size)
    squares = units**2
    if inner(squares, np.ones_like(units)) ** 2 >= _SETTLED_UNITS * inner(squares, squares):
        return SignFlipResult(_normal_p(array, units), exact=False, n_units=units.size)
    hits = _sampled_hits(units, observed - tolerance, n_draws, rng)
    return SignFlipResult(p_value=(1 + hits) / (1 + n_draws), exact=False, n_units=units.size)


def _normal_p(differences: FloatArray, units: FloatArray) -> float:
    """Two-sided p from the variance of the flipped sum, which is that of its units: the sum of their squares.

    Sums of units on a grid lie apart by at least the smallest unit on either side; taking it off is the correction for
    continuity, and vanishes where units are not on a grid.
    """
    observed = abs(math.fsum(differences.tolist())) - float(units[0])
    return min(1.0, 2.0 * float(ndtr(-observed / math.sqrt(inner(units, units)))))


def _sampled_hits(units: FloatArray, threshold: float, n_draws: int, rng: np.random.Generator) -> int:
    n_bytes = -(-units.size // 8)
    per_chunk = max(1, CHUNK // units.size)
    hits = 0
    for start in range(0, n_draws, per_chunk):
        size = min(per_chunk, n_draws - start)
        packed = rng.integers(0, 256, size=(size, n_bytes), dtype=np.uint8)
        patterns = np.unpackbits(packed, axis=1, count=units.size)
        hits += int(np.sum(np.abs(_signed_sums(patterns, units)) >= threshold))
    return hits


def _signed_sums(
    patterns: np.ndarray[tuple[int, ...], np.dtype[np.integer]], units: FloatArray
) -> FloatArray:
    """Sum the units with sign + where a pattern holds 1 and - where it holds 0."""
    signed: FloatArray = 2.0 * weighted_sums(patterns.astype(np.float64), units[None, :])[:, 0] - units.sum()
    return signed
