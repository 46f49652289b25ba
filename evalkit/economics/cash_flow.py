"""Money over time: discounting by month, net present value, renewals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

MONTHS_A_YEAR = 12
DAYS_A_MONTH = Decimal("30.4375")
"""365.25 days a year / 12."""


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


def renewal_months(horizon_months: int, every_months: Decimal) -> tuple[Decimal, ...]:
    """When something is renewed: after k, 2k, ... months before the horizon ends, so ceil(H/k) - 1 times.

    Args:
        horizon_months: H.
        every_months: k, above 0.

    >>> renewal_months(12, Decimal(5)), renewal_months(12, Decimal(12))
    ((Decimal('5'), Decimal('10')), ())
    """
    return tuple(every_months * count for count in range(1, math.ceil(horizon_months / every_months)))


def cadence(*limits: Decimal | None) -> Decimal | None:
    """Months between two tunings: the shortest of the limits known (declared, base retirement, data drift).

    >>> cadence(Decimal(6), None, Decimal(2))
    Decimal('2')
    """
    return min((limit for limit in limits if limit is not None), default=None)


def months_between(start: date, end: date) -> Decimal:
    """Months from one day to another, a month being 30.4375 days; 0 when the end lies before the start.

    >>> round(months_between(date(2026, 11, 20), date(2027, 1, 14)), 2)
    Decimal('1.81')
    """
    return max((end - start).days, 0) / DAYS_A_MONTH
