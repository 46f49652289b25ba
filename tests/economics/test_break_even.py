"""Break-even volume and payback, exactly and in draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.economics.break_even import break_even
from evalkit.economics.break_even_range import BreakEvenBand, break_even_range
from evalkit.economics.ledger import Terms
from evalkit.economics.net_benefit import DrawnArm, PricedArm, net_benefit
from evalkit.economics.triangular import TriangularRange

MakeArm = Callable[..., PricedArm]
TERMS = Terms("USD", 12, TriangularRange.point(200_000), TriangularRange.point(0.02))


def drawn_arm(arm: PricedArm, *unit_costs: float) -> DrawnArm:
    n = len(unit_costs)
    quality, wrong = np.full(n, float(arm.quality)), np.full(n, float(arm.wrong))
    return DrawnArm(arm.costs, quality, wrong, np.array(unit_costs))


def test_a_saving_per_request_pays_training_back_from_a_volume_on(make_arm: MakeArm):
    tuned = make_arm("tuned", unit="0.001", once="1200", quality="0.5")
    found = break_even(tuned, make_arm("few_shot", unit="0.002", quality="0.9"), TERMS, basis="cost")
    assert (found.side, found.requests_per_month, found.months) == ("above", 100_000, 6)
    assert found.reason == "1,200 USD more fixed cost / (12 months x 0.001 USD gained per request)"
    assert (found.treatment, found.control, found.basis) == ("tuned", "few_shot", "cost")


def test_better_answers_count_on_the_net_basis_only(make_arm: MakeArm):
    tuned = make_arm(unit="0.002", once="2400", quality="0.8", wrong="0.1")
    base = make_arm(unit="0.002", quality="0.7", wrong="0.3")
    assert break_even(tuned, base, TERMS, basis="cost").side == "never"
    # 0.02 x 0.1 + 0.01 x 0.2 = 0.004 a request
    terms = replace(TERMS, cost_per_wrong=TriangularRange.point(0.01))
    found = break_even(tuned, base, terms, basis="net")
    assert (found.side, found.requests_per_month, found.months) == ("above", 50_000, 3)


def test_hosting_and_retunes_are_part_of_what_must_be_paid_back(make_arm: MakeArm):
    tuned = make_arm(unit="0.001", once="1200", monthly="50", renewal="600", every="6")
    found = break_even(tuned, make_arm(unit="0.002"), TERMS, basis="cost")
    assert found.requests_per_month == (1200 + 12 * 50 + 600) / Decimal(12 * Decimal("0.001"))
    # 150 a month: -300 after month 6 without, -900 with the retune, 0 after month 12
    assert found.months == 12


def test_a_renewal_of_the_control_counts_for_the_treatment(make_arm: MakeArm):
    control = make_arm(renewal="600", every="6")
    found = break_even(make_arm(once="300"), control, TERMS, basis="cost")
    assert (found.side, found.requests_per_month) == ("always", 0)
    assert found.months == Decimal("5.5")  # month 6 brings 600 where 300 were missing
    assert found.reason == "300 USD less fixed cost and 0 USD gained per request"


def test_dearer_requests_and_training_never_pay(make_arm: MakeArm):
    found = break_even(make_arm(unit="0.003", once="100"), make_arm(unit="0.002"), TERMS, basis="cost")
    assert (found.side, found.requests_per_month, found.months) == ("never", None, None)
    assert found.reason == "100 USD more fixed cost and 0.001 USD lost per request"


def test_equal_requests_never_pay_for_training(make_arm: MakeArm):
    assert break_even(make_arm(once="100"), make_arm(), TERMS, basis="cost").side == "never"


def test_an_arm_without_extra_cost_is_always_level(make_arm: MakeArm):
    found = break_even(make_arm(), make_arm(), TERMS, basis="cost")
    assert (found.side, found.requests_per_month, found.months) == ("always", 0, 0)


def test_less_fixed_cost_and_dearer_requests_pay_below_a_volume(make_arm: MakeArm):
    found = break_even(make_arm(unit="0.002"), make_arm(unit="0.001", once="1200"), TERMS, basis="cost")
    assert (found.side, found.requests_per_month, found.months) == ("below", 100_000, None)
    assert found.reason == "1,200 USD less fixed cost / (12 months x 0.001 USD lost per request)"


def test_a_volume_too_small_is_not_paid_back_inside_the_horizon(make_arm: MakeArm):
    terms = replace(TERMS, requests_per_month=TriangularRange.point(99_999))
    found = break_even(make_arm(unit="0.001", once="1200"), make_arm(unit="0.002"), terms, basis="cost")
    assert (found.requests_per_month, found.months) == (100_000, None)


def test_a_discounted_horizon_says_so(make_arm: MakeArm):
    terms = replace(TERMS, discount_rate=Decimal("0.10"))
    found = break_even(make_arm(unit="0.001", once="1200"), make_arm(unit="0.002"), terms, basis="cost")
    # 1/i (1 - 1/1.1) with i = 1.1^(1/12) - 1 is 11.400488 months
    assert (
        found.reason
        == "1,200 USD more fixed cost / (11.400488 discounted months x 0.001 USD gained per request)"
    )
    assert found.requests_per_month is not None
    assert round(found.requests_per_month, 2) == Decimal("105258.65")


def test_unknown_costs_are_named(make_arm: MakeArm):
    found = break_even(make_arm("tuned", once=None), make_arm("base", unit=None), TERMS, basis="cost")
    assert (found.side, found.requests_per_month, found.months) == ("unknown", None, None)
    assert found.reason == "not known: tuned: training (unknown once); base: request (unknown once)"


def test_an_undeclared_value_is_named(make_arm: MakeArm):
    terms = replace(TERMS, value_per_correct=None)
    found = break_even(make_arm(), make_arm(), terms, basis="net")
    assert found.reason == "not known: value_per_correct is not declared"


def test_the_mean_gives_another_payback_than_the_mode(make_arm: MakeArm):
    terms = replace(TERMS, requests_per_month=TriangularRange.of(100_000, 200_000, 900_000))
    tuned, base = make_arm(unit="0.001", once="1200"), make_arm(unit="0.002")
    assert break_even(tuned, base, terms, basis="cost").months == 6
    assert break_even(tuned, base, terms, basis="cost", at="mean").months == 3


amounts = st.decimals(0, 5000, places=2).map(str)
units = st.decimals(0, "0.01", places=5).map(str)


@settings(derandomize=True)  # a lead of exactly 0 at the horizon is a matter of rounding
@given(
    units=st.tuples(units, units),
    once=st.tuples(amounts, amounts),
    quality=st.tuples(*[st.decimals(0, 1, places=2).map(str)] * 2),
    renewal=st.tuples(amounts, amounts),
    rate=st.sampled_from([Decimal(0), Decimal("0.1")]),
    volume=st.integers(0, 10**6),
)
def test_break_even_is_where_net_benefits_cross(
    make_arm: MakeArm,
    units: tuple[str, str],
    once: tuple[str, str],
    quality: tuple[str, str],
    renewal: tuple[str, str],
    rate: Decimal,
    volume: int,
):
    treatment, control = (
        make_arm(unit=units[i], once=once[i], quality=quality[i], renewal=renewal[i], every="5")
        for i in (0, 1)
    )

    def lead(requests_per_month: Decimal | int) -> Decimal:
        terms = replace(
            TERMS, requests_per_month=TriangularRange.point(requests_per_month), discount_rate=rate
        )
        one, two = net_benefit(treatment, terms), net_benefit(control, terms)
        assert one is not None
        assert two is not None
        return one - two

    terms = replace(TERMS, requests_per_month=TriangularRange.point(volume), discount_rate=rate)
    found = break_even(treatment, control, terms, basis="net")
    assert (found.months is not None) == (lead(volume) >= 0)
    if found.side == "always":
        assert lead(volume) >= 0
    elif found.side == "never":
        assert volume == 0 or lead(volume) <= 0
    else:
        level = found.requests_per_month
        assert level is not None
        assert abs(lead(level)) < Decimal("1e-15")
        assume(level > Decimal("0.1"))
        inside = level * 2 if found.side == "above" else level / 2
        assert lead(inside) > 0


def test_the_range_of_draws_counts_draws_that_never_pay(make_arm: MakeArm):
    tuned, base = make_arm(once="1200"), make_arm()
    found = break_even_range(
        drawn_arm(tuned, 0.001, 0.0015, 0.003, 0.002),
        drawn_arm(base, 0.002, 0.0025, 0.002, 0.002),
        TERMS,
        {},
        basis="cost",
        level=0.5,
    )
    assert found.requests_per_month.low == pytest.approx(100_000)
    assert found.requests_per_month.high is None
    assert found.months.low == pytest.approx(6)
    assert found.months.high is None
    assert (found.share_never, found.n_draws, found.level, found.side) == (0.5, 4, 0.5, "above")


def test_a_draw_that_is_always_ahead_counts_as_zero(make_arm: MakeArm):
    found = break_even_range(
        drawn_arm(make_arm(), 0.001), drawn_arm(make_arm(once="5"), 0.002), TERMS, {}, basis="cost"
    )
    assert found.requests_per_month == BreakEvenBand(0, 0, 0)
    assert found.months == BreakEvenBand(0, 0, 0)
    assert found.share_never == 0


def test_below_counts_the_other_way_round(make_arm: MakeArm):
    found = break_even_range(
        drawn_arm(make_arm(), 0.002, 0.001, 0.002),
        drawn_arm(make_arm(once="1200"), 0.001, 0.001, 0.001),
        TERMS,
        {},
        basis="cost",
        side="below",
    )
    assert found.requests_per_month.median == pytest.approx(100_000)
    assert found.requests_per_month.high is None
    assert found.share_never == 0


@settings(derandomize=True)  # likewise
@given(
    units=st.tuples(units, units),
    once=st.tuples(amounts, amounts),
    monthly=amounts,
    every=st.none() | st.just("5"),
)
def test_a_single_draw_gives_the_exact_figures(
    make_arm: MakeArm, units: tuple[str, str], once: tuple[str, str], monthly: str, every: str | None
):
    treatment = make_arm(
        unit=units[0], once=once[0], monthly=monthly, renewal="70", every=every, quality="0.8"
    )
    control = make_arm(unit=units[1], once=once[1], quality="0.7")
    exact = break_even(treatment, control, TERMS, basis="net")
    assume(exact.side != "below")
    drawn = break_even_range(
        drawn_arm(treatment, float(units[0])), drawn_arm(control, float(units[1])), TERMS, {}, basis="net"
    )
    assert drawn.share_never == (exact.side == "never")
    volume, months = exact.requests_per_month, exact.months
    assert drawn.requests_per_month.median == (
        None if volume is None else pytest.approx(float(volume), rel=1e-9)
    )
    assert drawn.months.median == (None if months is None else pytest.approx(float(months), rel=1e-9))
