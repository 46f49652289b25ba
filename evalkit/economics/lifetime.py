"""An arm's life inside the horizon: its months, what they count for today, and how often it is retuned in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from evalkit.economics.cash_flow import discount_factor


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an arm serves, and how often it is trained anew meanwhile.

    Attributes:
        months: Months inside the horizon, at least 0; a part of a month counts as that part.
        discounted_months: A, the present value of 1 paid at the end of each of these months; `months` at rate 0.
        discount_rate: Per year, 0.10 is ten percent.
        cut_short: The arm's model shuts inside the horizon and no successor is declared.
    """

    months: Decimal
    discounted_months: Decimal
    discount_rate: Decimal
    cut_short: bool

    def due(self, every_months: Decimal | None) -> tuple[Decimal, ...]:
        """Months at which something is renewed that must be done every k months: k, 2k, ... before the life ends.

        Args:
            every_months: k, above 0; None for never.
        """
        if every_months is None:
            return ()
        return tuple(every_months * count for count in range(1, retunes(self.months, every_months) + 1))

    def weight_of_renewals(self, every_months: Decimal | None) -> Decimal:
        """Return what 1 paid at each renewal is worth today; their number at rate 0."""
        weights = (discount_factor(self.discount_rate, month) for month in self.due(every_months))
        return sum(weights, Decimal(0))


def lifetime(
    horizon_months: int,
    discount_rate: Decimal = Decimal(0),
    *,
    shuts_after: Decimal | None = None,
    successor: bool = False,
) -> Lifetime:
    """Return the life of an arm inside the horizon.

    An arm whose model shuts, tuned or not, brings nothing afterwards unless a successor is declared that takes its
    place.

    Args:
        horizon_months: H, at least 1.
        discount_rate: Per year.
        shuts_after: Months from today until the arm's model is shut; None where no date is known.
        successor: A successor is declared.

    Raises:
        ValueError: The horizon is below one month, or the shutdown lies before today.

    Example:
        >>> lifetime(12).discounted_months, lifetime(12, shuts_after=Decimal("1.5")).discounted_months
        (Decimal('12'), Decimal('1.5'))
        >>> round(lifetime(12, Decimal("0.10")).discounted_months, 4)
        Decimal('11.4005')
    """
    if horizon_months < 1:
        raise ValueError(f"the horizon must be at least one month, got {horizon_months}")
    if shuts_after is not None and shuts_after < 0:
        raise ValueError(f"the model shuts after {shuts_after} months; give 0 where it has shut already")
    ends_early = shuts_after is not None and shuts_after < horizon_months and not successor
    months = shuts_after if ends_early and shuts_after is not None else Decimal(horizon_months)
    whole = math.floor(months)
    count = sum((discount_factor(discount_rate, month) for month in range(1, whole + 1)), Decimal(0))
    if months > whole:
        count += (months - whole) * discount_factor(discount_rate, months)
    return Lifetime(months, count, discount_rate, ends_early)


def retunes(life_months: Decimal, every_months: Decimal | None) -> int:
    """Return R = ceil(life / k) - 1, the trainings after the first inside an arm's life.

    Args:
        life_months: min(H, life), at least 0.
        every_months: k, above 0; None for an arm that is trained once and for all.

    Raises:
        ValueError: k is not above 0.

    Example:
        >>> [retunes(Decimal(12), Decimal(k)) for k in (3, 5, 12, 24)], retunes(Decimal(12), None)
        ([3, 2, 0, 0], 0)
    """
    if every_months is None:
        return 0
    if not every_months > 0:
        raise ValueError(f"retuning falls due every k > 0 months, got {every_months}")
    return max(0, math.ceil(life_months / every_months) - 1)
