"""Arms whose unknown costs nobody needs to know: worse than another, and already dearer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from scipy.special import stdtrit

from evalkit.decision.shared_cases import DecisionCases
from evalkit.economics.ledger import Terms
from evalkit.economics.lifetime import Lifetime
from evalkit.economics.line_item import LineItem
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.stats.clusters import clustered_mean


def dominated_arms(
    cases: DecisionCases,
    cost_models: Mapping[str, ArmCostModel],
    lives: Mapping[str, Lifetime],
    terms: Terms,
    alpha: float,
) -> tuple[str, ...]:
    """Candidates with an unknown cost that another one beats whatever that cost is.

    The upper bound of their quality less the other's is below 0, and what is known of their costs over the horizon is
    already above the other's total. What is not known of theirs is then no missing input.

    Args:
        cases: Scores on the shared cases.
        cost_models: By name of the arm.
        lives: By name of the arm.
        terms: Volume and horizon.
        alpha: Two-sided error rate of the bound.
    """
    names = cases.scored.names
    known = [name for name in names if not cost_models[name].unknown]
    return tuple(
        name
        for name in names
        if cost_models[name].unknown
        and any(
            _known_cost(cost_models[name], lives[name], terms)
            > _known_cost(cost_models[rival], lives[rival], terms)
            and _is_worse(cases, name, rival, alpha)
            for rival in known
        )
    )


def _known_cost(model: ArmCostModel, life: Lifetime, terms: Terms) -> Decimal:
    """What is known of an arm's costs over its life, inputs at their means; unknown lines count nothing."""
    costs, months = model.costs, life.discounted_months
    fixed = _known(costs.one_off) + months * _known(costs.standing)
    again = sum(
        (life.weight_of_renewals(each.every_months) * _known(each.items) for each in costs.renewals),
        Decimal(0),
    )
    return fixed + again + months * terms.requests_per_month.mean * _known(costs.request_lines)


def _known(items: tuple[LineItem, ...]) -> Decimal:
    return sum((item.mean for item in items if item.mean is not None), Decimal(0))


def _is_worse(cases: DecisionCases, name: str, rival: str, alpha: float) -> bool:
    if cases.n_clusters < 2:
        return False
    scores = cases.scored.scores
    found = clustered_mean(scores[:, cases.column(name)] - scores[:, cases.column(rival)], cases.clusters)
    reach = float(stdtrit(found.degrees_of_freedom, 1.0 - alpha / 2.0))
    return found.mean + reach * found.standard_error < 0.0 and found.standard_error > 0.0
