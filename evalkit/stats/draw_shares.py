"""Shares of the joint draws: how often one choice beats another, all of the other sides, or everything.

All functions take payoffs, a table with one row per draw and one column per choice; more is better, and minus infinity
stands for a choice that does not count in that draw. A tie counts half, a tie of k choices for the best 1/k each; two
choices that both do not count tie at nothing, and neither wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class DrawShare:
    """A share of draws.

    Attributes:
        share: Between 0 and 1.
        monte_carlo_error: Standard error from the number of draws alone. It is that of one more success and one more
            failure, so that a share of 1 is not thought exact.
        n_draws: How many draws.
    """

    share: float
    monte_carlo_error: float
    n_draws: int


def draw_share(won: FloatArray | BoolArray) -> DrawShare:
    """Return the mean of wins.

    Args:
        won: Shape (n_draws,), 1 for a win, 0.5 for a tie, 0 for a loss.

    Example:
        >>> draw_share(np.array([1.0, 1.0, 0.5, 0.0]))
        DrawShare(share=0.625, monte_carlo_error=0.2465..., n_draws=4)
    """
    n_draws = int(won.size)
    if n_draws == 0:
        raise ValueError("there is no draw; a share needs at least one")
    total = float(won.sum())
    smoothed = (total + 1.0) / (n_draws + 2.0)
    return DrawShare(total / n_draws, math.sqrt(smoothed * (1.0 - smoothed) / n_draws), n_draws)


def pairwise_shares(payoffs: FloatArray) -> FloatArray:
    """Return in which share of draws each choice beats each other.

    Returns:
        Shape (n_choices, n_choices): row beats column; a half on the diagonal. Entry (i, j) and entry (j, i) sum to 1
        but for the draws in which neither counts.

    Example:
        >>> pairwise_shares(np.array([[1.0, 0.0], [2.0, 3.0], [1.0, 1.0], [5.0, 0.0]])).tolist()
        [[0.5, 0.625], [0.375, 0.5]]
    """
    n_choices = payoffs.shape[1]
    shares = np.full((n_choices, n_choices), 0.5)
    for one in range(n_choices):
        for other in range(n_choices):
            if one != other:
                shares[one, other] = _wins(payoffs[:, one], payoffs[:, other]).mean()
    return shares


def beats_all(payoffs: FloatArray, named: int, rivals: Sequence[int] | BoolArray) -> FloatArray:
    """Say in which draws the named choice beats every one of its rivals at once.

    Args:
        payoffs: Shape (n_draws, n_choices).
        named: Column of the choice.
        rivals: Columns of the rivals, or True for each.

    Returns:
        Shape (n_draws,): 1 where it does, a half where it ties with the best of them, else 0. All 1 without a rival,
        but for draws in which the choice does not count.
    """
    columns = np.flatnonzero(rivals) if np.asarray(rivals).dtype == bool else np.asarray(rivals, dtype=int)
    own = payoffs[:, named]
    if columns.size == 0:
        return np.isfinite(own).astype(np.float64)
    return _wins(own, payoffs[:, columns].max(axis=1))


def beats_other_sides(payoffs: FloatArray, named: int, sides: Sequence[str]) -> FloatArray:
    """Say in which draws the named choice beats every choice of the other sides: what confidence is the share of.

    Args:
        payoffs: Shape (n_draws, n_choices).
        named: Column of the choice.
        sides: Side of each choice ("tuned", "untuned", "none"), or its kind where kinds are compared.
    """
    return beats_all(payoffs, named, np.array([side != sides[named] for side in sides], dtype=bool))


def side_wins(payoffs: FloatArray, side: str, sides: Sequence[str]) -> FloatArray:
    """Say in which draws the best choice of a side beats all others: printed as such, never tested.

    Nobody can run the best of several in each draw. Three arms that are worth nothing win as a side in a third of the
    draws and more.

    Args:
        payoffs: Shape (n_draws, n_choices).
        side: One of `sides`.
        sides: Side of each choice.
    """
    inside = np.array([held == side for held in sides], dtype=bool)
    if not inside.any():
        raise ValueError(f"no choice is on the side {side!r}; there are {sorted(set(sides))}")
    best: FloatArray = payoffs[:, inside].max(axis=1)
    if inside.all():
        return np.isfinite(best).astype(np.float64)
    rivals: FloatArray = payoffs[:, ~inside].max(axis=1)
    return _wins(best, rivals)


def best_shares(payoffs: FloatArray) -> FloatArray:
    """Return in which share of draws each choice is the best of all, shape (n_choices,).

    They sum to 1 but for the draws in which no choice counts. Copies of one choice split its share: pairwise shares,
    and shares against the other sides, do not change when a choice is entered twice.
    """
    highest = payoffs.max(axis=1, keepdims=True)
    best = (payoffs == highest) & np.isfinite(highest)
    split: FloatArray = (best / np.maximum(1, best.sum(axis=1, keepdims=True))).mean(axis=0)
    return split


def _wins(own: FloatArray, rival: FloatArray) -> FloatArray:
    won = (own > rival) + 0.5 * ((own == rival) & np.isfinite(own))
    return np.asarray(won, dtype=np.float64)
