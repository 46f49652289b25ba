"""The chance that two arms, right or wrong on the same cases, are shown to be no further apart than a margin."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtrc

from evalkit.stats.arrays import FloatArray, IntArray, inner
from evalkit.stats.exact_power import numbers_of_pairs
from evalkit.stats.intervals import z_quantile
from evalkit.stats.paired_binary import above_margin
from evalkit.stats.power import POWER, cases_needed

_LARGE = 20_000
"""Cases from which the large-sample formula is as good: Tango's interval asks for less than 1% more."""


def margin_power(
    n_cases: int, margin: float, discordant_share: float, difference: float = 0.0, *, alpha: float = 0.05
) -> float:
    """Return the chance that the lower end of Tango's interval comes out above -margin, over every possible outcome.

    Args:
        n_cases: Independent pairs, at least 1.
        margin: The loss that would not matter, above 0 and below 1.
        discordant_share: Share of cases that exactly one arm gets right, at least as large as the difference; 0 where
            no case can differ.
        difference: True share of right answers of the treatment minus the control's.
        alpha: Two-sided error rate of the interval.

    Returns:
        In [0, 1].

    References:
        Tango (1998), Statistics in Medicine 17:891-908, for the interval.

    Example:
        >>> round(margin_power(437, 0.03, 0.05), 3), margin_power(124, 0.03, 0.0), margin_power(125, 0.03, 0.0)
        (0.748, 0.0, 1.0)
    """
    z = z_quantile(alpha)
    if discordant_share == 0.0:
        return float(above_margin(0, 0, n_cases, margin, z))
    pairs, chance = numbers_of_pairs(n_cases, discordant_share)
    fewest = _fewest_wins(pairs, n_cases, margin, z)
    wins = min(1.0, (discordant_share + difference) / 2.0 / discordant_share)
    at_least = np.where(fewest > 0, bdtrc(fewest - 1.0, pairs, wins), 1.0)
    return min(max(0.0, inner(chance, np.where(fewest > pairs, 0.0, at_least))), 1.0)


def cases_for_margin(
    margin: float, discordant_share: float, *, alpha: float = 0.05, power: float = POWER
) -> int:
    """Return how many single cases show, where nothing differs in truth, a loss of less than the margin.

    Starts from the large-sample formula (`cases_needed`) and goes on until `margin_power` reaches the power: Tango's
    interval asks for more cases than the formula, the more so the fewer pairs are discordant.

    Args:
        margin: The loss that would not matter, above 0 and below 1.
        discordant_share: Share of cases that exactly one arm gets right though neither is better, in [0, 1].
        alpha: Two-sided error rate of the interval.
        power: Chance of showing it.

    Example:
        >>> cases_for_margin(0.03, 0.0), cases_for_margin(0.03, 0.05)
        (125, 495)
    """
    z = z_quantile(alpha)
    without = math.ceil(z**2 * (1.0 - margin) / margin * (1.0 - 1e-12))
    if discordant_share == 0.0:
        return without if above_margin(0, 0, without, margin, z) else without + 1
    n = max(without, cases_needed(margin, discordant_share, alpha=alpha, power=power))
    while n < _LARGE and (reached := margin_power(n, margin, discordant_share, alpha=alpha)) < power:
        n += max(1, math.floor(n * (power - reached)))
    return n


def _fewest_wins(pairs: IntArray, n_cases: int, margin: float, z: float) -> FloatArray:
    """The smallest b of each number of discordant pairs at which the interval stays above; pairs + 1 where none does.

    More wins among as many pairs never lower the interval, and each number's b lies near its neighbour's.
    """
    fewest = np.empty(pairs.size)
    b = 0
    for place, count in enumerate(pairs.tolist()):
        while b <= count and not above_margin(b, count - b, n_cases, margin, z):
            b += 1
        while b > 0 and above_margin(b - 1, count - b + 1, n_cases, margin, z):
            b -= 1
        fewest[place] = b
    return fewest
