"""What it would be worth to know more before deciding: EVPI, EVPPI, and how sure the choice is now.

All of it is read off draws of net benefit: a table with one row per draw and one column per option (arm). Options with
a higher mean are better; units are the caller's (money).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from evalkit.stats.arrays import FloatArray, checked_table

_DEGREE = 3  # of the polynomial that stands for the mean net benefit given an input
_SPANNED = 1e-9  # a term of which no more than this share is new is taken for a sum of the others


@dataclass(frozen=True, slots=True)
class ChoiceUnderUncertainty:
    """How sure the best choice is.

    Attributes:
        p_best: Shape (n_options,), share of draws in which each option is best; ties are shared. Sums to 1.
        expected_regret: Shape (n_options,), mean loss against the best option of each draw; at least 0.
        best: Column of the option with the highest mean, which is also the one of least regret; the first if tied.
        evpi: Expected value of perfect information: the regret of `best`.
    """

    p_best: FloatArray
    expected_regret: FloatArray
    best: int
    evpi: float


def choice(net_benefit: npt.ArrayLike) -> ChoiceUnderUncertainty:
    """Say how often each option is best and what choosing it is expected to lose.

    Args:
        net_benefit: Shape (n_draws, n_options).

    Raises:
        ValueError: The table is empty or holds NaN or infinity.

    References:
        Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4.

    Example:
        >>> result = choice([[1.0, 0.0], [0.0, 3.0]])
        >>> result.best, result.p_best.tolist(), result.expected_regret.tolist(), result.evpi
        (1, [0.5, 0.5], [1.5, 0.5], 0.5)
    """
    table = checked_table(net_benefit, "net_benefit")
    highest = table.max(axis=1)
    is_best = table == highest[:, None]
    regret = np.maximum(0.0, (highest[:, None] - table).mean(axis=0))
    best = int(np.argmin(regret))
    return ChoiceUnderUncertainty(
        p_best=(is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0),
        expected_regret=regret,
        best=best,
        evpi=float(regret[best]),
    )


def evppi(net_benefit: npt.ArrayLike, inputs: npt.ArrayLike) -> float:
    """Return the expected value of knowing one input (or one group of inputs) exactly, and nothing else.

    The mean net benefit of each option given the input is fitted as a cubic polynomial of the input, then the value is
    the mean of the best fitted option minus the best mean. Net benefit is linear or nearly so in volume, price, hours
    and quality when the other inputs are averaged out, which is what makes a cubic enough.

    Args:
        net_benefit: Shape (n_draws, n_options).
        inputs: Shape (n_draws,), or (n_draws, n_inputs) for a group such as the quality of every arm.

    Returns:
        Between 0 and the EVPI; 0 for an input that does not vary.

    Raises:
        ValueError: The draws do not match, fewer than 10 draws for each fitted term, or a value is not finite.

    References:
        Strong, Oakley and Brennan (2014), Medical Decision Making 34:311-326: regression for partial EVPI.
    """
    table = checked_table(net_benefit, "net_benefit")
    given = np.asarray(inputs, dtype=np.float64)
    columns = checked_table(given[:, None] if given.ndim == 1 else given, "inputs")
    if columns.shape[0] != table.shape[0]:
        raise ValueError(
            f"net_benefit has {table.shape[0]} draws and inputs {columns.shape[0]}; use the same draws"
        )
    terms = _polynomial_terms(columns)
    if table.shape[0] < 10 * terms.shape[1]:
        raise ValueError(
            f"{table.shape[0]} draws are too few to fit {terms.shape[1]} terms; draw at least 10 per term"
        )
    gains = (
        table - table[:, [int(np.argmax(table.mean(axis=0)))]]
    )  # against the best now: less noise, same value
    fitted = _least_squares(terms, gains)
    value = float(fitted.max(axis=1).mean())
    return min(max(0.0, value), choice(table).evpi)


def unit_normal_loss(distance: float) -> float:
    """Return E[max(0, Z - distance)] for a standard normal Z: the closed-form check of EVPI for two options.

    For a net benefit difference with mean m and standard deviation s the EVPI is s * unit_normal_loss(|m| / s).

    References:
        Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, 5.13 and table II.

    Example:
        >>> [round(unit_normal_loss(x), 5) for x in (0.0, 0.5, 1.0)]
        [0.39894, 0.1978, 0.08332]
    """
    density = math.exp(-0.5 * distance**2) / math.sqrt(2.0 * math.pi)
    return density - distance * float(ndtr(-distance))


def _polynomial_terms(columns: FloatArray) -> FloatArray:
    """Return a constant and the first three powers of each column that varies, standardised against overflow."""
    varying = columns[:, np.ptp(columns, axis=0) > 0.0]
    standard = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    powers = [np.ones((columns.shape[0], 1)), standard]
    while len(powers) <= _DEGREE:
        powers.append(powers[-1] * standard)
    return np.hstack(powers)


def _least_squares(terms: FloatArray, gains: FloatArray) -> FloatArray:
    """Return the least-squares fit of each column of `gains` by the terms, shape (n_draws, n_options).

    By Gram-Schmidt, each term twice, for the reason given at `weighted_sums`. A term that the ones before it span
    adds nothing to the fit and is left out.

    References:
        Giraud, Langou, Rozloznik and van den Eshof (2005), Numerische Mathematik 101:87-100: twice is enough.
    """
    basis: list[FloatArray] = []
    for term in np.ascontiguousarray(terms.T):
        rest = term
        for direction in basis * 2:
            rest = rest - direction * float((direction * rest).sum())
        length = math.sqrt(float((rest * rest).sum()))
        if length > _SPANNED * math.sqrt(float((term * term).sum())):
            basis.append(rest / length)
    fitted = np.zeros_like(gains)
    for column in range(gains.shape[1]):
        gain = np.ascontiguousarray(gains[:, column])
        for direction in basis:
            fitted[:, column] += direction * float((direction * gain).sum())
    return fitted
