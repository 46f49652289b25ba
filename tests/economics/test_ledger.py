"""The ledger of one arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from evalkit.economics.ledger import ArmCosts, Renewal, Terms, ledger
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.net_benefit import PricedArm
from evalkit.economics.prices import PriceError
from evalkit.economics.triangular import TriangularRange

MakeArm = Callable[..., PricedArm]
TERMS = Terms("USD", 12, TriangularRange.of(20_000, 100_000, 500_000))


def test_a_ledger_by_hand(make_arm: MakeArm):
    costs = make_arm("tuned", unit="0.0002", once="1440", monthly="50", renewal="240", every="6").costs
    book = ledger(costs, TERMS)
    assert book.one_off.mode == 1440
    assert book.standing.mode == 50 * 12
    assert book.recurring.mode == 240  # once, in month 6; at month 12 the horizon is over
    assert book.per_request.mode == Decimal("0.0002") * 100_000 * 12
    assert book.total.mode == 1440 + 600 + 240 + 240


def test_the_mean_of_a_lopsided_volume_stands_beside_the_mode(make_arm: MakeArm):
    book = ledger(make_arm(unit="0.0003", once="10").costs, TERMS)
    assert book.total.mode == 10 + 360
    assert book.total.mean == pytest.approx(Decimal(10 + 744))


def test_every_line_says_how_it_was_computed(make_arm: MakeArm):
    book = ledger(make_arm(unit="0.0002", monthly="50", renewal="240", every="5").costs, TERMS)
    assert [item.basis for item in book.total.items] == [
        "0 once",
        "50 once x 12 months",
        "240 once x 2 times (every 5 months)",
        "0.0002 once x 100,000 requests a month (mean 206,666.67) x 12 months",
    ]


def test_a_renewal_after_the_horizon_costs_nothing_even_if_unknown(make_arm: MakeArm):
    book = ledger(make_arm(renewal=None, every="12").costs, TERMS)
    assert book.recurring.items == ()
    assert book.total.mode == 0


def test_renewals_may_have_their_own_cadence():
    retune = LineItem("retune", (Factor.exact(100, "once"),))
    index = LineItem("index", (Factor.exact(7, "once"),))
    costs = ArmCosts(
        "tuned_rag",
        "USD",
        None,
        {},
        renewals=(Renewal(Decimal(6), (retune,)), Renewal(Decimal(1), (index,))),
    )
    assert ledger(costs, TERMS).recurring.mode == 100 + 11 * 7


@pytest.mark.parametrize("part", ["unit", "once", "monthly"])
def test_one_unknown_line_makes_the_total_unknown(make_arm: MakeArm, part: str):
    book = ledger(make_arm(**{part: None}).costs, TERMS)
    assert book.total.mode is None
    assert book.total.mean is None


def test_an_arm_without_request_lines_has_an_unknown_unit_cost_not_a_free_one(make_arm: MakeArm):
    costs = replace(make_arm(unit="1").costs, per_request={"observed": (), "cold": ()}, scenario="observed")
    assert costs.unit_cost is None
    assert costs.unit_costs == {"observed": None, "cold": None}
    assert ledger(costs, TERMS).total.mode is None


def test_scenarios_stand_side_by_side_and_the_ledger_uses_one(make_arm: MakeArm):
    cheap = LineItem("request", (Factor.exact(1, "once"),))
    dear = LineItem("request", (Factor.exact(3, "once"),))
    costs = replace(make_arm().costs, per_request={"observed": (cheap,), "cold": (dear,)}, scenario="cold")
    assert costs.unit_costs == {"observed": 1, "cold": 3}
    assert costs.unit_cost == 3
    assert ledger(costs, TERMS).scenario == "cold"


def test_two_currencies_are_refused(make_arm: MakeArm):
    with pytest.raises(PriceError, match="'arm' is priced in EUR and the suite counts in USD"):
        ledger(make_arm(currency="EUR").costs, TERMS)


def test_terms_and_renewals_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="horizon_months must be at least 1"):
        Terms("USD", 0, TriangularRange.point(1))
    with pytest.raises(ValueError, match="requests_per_month must not be negative"):
        Terms("USD", 1, TriangularRange.point(-1))
    with pytest.raises(ValueError, match="a renewal falls due every k > 0 months"):
        Renewal(Decimal(0), ())


def test_the_terms_name_their_uncertain_inputs():
    assert sorted(TERMS.inputs) == ["cost_per_wrong", "requests_per_month"]
    valued = replace(TERMS, value_per_correct=TriangularRange.point(1))
    assert sorted(valued.inputs) == ["cost_per_wrong", "requests_per_month", "value_per_correct"]
