"""Net benefit: by hand, and the same in draws as in exact figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.cash_flow import npv
from evalkit.economics.ledger import ArmCosts, Renewal, Terms, ledger
from evalkit.economics.line_item import Factor, LineItem, draw_inputs
from evalkit.economics.net_benefit import DrawnArm, PricedArm, fixed_cost, net_benefit
from evalkit.economics.prices import PriceError
from evalkit.economics.triangular import TriangularRange
from tests.builders.payoffs import net_benefit_draws

MakeArm = Callable[..., PricedArm]
TERMS = Terms(
    "USD",
    12,
    TriangularRange.point(100_000),
    TriangularRange.point(0.02),
    cost_per_wrong=TriangularRange.point(0.01),
)


def drawn_arm(arm: PricedArm, n_draws: int = 3) -> DrawnArm:
    unit = arm.costs.unit_cost
    assert unit is not None
    return DrawnArm(arm.costs, *(np.full(n_draws, float(value)) for value in (arm.quality, arm.wrong, unit)))


def test_net_benefit_by_hand(make_arm: MakeArm):
    arm = make_arm(
        unit="0.001", once="1440", monthly="50", renewal="240", every="6", quality="0.75", wrong="0.2"
    )
    # 12 x 100,000 x (0.02 x 0.75 - 0.01 x 0.2 - 0.001) - 1440 - 12 x 50 - 240
    assert net_benefit(arm, TERMS) == Decimal("12120")


def test_an_abstention_is_neither_correct_nor_wrong(make_arm: MakeArm):
    abstains = make_arm(quality="0.5", wrong="0.0")
    errs = make_arm(quality="0.5", wrong="0.5")
    abstained, erred = net_benefit(abstains, TERMS), net_benefit(errs, TERMS)
    assert abstained is not None
    assert erred is not None
    assert abstained - erred == Decimal("0.01") * Decimal("0.5") * 1_200_000


def test_discounting_is_npv_of_the_monthly_flows(make_arm: MakeArm):
    terms = replace(TERMS, discount_rate=Decimal("0.10"))
    arm = make_arm(unit="0.001", once="1440", monthly="50", renewal="240", every="6", quality="0.75")
    flows = [100_000 * (Decimal("0.02") * Decimal("0.75") - Decimal("0.001")) - 50] * 12
    flows[5] -= 240
    found = net_benefit(arm, terms)
    assert found is not None
    assert round(found, 15) == round(npv(Decimal("0.10"), Decimal(-1440), flows), 15)


def test_without_discounting_fixed_cost_is_what_the_ledger_shows(make_arm: MakeArm):
    costs = make_arm(once="1440", monthly="50", renewal="240", every="5").costs
    book = ledger(costs, TERMS)
    parts = (book.one_off.mode, book.standing.mode, book.recurring.mode)
    assert fixed_cost(costs, TERMS) == sum(part for part in parts if part is not None)


@pytest.mark.parametrize("part", ["unit", "once", "monthly", "renewal"])
def test_an_unknown_cost_makes_net_benefit_unknown(make_arm: MakeArm, part: str):
    assert net_benefit(make_arm(**{part: None}, every="6"), TERMS) is None


def test_an_unknown_renewal_after_the_horizon_does_not_matter(make_arm: MakeArm):
    arm = make_arm(renewal=None, every="12")
    assert net_benefit(arm, TERMS) == 0
    assert net_benefit_draws(drawn_arm(arm), TERMS, {}).tolist() == [0, 0, 0]


def test_without_a_value_there_is_no_net_benefit_but_there_are_costs(make_arm: MakeArm):
    terms = replace(TERMS, value_per_correct=None)
    arm = make_arm(unit="0.001", once="100", quality="1")
    assert net_benefit(arm, terms) is None
    with pytest.raises(ValueError, match="value_per_correct is not declared"):
        net_benefit_draws(drawn_arm(arm), terms, {})
    assert fixed_cost(arm.costs, terms) == 100
    asked = {"value_per_correct": np.full(3, 0.02)}
    assert net_benefit_draws(drawn_arm(arm), terms, asked) == pytest.approx([22_700] * 3)


def test_another_currency_is_refused(make_arm: MakeArm):
    arm = make_arm(currency="EUR")
    with pytest.raises(PriceError):
        net_benefit(arm, TERMS)
    with pytest.raises(PriceError):
        net_benefit_draws(drawn_arm(arm), TERMS, {})


def test_a_range_must_be_drawn(make_arm: MakeArm):
    terms = replace(TERMS, requests_per_month=TriangularRange.of(1, 2, 3))
    with pytest.raises(ValueError, match="'requests_per_month' is a range and was not drawn"):
        net_benefit_draws(drawn_arm(make_arm()), terms, {})


def test_draws_that_do_not_belong_together_are_refused(make_arm: MakeArm):
    costs = make_arm().costs
    with pytest.raises(ValueError, match=r"arm: wrong has shape \(2,\), not \(3,\)"):
        DrawnArm(costs, np.zeros(3), np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="unknown costs cannot be drawn"):
        DrawnArm(costs, np.zeros(3), np.zeros(3), np.array([0.0, np.nan, 0.0]))


def test_draws_average_to_the_expected_net_benefit():
    hours = LineItem(
        "labour", (Factor(TriangularRange.of(10, 20, 60), "hours", "hours"), Factor.exact(60, "per hour"))
    )
    request = LineItem("request", (Factor.exact(Decimal("0.001"), "per request"),))
    costs = ArmCosts(
        "a",
        "USD",
        None,
        {"observed": (request,)},
        one_off=(hours,),
        renewals=(Renewal(Decimal(4), (hours,)),),
    )
    terms = replace(
        TERMS, requests_per_month=TriangularRange.of(20_000, 100_000, 500_000), discount_rate=Decimal("0.05")
    )
    arm = PricedArm(costs, Decimal("0.75"), Decimal("0.2"))
    drawn = draw_inputs(costs.items, terms.inputs, np.random.default_rng(2), 200_000)
    expected, at_mode = net_benefit(arm, terms, at="mean"), net_benefit(arm, terms)
    assert expected is not None
    assert at_mode is not None
    draws = net_benefit_draws(drawn_arm(arm, 200_000), terms, drawn)
    assert draws.mean() == pytest.approx(float(expected), rel=0.005)
    assert expected > 1.5 * float(at_mode)


cents = st.decimals(0, 1000, places=2).map(str)
share = st.decimals(0, 1, places=3).map(str)


@given(
    costs=st.fixed_dictionaries(
        {"unit": st.decimals(0, 1, places=6).map(str), "once": cents, "monthly": cents, "renewal": cents}
    ),
    every=st.none() | st.decimals("0.5", 24, places=1).map(str),
    quality=share,
    wrong=share,
    volume=st.integers(0, 10**7),
    horizon=st.integers(1, 60),
    rate=st.decimals(0, 1, places=2),
)
def test_draws_and_exact_figures_agree(
    make_arm: MakeArm,
    costs: dict[str, str],
    every: str | None,
    quality: str,
    wrong: str,
    volume: int,
    horizon: int,
    rate: Decimal,
):
    arm = make_arm(**costs, every=every, quality=quality, wrong=wrong)
    terms = replace(
        TERMS, requests_per_month=TriangularRange.point(volume), horizon_months=horizon, discount_rate=rate
    )
    exact = net_benefit(arm, terms)
    assert exact is not None
    assert net_benefit_draws(drawn_arm(arm, 1), terms, {}) == pytest.approx(
        [float(exact)], rel=1e-9, abs=1e-5
    )


@given(
    margins=st.tuples(share, share, share, share),
    fixed=st.tuples(cents, cents),
    volumes=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted),
)
def test_more_volume_never_makes_the_arm_with_the_larger_margin_lose_ground(
    make_arm: MakeArm, margins: tuple[str, str, str, str], fixed: tuple[str, str], volumes: list[int]
):
    one = make_arm(quality=margins[0], unit=margins[1], once=fixed[0])
    two = make_arm(quality=margins[2], unit=margins[3], once=fixed[1])
    leads = []
    for volume in volumes:
        terms = replace(TERMS, requests_per_month=TriangularRange.point(volume))
        ahead, behind = net_benefit(one, terms), net_benefit(two, terms)
        assert ahead is not None
        assert behind is not None
        leads.append(ahead - behind)
    value = Decimal("0.02")
    larger = value * Decimal(margins[0]) - Decimal(margins[1]) >= value * Decimal(margins[2]) - Decimal(
        margins[3]
    )
    assert leads[1] >= leads[0] if larger else leads[1] <= leads[0]
