"""Where nobody says what a right answer is worth: which arm is best at each value it might have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.economics.triangular import FloatArray


@dataclass(frozen=True, slots=True)
class FrontierPiece:
    """A range of values of a right answer over which one arm has the highest expected net benefit.

    Attributes:
        arm: Column of the arm.
        from_value: Where the range begins, money for one right answer. Above 0 this is where the answer flips, and also
            the cost per extra right answer of this arm against the one of the range before.
        to_value: Where it ends; None for no end.
    """

    arm: int
    from_value: float
    to_value: float | None


@dataclass(frozen=True, slots=True, eq=False)
class AcceptabilityCurve:
    """How often each arm is the best one, by the value of a right answer.

    Attributes:
        values: Shape (n_values,), money for one right answer.
        shares: Shape (n_values, n_arms), share of draws in which each arm has the highest net benefit at that value;
            ties are shared, rows sum to 1.
        frontier: The arms of highest expected net benefit, by value from 0 upwards. The one that is best most often
            need not be the one of highest expected net benefit.
    """

    values: FloatArray
    shares: FloatArray
    frontier: tuple[FrontierPiece, ...]


def cost_per_extra_right_answer(right: tuple[float, float], cost: tuple[float, float]) -> float | None:
    """Return what one more right answer costs with the first arm instead of the second.

    Args:
        right: Right answers over the horizon, of the first arm and of the second.
        cost: What each costs over the horizon.

    Returns:
        Money for one right answer, above 0: more right answers for more money (or fewer for less, then it is what
        each lost one saves). None where one arm is better and no dearer than the other: nothing is to be weighed.

    Example:
        >>> cost_per_extra_right_answer((900.0, 800.0), (50.0, 30.0)), cost_per_extra_right_answer((9, 8), (3, 5))
        (0.2, None)
    """
    more, dearer = right[0] - right[1], cost[0] - cost[1]
    return dearer / more if more * dearer > 0.0 else None


def acceptability_curve(
    right: FloatArray, costs: FloatArray, values: Sequence[float] | FloatArray
) -> AcceptabilityCurve:
    """Hold the arms against each other at each value that a right answer might have.

    Args:
        right: Shape (n_draws, n_arms), right answers over the horizon, discounted as the costs are.
        costs: Shape (n_draws, n_arms), money over the horizon.
        values: Money for one right answer, at least 0.

    Raises:
        ValueError: Shapes differ, or a value is negative.

    References:
        Fenwick, Claxton and Sculpher (2001), Health Economics 10:779-787.

    Example:
        >>> right, costs = np.array([[800.0, 900.0], [800.0, 700.0]]), np.array([[10.0, 30.0], [10.0, 30.0]])
        >>> acceptability_curve(right, costs, [0.1, 0.3]).shares.tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    if right.shape != costs.shape or right.ndim != 2:
        raise ValueError("right and costs differ in shape; give (n_draws, n_arms) of both")
    given = np.asarray(values, dtype=np.float64)
    if not (given >= 0.0).all():
        raise ValueError("a value of a right answer is negative or not a number; give at least 0")
    shares = np.empty((given.size, right.shape[1]))
    for row, value in enumerate(given):
        worth = value * right - costs
        best = worth == worth.max(axis=1, keepdims=True)
        shares[row] = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return AcceptabilityCurve(given, shares, frontier(right.mean(axis=0), costs.mean(axis=0)))


def frontier(right: FloatArray, costs: FloatArray) -> tuple[FrontierPiece, ...]:
    """Return the arms of highest net benefit value x right - cost, by value of a right answer from 0 upwards.

    Args:
        right: Shape (n_arms,), expected right answers over the horizon.
        costs: Shape (n_arms,), expected cost over the horizon.

    Example:
        >>> for piece in frontier(np.array([800.0, 850.0, 900.0]), np.array([10.0, 40.0, 30.0])):
        ...     print(piece)
        FrontierPiece(arm=0, from_value=0.0, to_value=0.2)
        FrontierPiece(arm=2, from_value=0.2, to_value=None)
    """
    # at a value of 0 the cheapest is best, of equally cheap ones the one with more right answers
    current = int(np.lexsort((-right, costs))[0])
    pieces, start = [], 0.0
    while True:
        better = np.flatnonzero(right > right[current])
        if better.size == 0:
            pieces.append(FrontierPiece(current, start, None))
            return tuple(pieces)
        crossings = (costs[better] - costs[current]) / (right[better] - right[current])
        place = int(np.lexsort((-right[better], crossings))[0])
        end = float(crossings[place])
        if end > start:
            pieces.append(FrontierPiece(current, start, end))
        start, current = max(start, end), int(better[place])
