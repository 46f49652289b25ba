"""Net benefit of one arm against another in closed form, on the shared cases: figures that a person can redo."""

from __future__ import annotations

import numpy as np

from evalkit.comparison.table import TOKEN_KINDS, FloatArray
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel, WhatIf
from evalkit.decision.shared_cases import DEVICE_S, STATED
from evalkit.economics.ledger import VALUE, VOLUME, WRONG
from evalkit.economics.lifetime_costs import lifetime_cost_draws
from evalkit.economics.payoff_table import NONE
from evalkit.economics.request_cost import TokenColumns
from evalkit.records.decision import NetBenefitClaim as ClaimRecord
from evalkit.stats.net_benefit_claim import CaseWorth, NetBenefitClaim, net_benefit_claim, nothing


def claim_between(
    payoff_model: PayoffModel, treatment: str, control: str, what_if: WhatIf = UNCHANGED
) -> NetBenefitClaim | None:
    """Net benefit of one choice less that of another, every input at its mean.

    Args:
        payoff_model: Cases, costs and terms.
        treatment: Name of an arm.
        control: Name of another, or ``none``.
        what_if: Changed assumptions.

    Returns:
        None with fewer than two clusters, and without a value per answer.
    """
    cases = payoff_model.draws.cases
    if cases.n_clusters < 2 or not payoff_model.in_value:
        return None
    left, right = (case_worth(payoff_model, name, what_if) for name in (treatment, control))
    return net_benefit_claim(left, right, cases.clusters, input_mean(payoff_model, VOLUME, what_if))


def claim_record(payoff_model: PayoffModel, treatment: str, control: str, alpha: float) -> ClaimRecord | None:
    """The claim as ``decision.json`` keeps it; None where there is none."""
    claim = claim_between(payoff_model, treatment, control)
    if claim is None:
        return None
    bounds = claim.bounds(alpha)
    return ClaimRecord(
        treatment=treatment,
        control=control,
        estimate=claim.estimate,
        low=None if claim.no_spread else bounds.low,
        high=None if claim.no_spread else bounds.high,
        se=claim.standard_error,
        df=float(claim.degrees_of_freedom),
        n=claim.n_cases,
        n_clusters=claim.n_clusters,
        pays_from=claim.break_even_volume,
        low_pays_from=claim.break_even_volume_of_lower_bound(alpha),
        currency=payoff_model.terms.currency,
    )


def case_worth(payoff_model: PayoffModel, name: str, what_if: WhatIf = UNCHANGED) -> CaseWorth:
    """What one choice is worth in each shared case, at the means of the inputs."""
    draws = payoff_model.draws
    cases = draws.cases
    if name == NONE:
        return nothing(cases.n_cases)
    value, loss = (input_mean(payoff_model, source, what_if) for source in (VALUE, WRONG))
    at, shift = cases.column(name), what_if.shifts.get(name, 0.0)
    costs = _cost_by_case(payoff_model, name, what_if)
    worth = value * (cases.scored.scores[:, at] + shift) - loss * (cases.wrong_by_case(name) - shift) - costs
    if cases.scored.weights is not None:
        worth = worth * cases.scored.weights
    plan = draws.answers[name].plan
    variance = 0.0 if plan is None else plan.spread.expected_variance * plan.horizon_factor
    life = draws.lives[name]
    return CaseWorth(
        worth,
        months=float(life.discounted_months),
        fixed=float(np.mean(payoff_model.fixed(name, what_if)))
        if what_if.inputs
        else _fixed_at_means(payoff_model, name),
        training_variance=variance * value**2,
    )


def input_mean(payoff_model: PayoffModel, name: str, what_if: WhatIf = UNCHANGED) -> float:
    """One of the terms at its mean, or at the point that an assumption puts it at; 0 for a value not declared."""
    if name in what_if.inputs:
        return what_if.inputs[name]
    declared = payoff_model.terms.inputs.get(name)
    return 0.0 if declared is None else float(declared.mean)


def _fixed_at_means(payoff_model: PayoffModel, name: str) -> float:
    draws = payoff_model.draws
    means = {source: np.array([float(span.mean)]) for source, span in draws.ranges.items()}
    return float(np.mean(lifetime_cost_draws(draws.costs(name), draws.lives[name], means)))


def _cost_by_case(payoff_model: PayoffModel, name: str, what_if: WhatIf) -> FloatArray:
    """Shape (n_shared,), money of each case's request; a case whose use is not known costs the mean of the others."""
    draws, alongside = payoff_model.draws, payoff_model.draws.cases.scored.alongside
    at = draws.cases.column(name)
    prices = {
        key: value for key, value in what_if.inputs.items() if key in draws.cost_models[name].request_prices
    }
    costs = draws.cost_models[name].unit_costs(
        TokenColumns(**{kind: alongside[kind][:, at] for kind in TOKEN_KINDS}),
        alongside[DEVICE_S][:, at],
        stated=alongside[STATED][:, at],
        scenario=what_if.scenario,
        prices=prices,
    )
    known = np.isfinite(costs)
    return np.where(known, costs, costs[known].mean() if known.any() else 0.0)
