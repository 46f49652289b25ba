"""What it would be worth to know one input exactly, and what each choice is expected to lose (EVPI, EVPPI, regret)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray, checked_table, weighted_sums

_DEGREE = 3  # of the polynomial that stands for the mean net benefit given an input
_DEPENDENT = 1e-9  # a term whose part that is new is smaller than this adds nothing
_DRAWS_PER_TERM = 10


def expected_regrets(net_benefit: npt.ArrayLike) -> FloatArray:
    """Return what each choice is expected to lose against the best of every draw; the least of them is the EVPI.

    Args:
        net_benefit: Shape (n_draws, n_choices), money.

    Returns:
        Shape (n_choices,), at least 0.

    References:
        Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4.

    Example:
        >>> expected_regrets([[1.0, 0.0], [0.0, 3.0]]).tolist()
        [1.5, 0.5]
    """
    table = checked_table(net_benefit, "net_benefit")
    regrets: FloatArray = (table.max(axis=1, keepdims=True) - table).mean(axis=0)
    return regrets


def partial_information(net_benefit: npt.ArrayLike, inputs: npt.ArrayLike) -> float:
    """Return the expected value of knowing one input (or one group of inputs) exactly, and nothing else: EVPPI.

    The mean net benefit of each choice given the input is fitted as a cubic polynomial, then the value is the mean of
    the best fitted choice minus the best mean. Net benefit is linear or nearly so in volume, price, hours and quality
    when the others are averaged out, which is what makes a cubic enough. Every sum has a fixed order, so that a record
    is the same on every machine.

    Args:
        net_benefit: Shape (n_draws, n_choices), money.
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
    terms = _orthonormal_terms(columns)
    if table.shape[0] < _DRAWS_PER_TERM * terms.shape[0]:
        raise ValueError(
            f"{table.shape[0]} draws are too few to fit {terms.shape[0]} terms; draw at least 10 per term"
        )
    # gains over the best choice now: less noise, same value
    gains = table - table[:, [int(np.argmax(table.mean(axis=0)))]]
    weights = weighted_sums(np.ascontiguousarray(gains.T), terms)
    fitted = sum(term[:, None] * weight for term, weight in zip(terms, weights.T, strict=True))
    value = float(np.max(fitted, axis=1).mean())
    return min(max(0.0, value), float(expected_regrets(table).min()))


def _orthonormal_terms(columns: FloatArray) -> FloatArray:
    """Return a constant and the first three powers of each column as orthonormal rows, by modified Gram-Schmidt.

    Returns:
        Shape (n_terms, n_draws); what depends on terms before it is left out.
    """
    n_draws = columns.shape[0]
    rows = [np.full(n_draws, n_draws**-0.5)]
    for column in columns.T[np.ptp(columns, axis=0) > 0.0]:
        standard = (column - column.mean()) / column.std()
        for degree in range(1, _DEGREE + 1):
            term = standard**degree
            term = term / np.sqrt(np.square(term).sum())
            for _ in range(2):  # twice is enough for full accuracy (Giraud, Langou and Rozloznik 2005)
                for row in rows:
                    term = term - float((row * term).sum()) * row
            size = float(np.sqrt(np.square(term).sum()))
            if size > _DEPENDENT:
                rows.append(term / size)
    return np.stack(rows)
