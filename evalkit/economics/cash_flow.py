"""Money over time: discounting by month, net present value, payback."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

MONTHS_A_YEAR = 12


def monthly_rate(rate_per_year: Decimal) -> Decimal:
    """The monthly rate that compounds to the yearly one: (1 + r)^(1/12) - 1.

    Args:
        rate_per_year: 0.10 is ten percent a year; above -1.

    >>> monthly_rate(Decimal(0))
    Decimal('0')
    """
    if rate_per_year <= -1:
        raise ValueError(f"a discount rate must be above -1, got {rate_per_year}")
    if rate_per_year == 0:
        return Decimal(0)
    return (1 + rate_per_year) ** (Decimal(1) / MONTHS_A_YEAR) - 1


def discount_factor(rate_per_year: Decimal, months: Decimal | int) -> Decimal:
    """What one unit of money in ``months`` months is worth today; exactly 1 at rate 0."""
    monthly = monthly_rate(rate_per_year)
    return Decimal(1) if monthly == 0 else (1 + monthly) ** -Decimal(months)


def discounted_months(rate_per_year: Decimal, horizon_months: int) -> Decimal:
    """Present value of 1 paid at the end of each month of the horizon; the number of months at rate 0.

    >>> discounted_months(Decimal(0), 12)
    Decimal('12')
    """
    if horizon_months < 1:
        raise ValueError(f"the horizon must be at least one month, got {horizon_months}")
    return sum((discount_factor(rate_per_year, month) for month in range(1, horizon_months + 1)), Decimal(0))


def npv(rate_per_year: Decimal, upfront: Decimal, monthly: Sequence[Decimal]) -> Decimal:
    """Net present value of cash flows.

    Args:
        rate_per_year: Discount rate a year; months are discounted at (1 + r)^(1/12) - 1.
        upfront: Flow today, negative when paid.
        monthly: Flow at the end of month 1, 2, ...

    >>> round(npv(Decimal("0.10"), Decimal(-5000), [Decimal(450)] * 12), 4)
    Decimal('130.2195')
    """
    later = (flow * discount_factor(rate_per_year, month) for month, flow in enumerate(monthly, start=1))
    return upfront + sum(later, Decimal(0))


def retune_months(horizon_months: int, every_months: Decimal | None) -> tuple[Decimal, ...]:
    """When a model is tuned again: k, 2k, ... before the horizon ends, so ceil(H/k) - 1 times.

    Args:
        horizon_months: H.
        every_months: k, above 0; None for never.

    >>> retune_months(12, Decimal(5))
    (Decimal('5'), Decimal('10'))
    """
    if every_months is None:
        return ()
    if every_months <= 0:
        raise ValueError(f"the retuning cadence must be above 0 months, got {every_months}")
    return tuple(every_months * count for count in range(1, math.ceil(horizon_months / every_months)))


def cadence(*limits: Decimal | None) -> Decimal | None:
    """Months between two tunings: the shortest of the limits known (declared, base retirement, data drift).

    >>> cadence(Decimal(6), None, Decimal(2))
    Decimal('2')
    """
    return min((limit for limit in limits if limit is not None), default=None)


def payback_months(
    rate_per_year: Decimal,
    horizon_months: int,
    upfront: Decimal,
    monthly: Decimal,
    later: Mapping[Decimal, Decimal],
) -> Decimal | None:
    """Months until the discounted sum of the flows is no longer below zero, and stays so up to the horizon.

    Within the month that crosses zero the sum is taken as a straight line. A payment inside the horizon (a
    retune) that throws the sum back below zero moves the payback behind it.

    Args:
        rate_per_year: Discount rate a year.
        horizon_months: H; what is not paid back by then is not paid back.
        upfront: Flow today, negative when paid.
        monthly: Flow at the end of every month.
        later: Further flows by the month at which they fall due.

    Returns:
        Months in [0, horizon_months], or None.

    >>> payback_months(Decimal(0), 24, Decimal(-900), Decimal(100), {})
    Decimal('9')
    """
    balance = upfront
    paid_back: Decimal | None = Decimal(0) if balance >= 0 else None
    for month in range(1, horizon_months + 1):
        before = balance
        balance += monthly * discount_factor(rate_per_year, month)
        balance += sum(
            (
                flow * discount_factor(rate_per_year, due)
                for due, flow in later.items()
                if month - 1 < due <= month
            ),
            Decimal(0),
        )
        if balance < 0:
            paid_back = None
        elif before < 0:
            paid_back = month - 1 - before / (balance - before)
    return paid_back
