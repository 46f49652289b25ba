"""Net benefit at a point, exactly: the figure that a person can follow with the ledger in hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts, Terms
from evalkit.economics.net_benefit import At, PricedArm, net_benefit
from evalkit.economics.triangular import TriangularRange, exact
from evalkit.pricing.fixed_costs import CADENCE, with_cadence


def point_net_benefit(
    costs: ArmCosts,
    terms: Terms,
    *,
    quality: float,
    wrong: float,
    inputs: Mapping[str, float] | None = None,
    at: At = "mode",
) -> Decimal | None:
    """Net benefit of one arm with some inputs put at a point.

    Args:
        costs: The arm's ledger lines.
        terms: Volume, value, horizon.
        quality: Mean primary score.
        wrong: Share of wrong answers.
        inputs: By name, a number in place of the declared one; the cadence among them.
        at: Where the other inputs stand: at their mode or their mean.

    Returns:
        None when a cost or the value of an answer is not known.
    """
    changed = dict(inputs or {})
    if VOLUME in changed:
        terms = replace(terms, requests_per_month=TriangularRange.point(exact(changed.pop(VOLUME))))
    if VALUE in changed:
        terms = replace(terms, value_per_correct=TriangularRange.point(exact(changed.pop(VALUE))))
    if WRONG in changed:
        terms = replace(terms, cost_per_wrong=TriangularRange.point(exact(changed.pop(WRONG))))
    if CADENCE in changed:
        costs = with_cadence(costs, changed.pop(CADENCE))
    for name, value in changed.items():
        costs = costs.with_input(name, exact(value))
    # Repeats and clusters leave means with many digits; nine are enough and can be written down.
    figures = PricedArm(costs, exact(round(quality, 9)), exact(round(wrong, 9)))
    return net_benefit(figures, terms, at=at)
