"""Closed-form crossings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from evalkit.economics.break_even import break_even
from evalkit.economics.crossing import crossing
from evalkit.economics.ledger import Terms
from evalkit.economics.net_benefit import PricedArm, net_benefit
from evalkit.economics.triangular import TriangularRange

MakeArm = Callable[..., PricedArm]
TERMS = Terms("USD", 12, TriangularRange.point(200_000), TriangularRange.point(0.02))


def test_the_crossing_in_volume_is_the_break_even(make_arm: MakeArm):
    tuned, base = make_arm(unit="0.001", once="1200", quality="0.8"), make_arm(unit="0.002", quality="0.7")

    def lead(volume: Decimal) -> Decimal:
        terms = replace(TERMS, requests_per_month=TriangularRange.point(volume))
        one, two = net_benefit(tuned, terms), net_benefit(base, terms)
        assert one is not None
        assert two is not None
        return one - two

    assert crossing(lead).at == break_even(tuned, base, TERMS, basis="net").requests_per_month


def test_the_crossing_in_value_by_hand(make_arm: MakeArm):
    tuned, base = make_arm(once="2400", quality="0.8"), make_arm(quality="0.7")

    def lead(value: Decimal) -> Decimal:
        terms = replace(TERMS, value_per_correct=TriangularRange.point(value))
        one, two = net_benefit(tuned, terms), net_benefit(base, terms)
        assert one is not None
        assert two is not None
        return one - two

    found = crossing(lead)  # 2400 / (12 x 200,000 x 0.1)
    assert found.at == Decimal("0.01")
    assert found.reason == "2,400 / 240,000 per unit"


def test_an_input_that_moves_nothing_has_no_crossing():
    found = crossing(lambda _: Decimal(-5))
    assert found.at is None
    assert found.reason == "the difference is -5 whatever the value"
