"""Discounting, renewals, payback."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.cash_flow import (
    cadence,
    discount_factor,
    discounted_months,
    monthly_rate,
    months_between,
    npv,
    renewal_months,
)
from evalkit.economics.payback import payback_draws, payback_months

ZERO = Decimal(0)


def test_npv_reference_value():
    """decision.md section 2: -5000 then 12 x 450 monthly at 10% a year, monthly rate 1.1^(1/12) - 1, is 130.2195."""
    assert round(npv(Decimal("0.10"), Decimal(-5000), [Decimal(450)] * 12), 4) == Decimal("130.2195")


def test_twelve_monthly_rates_make_the_yearly_rate():
    assert round((1 + monthly_rate(Decimal("0.10"))) ** 12, 20) == Decimal("1.10")
    assert round(discount_factor(Decimal("0.10"), 12), 20) == round(1 / Decimal("1.10"), 20)


def test_without_discounting_money_keeps_its_digits():
    assert discount_factor(ZERO, 7) == 1
    assert discounted_months(ZERO, 24) == 24
    assert npv(ZERO, Decimal("-10.50"), [Decimal("3.50")] * 3) == 0


def test_rates_and_horizons_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="above -1"):
        monthly_rate(Decimal(-1))
    with pytest.raises(ValueError, match="at least one month"):
        discounted_months(ZERO, 0)


@pytest.mark.parametrize(
    ("horizon", "every", "due"),
    [(12, "6", ["6"]), (12, "5", ["5", "10"]), (12, "12", []), (12, "24", []), (3, "1.2", ["1.2", "2.4"])],
)
def test_a_model_is_renewed_ceil_h_over_k_minus_one_times(horizon: int, every: str, due: list[str]):
    assert renewal_months(horizon, Decimal(every)) == tuple(map(Decimal, due))


def test_the_cadence_is_the_shortest_limit_known():
    assert cadence(Decimal(6), None, Decimal("1.8")) == Decimal("1.8")
    assert cadence(None, None) is None


def test_months_between_days():
    assert months_between(date(2027, 1, 1), date(2026, 1, 1)) == 0
    assert round(months_between(date(2026, 1, 1), date(2027, 1, 1)), 3) == Decimal("11.992")


@pytest.mark.parametrize(
    ("rate", "upfront", "monthly", "later", "months"),
    [
        ("0", "-5000", "450", {}, "11.111111"),
        # the twelfth flow is worth 450 / 1.1 = 409.0909 and leaves 130.2195: 12 - 130.2195 / 409.0909
        ("0.10", "-5000", "450", {}, "11.681686"),
        ("0", "-900", "100", {"12": "-500"}, "14"),
        ("0", "-900", "100", {"4.5": "-500"}, "14"),
        ("0", "0", "0", {}, "0"),
        ("0", "100", "-4", {}, "0"),
        ("0", "100", "-50", {}, None),
        ("0", "-100", "-5", {}, None),
        ("0", "-9000", "100", {}, None),
        ("0", "0", "100", {"1": "-150"}, "1.5"),
        # -80 after month 9, 400 after month 10
        ("0", "100", "-20", {"10": "500"}, "9.166667"),
    ],
)
def test_payback_by_hand(rate: str, upfront: str, monthly: str, later: dict[str, str], months: str | None):
    flows = {Decimal(due): Decimal(flow) for due, flow in later.items()}
    found = payback_months(Decimal(rate), 24, Decimal(upfront), Decimal(monthly), flows)
    assert (None if found is None else round(found, 6)) == (None if months is None else Decimal(months))


money = st.integers(-1000, 1000).map(Decimal)  # whole amounts, so that floats add up exactly


@given(
    upfront=money, monthly=money, later=st.dictionaries(st.decimals("0.1", 12, places=1), money, max_size=3)
)
def test_payback_in_draws_is_payback_of_each(
    upfront: Decimal, monthly: Decimal, later: dict[Decimal, Decimal]
):
    one = payback_months(ZERO, 12, upfront, monthly, later)
    flows = {due: float(flow) for due, flow in later.items()}
    (many,) = payback_draws(ZERO, 12, np.array([float(upfront)]), np.array([float(monthly)]), flows).tolist()
    at_the_end = upfront + 12 * monthly + sum(later.values())
    assert (one is not None) == (at_the_end >= 0)
    assert many == pytest.approx(np.inf if one is None else float(one))
