"""Net benefit in every draw, put together from its parts: what payoffs are compared with."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.economics.cash_flow import discounted_months
from evalkit.economics.ledger import VOLUME, Terms
from evalkit.economics.net_benefit import DrawnArm, fixed_cost_draws, input_draws, worth_draws
from evalkit.economics.triangular import FloatArray


def cost_draws(arm: DrawnArm, terms: Terms, drawn: Mapping[str, FloatArray]) -> FloatArray:
    """Shape (n_draws,): all that an arm costs over the horizon, discounted."""
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    volume = input_draws(terms.requests_per_month, VOLUME, drawn)
    return months * volume * arm.unit_cost + fixed_cost_draws(arm.costs, terms, drawn)


def net_benefit_draws(arm: DrawnArm, terms: Terms, drawn: Mapping[str, FloatArray]) -> FloatArray:
    """Shape (n_draws,): what an arm is worth over the horizon, discounted."""
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    volume = input_draws(terms.requests_per_month, VOLUME, drawn)
    return months * volume * worth_draws(arm, terms, drawn) - cost_draws(arm, terms, drawn)
