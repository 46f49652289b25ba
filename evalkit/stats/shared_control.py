"""False alarms of many comparisons with one and the same control, whose luck they all share.

A run and its control differ by chance alone. With L the control's luck and E_k that of comparison k, all standard
normal and independent, the k-th statistic is sqrt(1 - r) E_k - sqrt(r) L: any two are correlated by r, the control's
share of the variance. Where both sides answer equally often and nothing but chance tells them apart, r is 1/2. Whatever
r is, the expected number of alarms is n times the level. But they come together: a lucky control raises many.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtr, ndtri

from evalkit.stats.arrays import FloatArray, inner

EQUAL_SHARES = 0.5
"""The control's share of the variance where both sides answered each case equally often."""

_NODES = 160


def any_alarm(level: float, n: int, shared: float = EQUAL_SHARES) -> float:
    """Return the chance that at least one of n comparisons with one control raises a false alarm.

    Args:
        level: Chance of a false alarm of one comparison, between 0 and 1.
        n: Comparisons, at least 1.
        shared: r, in [0, 1); 0 for a control of its own for each, which gives the largest chance: 1 - (1 - level)^n.

    References:
        Dunnett (1955), JASA 50:1096-1121, for the distribution. Slepian (1962), Bell System Technical Journal
        41:463-501: the more is shared, the smaller the chance.

    Example:
        >>> round(any_alarm(0.025, 10), 3), round(any_alarm(0.025, 10, 0.0), 3)
        (0.144, 0.224)
    """
    points, weights = _nodes()
    quiet = (1.0 - alarm_with_luck(level, points, shared)) ** n
    return 1.0 - inner(weights, quiet)


def alarm_with_luck(level: float, luck: npt.ArrayLike, shared: float = EQUAL_SHARES) -> FloatArray:
    """Return the chance of a false alarm of each comparison with a control of known luck.

    Args:
        level: Chance over all controls.
        luck: Of the control in standard deviations: 0 for none, 1.645 for one luckier than 19 of 20.
        shared: As in `any_alarm`.

    Example:
        >>> [round(float(alarm_with_luck(0.025, luck)), 4) for luck in (0.0, 1.0, 1.645)]
        [0.0028, 0.0382, 0.1299]
    """
    reached = np.sqrt(shared) * np.asarray(luck, dtype=np.float64) + float(ndtri(level))
    return np.asarray(ndtr(reached / np.sqrt(1.0 - shared)), dtype=np.float64)


@cache
def _nodes() -> tuple[FloatArray, FloatArray]:
    """Points and weights of the mean over a standard normal variable (Gauss and Hermite)."""
    points, weights = hermegauss(_NODES)
    return points, weights / np.sqrt(2.0 * np.pi)
