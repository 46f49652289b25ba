"""After how many months an expense has paid itself back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from evalkit.economics.cash_flow import discount_factor
from evalkit.economics.triangular import FloatArray


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
    >>> payback_months(Decimal(0), 24, Decimal(-900), Decimal(100), {Decimal(12): Decimal(-500)})
    Decimal('14')
    """
    balance = upfront
    paid_back: Decimal | None = Decimal(0) if balance >= 0 else None
    for month in range(1, horizon_months + 1):
        before = balance
        balance += monthly * discount_factor(rate_per_year, month)
        for due, flow in later.items():
            if month - 1 < due <= month:
                balance += flow * discount_factor(rate_per_year, due)
        if balance < 0:
            paid_back = None
        elif before < 0:
            paid_back = month - 1 - before / (balance - before)
    return paid_back


def payback_draws(
    rate_per_year: Decimal,
    horizon_months: int,
    upfront: FloatArray,
    monthly: FloatArray,
    later: Mapping[Decimal, FloatArray | float],
) -> FloatArray:
    """``payback_months`` in every draw.

    Args:
        rate_per_year: Discount rate a year.
        horizon_months: H.
        upfront: Shape (n_draws,), flow today.
        monthly: Shape (n_draws,), flow at the end of every month.
        later: Further flows by month, each of shape (n_draws,) or one number.

    Returns:
        Shape (n_draws,), months; infinity where it is not paid back inside the horizon.
    """
    balance = upfront
    paid_back = np.where(balance >= 0, 0.0, np.inf)
    for month in range(1, horizon_months + 1):
        before = balance
        balance = balance + monthly * float(discount_factor(rate_per_year, month))
        for due, flow in later.items():
            if month - 1 < due <= month:
                balance = balance + flow * float(discount_factor(rate_per_year, due))
        crosses = (before < 0) & (balance >= 0)
        share = np.divide(-before, balance - before, out=np.zeros_like(balance), where=crosses)
        paid_back = np.where(balance < 0, np.inf, np.where(crosses, month - 1 + share, paid_back))
    return paid_back
