"""The power of the exact McNemar test, which the comparison uses; it finds less than the large-sample formula says."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtr, bdtrc

from evalkit.stats.arrays import FloatArray, IntArray, inner
from evalkit.stats.intervals import z_quantile
from evalkit.stats.power import POWER, checked_design_effect, pairs_needed, smallest_detectable_pairs

_REACH = 9.0
"""Standard deviations of the number of discordant pairs that are summed over; beyond them lies less than 1e-17."""

_DIFFERENCE_DIGITS = 1e-5
_LARGE = 20_000
"""Cases from which the large-sample formula gives the smallest difference to within 2%."""


def exact_power(n_cases: int, difference: float, discordant_share: float, *, alpha: float = 0.05) -> float:
    """Return the chance that the exact McNemar test rejects, over every outcome that `n_cases` pairs can have.

    Args:
        n_cases: Independent pairs, at least 1.
        difference: Treatment's share of right answers minus the control's.
        discordant_share: Share of cases that exactly one arm gets right, at least as large as the difference.
        alpha: Two-sided error rate.

    Returns:
        In [0, 1]. Rises with `n_cases` but for ripples of the discrete test.

    References:
        Duffy (1984), Biometrics 40:1005-1015: the unconditional power as the mean of the conditional one over the
        binomial number of discordant pairs.

    Example:
        >>> round(exact_power(194, 0.10, 0.25), 3)
        0.773
    """
    pairs, chance = numbers_of_pairs(n_cases, discordant_share)
    largest = _critical(pairs, alpha)
    wins = (discordant_share + difference) / 2.0 / discordant_share
    lower = np.where(largest >= 0, bdtr(largest.clip(0), pairs, wins), 0.0)
    upper = np.where(largest >= 0, bdtrc((pairs - largest - 1.0).clip(0), pairs, wins), 0.0)
    return min(max(0.0, inner(chance, lower + upper)), 1.0)


def numbers_of_pairs(n_cases: int, discordant_share: float) -> tuple[IntArray, FloatArray]:
    """Return the numbers of discordant pairs that can come up, and the chance of each.

    Args:
        n_cases: Independent pairs, at least 1.
        discordant_share: Chance of each to be discordant, above 0.
    """
    mean, spread = n_cases * discordant_share, math.sqrt(n_cases * discordant_share * (1 - discordant_share))
    first = max(0, math.floor(mean - _REACH * spread))
    last = min(n_cases, math.ceil(mean + _REACH * spread))
    chance = np.diff(bdtr(np.arange(first - 1.0, last + 1), n_cases, discordant_share).clip(0))
    if first == 0:
        chance[0] = (1.0 - discordant_share) ** n_cases
    return np.arange(first, last + 1), chance


def smallest_detectable_exact(
    n_cases: int, discordant_share: float, *, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """Return the smallest true difference that the exact McNemar test shows with the given power, to five decimals.

    Where it is larger than the discordant share, the difference is taken to be all the discordance there is.

    Args:
        n_cases: Independent pairs, at least 1.
        discordant_share: Share of cases that exactly one arm gets right, in [0, 1]; it may be 0.
        alpha: Two-sided error rate.
        power: Chance of finding it.

    Returns:
        None where so few cases can show no difference at all.

    Example:
        >>> round(smallest_detectable_exact(207, 0.25), 4)
        0.0998
        >>> smallest_detectable_exact(5, 0.2) is None
        True
    """
    if exact_power(n_cases, 1.0, 1.0, alpha=alpha) < power:
        return None
    if n_cases >= _LARGE:
        return smallest_detectable_pairs(n_cases, discordant_share, alpha=alpha, power=power)
    low, high = 0.0, 1.0
    while high - low > _DIFFERENCE_DIGITS:
        middle = (low + high) / 2.0
        if exact_power(n_cases, middle, max(discordant_share, middle), alpha=alpha) < power:
            low = middle
        else:
            high = middle
    return high


def pairs_needed_exact(
    difference: float,
    discordant_share: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    design_effect: float = 1.0,
) -> int:
    """Return how many cases let the exact McNemar test show a true difference with the given power.

    Starts from `pairs_needed`, whose args and errors these are, and goes on until the exact power is reached. The
    design effect multiplies the result, which is then no longer exact.

    Example:
        >>> pairs_needed_exact(0.10, 0.25)
        207
    """
    n = pairs_needed(difference, discordant_share, alpha=alpha, power=power)
    while (reached := exact_power(n, difference, discordant_share, alpha=alpha)) < power:
        n += max(1, math.floor(2.0 * n * (power - reached)))  # power rises by at most 0.4 of the share added
    return math.ceil(checked_design_effect(design_effect) * n - 1e-9)


def _critical(pairs: np.ndarray, alpha: float) -> np.ndarray:
    """Return the largest count of the rarer kind at which the test rejects; -1 where none is."""
    near = np.floor(pairs / 2.0 - z_quantile(alpha) * np.sqrt(pairs) / 2.0)
    largest = np.full(pairs.shape, -1.0)
    for count in (near + step for step in range(-3, 4)):  # the normal approximation is off by 2 at most
        rejects = (count >= 0) & (2.0 * bdtr(count.clip(0), pairs, 0.5) <= alpha)
        largest = np.where(rejects, count, largest)
    return largest
