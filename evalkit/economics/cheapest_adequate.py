"""The choice where no value of a right answer is declared: the cheapest arm that is good enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.economics.triangular import FloatArray

_NEVER = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class CheapestAdequate:
    """Which arms are good enough in each draw, and what choosing one of them loses in cost.

    Attributes:
        payoffs: Shape (n_draws, n_arms): minus the cost; minus infinity where an arm is not adequate.
        adequate: Shape (n_arms,), share of draws in which each arm is adequate.
        cheapest: Shape (n_arms,), share of draws in which it is the cheapest adequate one; ties are shared.
        regrets: Shape (n_arms,), mean cost above that of the cheapest adequate arm, over the draws in which the arm is
            adequate; NaN for an arm that never is.
        best: Column of the arm that is cheapest and adequate most often; the cheaper on average of equals. None where
            no arm is adequate in any draw.
    """

    payoffs: FloatArray
    adequate: FloatArray
    cheapest: FloatArray
    regrets: FloatArray
    best: int | None


def cheapest_adequate(
    quality: FloatArray, costs: FloatArray, margin: float, within_limits: FloatArray | None = None
) -> CheapestAdequate:
    """Find in every draw the cheapest arm within limits among those that are non-inferior to the best of them.

    Doing nothing is no choice here, and knowing more has no price: EVPI and EVSI need a value.

    Args:
        quality: Shape (n_draws, n_arms), in [0, 1].
        costs: Shape (n_draws, n_arms), money over the horizon.
        margin: The loss of quality that would not matter, at least 0.
        within_limits: Shape (n_draws, n_arms), true where an arm keeps to every limit; None for all.

    Raises:
        ValueError: Shapes differ, or the margin is negative.

    Example:
        >>> quality = np.array([[0.80, 0.79], [0.80, 0.70]])
        >>> found = cheapest_adequate(quality, np.array([[900.0, 100.0], [900.0, 100.0]]), margin=0.03)
        >>> found.cheapest.tolist(), found.adequate.tolist(), found.regrets.tolist()
        ([0.5, 0.5], [1.0, 0.5], [400.0, 0.0])
    """
    if not margin >= 0.0:
        raise ValueError(f"margin is {margin:g}; give the loss that would not matter, at least 0")
    inside = np.ones(quality.shape, dtype=bool) if within_limits is None else within_limits.astype(bool)
    if costs.shape != quality.shape or inside.shape != quality.shape:
        raise ValueError("quality, costs and limits differ in shape; give (n_draws, n_arms) of each")
    best_quality = np.where(inside, quality, -np.inf).max(axis=1, keepdims=True)
    adequate = inside & (quality >= best_quality - margin)
    payoffs = np.where(adequate, -costs, -np.inf)
    highest = payoffs.max(axis=1, keepdims=True)
    wins = (payoffs == highest) & adequate
    cheapest = (wins / np.maximum(1, wins.sum(axis=1, keepdims=True))).mean(axis=0)
    lost = np.zeros(costs.shape)
    np.subtract(highest, payoffs, out=lost, where=adequate)
    times = adequate.sum(axis=0)
    regrets = np.full(times.shape, _NEVER)
    np.divide(lost.sum(axis=0), times, out=regrets, where=times > 0)
    order = np.lexsort((costs.mean(axis=0), -cheapest))
    return CheapestAdequate(
        payoffs=payoffs,
        adequate=times / adequate.shape[0],
        cheapest=cheapest,
        regrets=regrets,
        best=int(order[0]) if adequate.any() else None,
    )
