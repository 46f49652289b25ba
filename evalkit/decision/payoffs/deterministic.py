"""Net benefit at a point, exactly: the figure that a person can follow with the ledger in hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts, Terms
from evalkit.economics.lifetime import Lifetime
from evalkit.economics.lifetime_costs import lifetime_costs
from evalkit.economics.net_benefit import At, PricedArm, at_point, margin_per_request
from evalkit.economics.triangular import TriangularRange, exact
from evalkit.pricing.fixed_costs import CADENCE, with_cadence


def point_net_benefit(
    arm: PricedArm,
    terms: Terms,
    life: Lifetime,
    *,
    inputs: Mapping[str, float] | None = None,
    at: At = "mode",
) -> Decimal | None:
    """Net benefit of one arm with some inputs put at a point.

    Args:
        arm: Its ledger lines, mean primary score and share of wrong answers.
        terms: Volume, value, horizon.
        life: How long its model answers inside the horizon.
        inputs: By name, a number in place of the declared one; the cadence among them.
        at: Where the other inputs stand: at their mode or their mean.

    Returns:
        None when a cost or the value of an answer is not known.
    """
    costs, changed = arm.costs, dict(inputs or {})
    if VOLUME in changed:
        terms = replace(terms, requests_per_month=_point(changed.pop(VOLUME)))
    if VALUE in changed:
        terms = replace(terms, value_per_correct=_point(changed.pop(VALUE)))
    if WRONG in changed:
        terms = replace(terms, cost_per_wrong=_point(changed.pop(WRONG)))
    if CADENCE in changed:
        costs = with_cadence(costs, changed.pop(CADENCE))
    for name, value in changed.items():
        costs = costs.with_input(name, exact(value))
    fixed = lifetime_costs(costs, life, at=at)
    margin = margin_per_request(replace(arm, costs=costs), terms, at=at)
    if fixed is None or margin is None:
        return None
    return life.discounted_months * at_point(terms.requests_per_month, at) * margin - fixed


def priced(costs: ArmCosts, quality: float, wrong: float) -> PricedArm:
    """An arm for exact money. Means of repeats and clusters have many digits; nine can be written down."""
    return PricedArm(costs, exact(round(quality, 9)), exact(round(wrong, 9)))


def _point(value: float) -> TriangularRange:
    return TriangularRange.point(exact(value))
