"""Where the expected net benefits of two arms cross as one input moves, in closed form for a check by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from evalkit.economics.line_item import in_words


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a difference of net benefits is zero.

    Attributes:
        at: The input's value, or None when the input does not move the difference.
        at_zero: The difference when the input is 0.
        slope: How much one unit of the input adds to it.
        reason: The computation in words.
    """

    at: Decimal | None
    at_zero: Decimal
    slope: Decimal
    reason: str


def crossing(difference: Callable[[Decimal], Decimal]) -> Crossing:
    """Solve difference(x) = 0 for an input that enters it linearly.

    Net benefit is linear in each of volume, value of a correct answer, cost of a wrong one, every price, every
    number of hours, and the quality of each arm: it is a sum of products in which none occurs twice. It is not
    linear in the horizon, the cadence and the discount rate.

    Args:
        difference: Net benefit of one arm less that of the other, as a function of the input.

    >>> level = crossing(lambda volume: 12 * volume * Decimal("0.001") - 1200)
    >>> f"{level.at:,f}: {level.reason}"
    '100,000: 1,200 / 0.012 per unit'
    """
    at_zero = difference(Decimal(0))
    slope = difference(Decimal(1)) - at_zero
    if slope == 0:
        return Crossing(None, at_zero, slope, f"the difference is {in_words(at_zero)} whatever the value")
    at = -at_zero / slope
    return Crossing(at, at_zero, slope, f"{in_words(-at_zero)} / {in_words(slope)} per unit")
