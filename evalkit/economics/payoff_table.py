"""What every choice brings over the horizon in every joint draw, doing nothing included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.economics.triangular import FloatArray

NONE = "none"
"""Name of the choice to run no arm at all, and of its side."""


@dataclass(frozen=True, slots=True, eq=False)
class ArmDraws:
    """One arm in every joint draw; one draw is one position in all arrays of all arms.

    Attributes:
        name: Its name.
        months: A, the discounted months of its life inside the horizon.
        quality: Shape (n_draws,), in [0, 1], over its life.
        wrong: Shape (n_draws,), share of wrong answers, in [0, 1]; abstentions are neither right nor wrong.
        unit_cost: Shape (n_draws,), money per request.
        fixed: Money over its life whatever the volume, discounted: one-off, standing, recurring; shape (n_draws,) or
            one number.

    Raises:
        ValueError: The arrays differ in shape or hold a number that is not finite.
    """

    name: str
    months: float
    quality: FloatArray
    wrong: FloatArray
    unit_cost: FloatArray
    fixed: FloatArray | float

    def __post_init__(self) -> None:
        n_draws = self.quality.shape
        for name in ("quality", "wrong", "unit_cost"):
            draws: FloatArray = getattr(self, name)
            if draws.shape != n_draws or draws.ndim != 1:
                raise ValueError(f"{self.name}: {name} has shape {draws.shape}, quality {n_draws}")
            if not np.isfinite(draws).all():
                raise ValueError(f"{self.name}: a draw of {name} is not finite; what is unknown has no draws")
        if np.ndim(self.fixed) and np.shape(self.fixed) != n_draws:
            raise ValueError(f"{self.name}: fixed has shape {np.shape(self.fixed)}, quality {n_draws}")
        if not (np.isfinite(self.fixed).all() and self.months >= 0.0):
            raise ValueError(f"{self.name}: a fixed cost is not finite, or its months are below 0")


def net_benefits(
    arms: Sequence[ArmDraws],
    *,
    volume: FloatArray | float,
    value_per_correct: FloatArray | float,
    cost_per_wrong: FloatArray | float = 0.0,
) -> FloatArray:
    """Return the net benefit of every arm, and of none, in every draw.

    A x volume x (value_per_correct x quality - cost_per_wrong x wrong - unit cost) - fixed costs; none is 0.

    Args:
        arms: Every arm with the same number of draws; at least one.
        volume: Requests a month, shape (n_draws,) or one number.
        value_per_correct: Money gained by one right answer, shape (n_draws,) or one number.
        cost_per_wrong: Money lost by one wrong answer, shape (n_draws,) or one number.

    Returns:
        Shape (n_draws, n_arms + 1), money; the last column is that of none.

    Raises:
        ValueError: No arm, or another number of draws.

    References:
        Stinnett and Mullahy (1998), Medical Decision Making 18:S68-S80.

    Example:
        >>> arm = ArmDraws("tuned", 12.0, np.array([0.8]), np.array([0.2]), np.array([0.001]), fixed=1_440.0)
        >>> net_benefits([arm], volume=8_000, value_per_correct=0.05).round(2).tolist()
        [[2304.0, 0.0]]
    """
    columns = []
    for arm in arms:
        worth = value_per_correct * arm.quality - cost_per_wrong * arm.wrong - arm.unit_cost
        columns.append(arm.months * volume * worth - arm.fixed)
    return np.stack([*_columns(columns), np.zeros(columns[0].shape)], axis=1)


def costs_over_horizon(arms: Sequence[ArmDraws], *, volume: FloatArray | float) -> FloatArray:
    """Return what every arm costs over its life in every draw: A x volume x unit cost + fixed costs.

    Args:
        arms: Every arm with the same number of draws; at least one.
        volume: Requests a month, shape (n_draws,) or one number.

    Returns:
        Shape (n_draws, n_arms), money.
    """
    return np.stack(_columns([arm.months * volume * arm.unit_cost + arm.fixed for arm in arms]), axis=1)


def right_answers(arms: Sequence[ArmDraws], *, volume: FloatArray | float) -> FloatArray:
    """Return the right answers of every arm over its life in every draw, discounted as money is: A x volume x quality.

    Args:
        arms: Every arm with the same number of draws; at least one.
        volume: Requests a month, shape (n_draws,) or one number.

    Returns:
        Shape (n_draws, n_arms).
    """
    return np.stack(_columns([arm.months * volume * arm.quality for arm in arms]), axis=1)


def _columns(columns: list[FloatArray]) -> list[FloatArray]:
    if not columns:
        raise ValueError("there is no arm; payoffs need at least one")
    if len({column.shape for column in columns}) > 1:
        raise ValueError("the arms have different numbers of draws; draw them together")
    return columns
