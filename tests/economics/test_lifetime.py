"""An arm's life inside the horizon: months, their present value, retunes, and what is paid for in it."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.cash_flow import discounted_months, npv
from evalkit.economics.ledger import ArmCosts, Renewal, Terms
from evalkit.economics.lifetime import lifetime, retunes
from evalkit.economics.lifetime_costs import lifetime_cost_draws, lifetime_costs
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.net_benefit import PricedArm, fixed_cost
from evalkit.economics.triangular import TriangularRange

MakeArm = Callable[..., PricedArm]


def test_a_life_of_the_whole_horizon_is_the_discounted_months():
    assert lifetime(12, Decimal("0.10")).discounted_months == discounted_months(Decimal("0.10"), 12)
    assert not lifetime(12, shuts_after=Decimal(12)).cut_short


def test_a_model_that_shuts_is_worth_nothing_afterwards_unless_a_successor_is_declared():
    life = lifetime(12, shuts_after=Decimal("1.81"))
    assert (life.months, life.discounted_months, life.cut_short) == (Decimal("1.81"), Decimal("1.81"), True)
    declared = lifetime(12, shuts_after=Decimal("1.81"), successor=True)
    assert (declared.months, declared.cut_short) == (Decimal(12), False)
    assert lifetime(12, shuts_after=Decimal(0)).discounted_months == 0


def test_a_part_of_a_month_is_discounted_from_its_end():
    """-5000 + 450 a month at 10% a year: the twelve months are worth 5,130.2195."""
    life = lifetime(24, Decimal("0.10"), shuts_after=Decimal(12))
    assert -5000 + 450 * life.discounted_months == pytest.approx(
        npv(Decimal("0.10"), Decimal(-5000), [Decimal(450)] * 12)
    )
    assert round(450 * life.discounted_months - 5000, 4) == Decimal("130.2195")
    half = lifetime(24, Decimal("0.10"), shuts_after=Decimal("0.5"))
    assert float(half.discounted_months) == pytest.approx(0.5 * 1.1 ** (-0.5 / 12))


@pytest.mark.parametrize(
    ("life", "every", "count"),
    [("12", "3", 3), ("12", "5", 2), ("12", "12", 0), ("12", "11.9", 1), ("1.81", "1", 1), ("0", "3", 0)],
)
def test_retunes_are_the_trainings_after_the_first(life, every, count):
    """R = ceil(min(H, life) / k) - 1."""
    assert retunes(Decimal(life), Decimal(every)) == count


def test_nothing_is_paid_after_the_end_of_life(make_arm: MakeArm):
    """1,440 once, 50 a month, 240 every 3 months: in 7 months two renewals, in 2 months none."""
    costs = make_arm(once="1440", monthly="50", renewal="240", every="3").costs
    assert lifetime_costs(costs, lifetime(12, shuts_after=Decimal(7))) == 1440 + 7 * 50 + 2 * 240
    assert lifetime_costs(costs, lifetime(12, shuts_after=Decimal(2))) == 1440 + 2 * 50
    assert lifetime(12, shuts_after=Decimal(7)).due(Decimal(3)) == (Decimal(3), Decimal(6))


@given(st.integers(1, 36), st.sampled_from(["0", "0.08", "0.2"]), st.integers(1, 40))
def test_over_the_whole_horizon_it_is_the_fixed_cost_of_the_ledger(horizon, rate, every):
    line = LineItem("line", (Factor.exact(Decimal("17.5"), "once"),))
    costs = ArmCosts(
        "arm",
        "USD",
        None,
        {},
        one_off=(line,),
        standing=(line,),
        renewals=(Renewal(Decimal(every), (line,)),),
    )
    terms = Terms("USD", horizon, TriangularRange.point(1), discount_rate=Decimal(rate))
    assert lifetime_costs(costs, lifetime(horizon, Decimal(rate))) == fixed_cost(costs, terms)


def test_draws_follow_the_hours_drawn():
    hours = LineItem(
        "labour",
        (
            Factor(TriangularRange.of(10, 20, 30), "hours", "labour_hours"),
            Factor.exact(Decimal(60), "per hour"),
        ),
    )
    costs = ArmCosts("arm", "USD", None, {}, one_off=(hours,), standing=(hours,))
    drawn = {"labour_hours": np.array([10.0, 30.0])}
    found = lifetime_cost_draws(costs, lifetime(3), drawn)
    assert np.array_equal(found, np.array([10.0, 30.0]) * 60 * 4)
    assert lifetime_costs(costs, lifetime(3), at="mean") == 20 * 60 * 4


def test_an_unknown_line_is_not_zero(make_arm: MakeArm):
    costs = make_arm(once=None).costs
    assert lifetime_costs(costs, lifetime(12)) is None
    with pytest.raises(ValueError, match="not known"):
        lifetime_cost_draws(costs, lifetime(12), {})


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="at least one month"):
        lifetime(0)
    with pytest.raises(ValueError, match="give 0"):
        lifetime(12, shuts_after=Decimal(-1))
    with pytest.raises(ValueError, match="k > 0"):
        retunes(Decimal(12), Decimal(0))
