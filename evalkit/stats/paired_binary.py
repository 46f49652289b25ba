"""Two arms that are right or wrong on the same cases: McNemar's tests and Tango's interval.

Only discordant cases, where exactly one arm is right, carry information about the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from evalkit.stats.arrays import checked_binary
from evalkit.stats.bounds import Bounds
from evalkit.stats.intervals import z_quantile

_EXACT_TOSSES = 10_000
_SADDLE_POINT = 16


@dataclass(frozen=True, slots=True)
class DiscordantPairs:
    """How two arms agree on the same cases.

    Attributes:
        treatment_only: b, the cases only the treatment got right.
        control_only: c, the cases only the control got right.
        n_cases: All cases, concordant ones included.
    """

    treatment_only: int
    control_only: int
    n_cases: int


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """Two-sided p-values of McNemar's test.

    Attributes:
        p_value: Exact: binomial on the discordant pairs. Holds its level in every case, at some cost in power.
        mid_p: Counts only half the probability of the observed split; close to the nominal level.
    """

    p_value: float
    mid_p: float


def discordant_pairs(treatment: npt.ArrayLike, control: npt.ArrayLike) -> DiscordantPairs:
    """Count the cases that only one of two arms got right.

    Args:
        treatment: Shape (n_cases,), 1 where that arm is right, else 0.
        control: Shape (n_cases,), same case order.

    Raises:
        ValueError: The arrays differ in length, hold no case, or hold a value other than 0 and 1.
    """
    left = checked_binary(treatment, "treatment")
    right = checked_binary(control, "control")
    if left.shape != right.shape:
        raise ValueError(f"treatment has {left.size} cases and control {right.size}; pair them by case first")
    return DiscordantPairs(int(np.sum(left & ~right)), int(np.sum(~left & right)), left.size)


def mcnemar(treatment_only: int, control_only: int) -> McNemarResult:
    """Test whether two arms are right equally often on the same cases.

    Args:
        treatment_only: b, the cases only the treatment got right.
        control_only: c, the cases only the control got right.

    Returns:
        Two-sided exact and mid-p values; both 1 when there is no discordant pair.

    Raises:
        ValueError: A count is negative.

    References:
        Fagerland, Lydersen and Laake (2013), BMC Med. Res. Methodol. 13:91, equations 4 and 7.

    Example:
        >>> mcnemar(1, 7)
        McNemarResult(p_value=0.0703125, mid_p=0.0390625)
    """
    pairs = _checked_discordant(treatment_only, control_only)
    if pairs == 0:
        return McNemarResult(p_value=1.0, mid_p=1.0)
    fewer = min(treatment_only, control_only)
    point = _fair_coin(pairs, fewer)
    if treatment_only == control_only:
        return McNemarResult(p_value=1.0, mid_p=1.0 - point / 2.0)
    exact = min(1.0, 2.0 * float(bdtr(fewer, pairs, 0.5)))
    return McNemarResult(p_value=exact, mid_p=max(0.0, exact - point))


def _fair_coin(n: int, k: int) -> float:
    """The probability of k heads in n tosses of a fair coin.

    Exact integers up to 10,000 tosses; beyond that Loader's saddle-point form, whose relative error is below 1e-10.

    References:
        Loader (2000), Fast and accurate computation of binomial probabilities.
    """
    if n <= _EXACT_TOSSES:
        return float(math.comb(n, k) / 2**n)
    k = min(k, n - k)
    if k < _SADDLE_POINT:
        return 0.0  # fewer than 1e-2900
    spread = _deviance(k, n / 2) + _deviance(n - k, n / 2)
    corrections = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    return math.exp(corrections - spread) * math.sqrt(n / (2 * math.pi * k * (n - k)))


def _stirling_error(n: int) -> float:
    """How far log n! lies above Stirling's formula, for n of at least 16."""
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * n**2)) / n**2) / n**2) / n


def _deviance(x: float, mean: float) -> float:
    """The value of x log(x / mean) + mean - x, by a series where x is near the mean and the terms would cancel."""
    if abs(x - mean) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    ratio = (x - mean) / (x + mean)
    total, term = (x - mean) * ratio, 2 * x * ratio
    for power in range(1, 1000):
        term *= ratio * ratio
        before, total = total, total + term / (2 * power + 1)
        if total == before:
            break
    return total


def tango(treatment_only: int, control_only: int, n_cases: int, alpha: float = 0.05) -> Bounds:
    """Bound the difference of two shares of right answers on the same cases by Tango's score interval.

    It is not the inversion of the exact McNemar test: with few discordant pairs the interval can exclude 0 where the
    exact p-value is above alpha.

    Args:
        treatment_only: b, the cases only the treatment got right.
        control_only: c, the cases only the control got right.
        n_cases: All cases, concordant ones included.
        alpha: Two-sided error rate.

    Returns:
        Bounds of the treatment's share minus the control's, inside [-1, 1].

    Raises:
        ValueError: A count is negative, b + c exceeds `n_cases`, there is no case, or `alpha` is not between 0 and 1.

    References:
        Tango (1998), Statistics in Medicine 17:891-908.

    Example:
        >>> tango(12, 2, 50)
        Bounds(low=0.06111..., high=0.34470...)
    """
    pairs = _checked_discordant(treatment_only, control_only)
    if n_cases < 1 or pairs > n_cases:
        raise ValueError(
            f"{pairs} discordant pairs of {n_cases} cases is impossible; give all cases, at least one"
        )
    z = z_quantile(alpha)
    high = _tango_high(treatment_only, control_only, n_cases, z)
    low = -_tango_high(control_only, treatment_only, n_cases, z)
    return Bounds(low=low, high=high)


def above_margin(treatment_only: int, control_only: int, n_cases: int, margin: float, z: float) -> bool:
    """Whether the lower end of Tango's interval lies above -margin, without computing that end.

    Args:
        treatment_only: b, the cases only the treatment got right.
        control_only: c, the cases only the control got right.
        n_cases: All cases, at least b + c.
        margin: Above 0 and below 1.
        z: The normal value that the interval reaches out to: 1.96 at 0.05.

    Example:
        >>> above_margin(0, 0, 124, 0.03, 1.96), above_margin(0, 0, 125, 0.03, 1.96)
        (False, True)
    """
    return _tango_score(control_only, treatment_only, n_cases, margin) < -z


def _tango_high(b: int, c: int, n: int, z: float) -> float:
    """Return the difference above b - c over n at which the score statistic reaches -z, by bisection."""
    if b == n:
        return 1.0
    inside, outside = (b - c) / n, 1.0
    for _ in range(60):  # halves [-1, 1] down to the last bit
        middle = (inside + outside) / 2.0
        if _tango_score(b, c, n, middle) >= -z:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2.0


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    """Score statistic for a true `difference`, with the nuisance share at its restricted maximum likelihood."""
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1.0 - difference)
    control_share = (math.sqrt(max(0.0, linear**2 - 8.0 * n * constant)) - linear) / (4.0 * n)
    variance = n * (2.0 * control_share + difference * (1.0 - difference))
    return (b - c - n * difference) / math.sqrt(variance)


def _checked_discordant(treatment_only: int, control_only: int) -> int:
    if treatment_only < 0 or control_only < 0:
        raise ValueError(
            f"discordant counts are {treatment_only} and {control_only}; a count cannot be negative"
        )
    return treatment_only + control_only
