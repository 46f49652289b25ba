"""Where no tuned arm was measured: how good would one have to be, and is it worth finding out?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.comparison.settings import generator
from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.payoff_model import PayoffModel, Payoffs, WhatIf
from evalkit.decision.wording import amount, score
from evalkit.economics.cash_flow import discounted_months
from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts, Renewal
from evalkit.economics.line_item import Factor, LineItem, total
from evalkit.economics.net_benefit import fixed_cost_draws, input_draws
from evalkit.economics.training_cost import hosting, labour
from evalkit.economics.triangular import exact
from evalkit.pricing.fixed_costs import RETUNE_HOURS, range_of, retune_every
from evalkit.suite.economics import Economics
from evalkit.suite.schema import Pilot


@dataclass(frozen=True, slots=True)
class PilotOutcome:
    """Whether a pilot tune is worth its cost, and why.

    Attributes:
        q_star: Tuned quality at which tuning pays at the mode; above 1 where none does; None where it cannot be said.
        expected_gain: Mean over draws of what a pilot could gain; None where no pilot was declared.
        cost: Of the pilot, declared or estimated.
        worth_it: Whether a pilot is worth more than it costs, which is what ``pilot_first`` rests on.
        reason: In words, with the numbers.
    """

    q_star: float | None
    expected_gain: float | None
    cost: float | None
    worth_it: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PilotQuestion:
    """All that the assessment of a pilot needs beside the draws.

    Attributes:
        tuned_costs: Ledger lines of the tuned arm that would be piloted, from ``hypothetical_tuned_costs``; its
            requests have a price.
        pilot: What it is believed to reach and cost, where declared.
        target: Quality the use case asks for.
        quality: By untuned candidate, its observed mean.
        wrong: By untuned candidate, its observed share of wrong answers.
        seed: The suite's.
    """

    tuned_costs: ArmCosts
    pilot: Pilot | None
    target: float | None
    quality: Mapping[str, float]
    wrong: Mapping[str, float]
    seed: int


def hypothetical_tuned_costs(economics: Economics, like: ArmCosts, pilot: Pilot | None) -> ArmCosts:
    """Price a tuned arm that nobody has made yet, from what is declared.

    The bill of the machine that trains is not known before a pilot; a declared pilot's cost stands for it.

    Args:
        economics: Hours, rates, hosting, cadence.
        like: Costs of the measured arm whose requests a tuned one would have: untuned, no retrieval, fewest shots.
        pilot: Declared, or None.
    """
    effort = economics.training
    rate = range_of(effort.labour_rate)
    training = (
        () if pilot is None else (LineItem("training", (Factor.exact(pilot.cost, "as the pilot's cost"),)),)
    )
    one_off = [*training, labour("engineering", range_of(effort.labour_hours), rate)]
    if effort.labelling_cost:
        one_off.append(LineItem("labelling", (Factor.exact(effort.labelling_cost, "as declared"),)))
    hourly, month = economics.hosting.tuned_per_hour, exact(economics.hosting.hours_per_month)
    retuning = labour("retuning", range_of(effort.retune_hours), rate, hours_source=RETUNE_HOURS)
    every = retune_every(economics)
    return replace(
        like,
        arm="a tuned model",
        one_off=tuple(one_off),
        standing=()
        if hourly is None
        else (hosting(hourly, hours_a_month=month, source="hosting tuned_per_hour"),),
        renewals=() if every is None else (Renewal(every, (*training, retuning)),),
    )


def assess_pilot(
    payoff_model: PayoffModel, payoffs: Payoffs, question: PilotQuestion, what_if: WhatIf
) -> PilotOutcome:
    """Whether a pilot tune is worth its cost before anything else is decided.

    Declared: the mean over draws of what the tuned arm would gain over the best untuned one, where it gains, against
    the pilot's cost. Not declared: at the target quality, against what a first tune is estimated to cost.

    Args:
        payoff_model: Terms and draws.
        payoffs: The untuned candidates under ``what_if``, at least one.
        question: The tuned arm that would be piloted, and what it is compared with.
        what_if: Changed assumptions.
    """
    terms = payoff_model.terms
    if terms.value_per_correct is None:
        return _unknown("without value_per_correct nothing says what a better answer is worth")
    best = max(_at_mode(payoff_model, question, name, what_if) for name in payoffs.names)
    nothing, everything = (_tuned_at_mode(payoff_model, question, quality, what_if) for quality in (0.0, 1.0))
    q_star = (best - nothing) / (everything - nothing) if everything > nothing else None
    first_tune = float(total(question.tuned_costs.one_off) or 0)
    if question.pilot is not None:
        cost = float(question.pilot.cost)
        gain = _expected_gain(payoff_model, payoffs, question, question.pilot, what_if)
        relation = "more than" if gain > cost else "no more than"
        reason = (
            f"a pilot is expected to gain {amount(gain, terms.currency)}, {relation} its cost of "
            f"{amount(cost, terms.currency)}"
        )
        return PilotOutcome(q_star, gain, cost, gain > cost, reason)
    if q_star is None or question.target is None:
        reason = "declare use_case.target or decision.pilot to say what tuning may reach"
        return PilotOutcome(q_star, None, first_tune, False, reason)
    gain_at_target = _tuned_at_mode(payoff_model, question, question.target, what_if) - best
    worth = q_star <= question.target and gain_at_target > first_tune
    reason = (
        f"{_pays_from(q_star)}; at the target of {score(question.target)} it would gain "
        f"{amount(gain_at_target, terms.currency)}, a first tune costs about {amount(first_tune, terms.currency)}"
    )
    return PilotOutcome(q_star, None, first_tune, worth, reason)


def _expected_gain(
    payoff_model: PayoffModel, payoffs: Payoffs, question: PilotQuestion, pilot: Pilot, what_if: WhatIf
) -> float:
    """Mean over draws of what the piloted arm gains over the best untuned one, where it gains."""
    n_draws, terms = payoff_model.draws.n_draws, payoff_model.terms
    reached = range_of(pilot.quality).draw(generator(question.seed, "pilot"), n_draws)
    tuned = _tuned_draws(payoff_model, question.tuned_costs, reached, what_if)
    assert terms.value_per_correct is not None  # noqa: S101 - assess_pilot has looked
    return float(np.maximum(0.0, tuned - payoffs.payoff.max(axis=1)).mean())


def _tuned_draws(
    payoff_model: PayoffModel, costs: ArmCosts, quality: FloatArray, what_if: WhatIf
) -> FloatArray:
    """Net benefit of the tuned arm in every draw, at the mean request of the arm it is priced like."""
    terms, drawn = payoff_model.terms, payoff_model.drawn_inputs(what_if)
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    volume = input_draws(terms.requests_per_month, VOLUME, drawn)
    value, loss = (
        input_draws(terms.value_per_correct, VALUE, drawn),
        input_draws(terms.cost_per_wrong, WRONG, drawn),
    )
    unit_cost: FloatArray | float = 0.0
    for item in costs.request_lines:
        unit_cost = unit_cost + item.draws(drawn)
    margin = value * quality - loss * (1.0 - quality) - unit_cost
    return np.asarray(months * volume * margin - fixed_cost_draws(costs, terms, drawn), dtype=np.float64)


def _at_mode(payoff_model: PayoffModel, question: PilotQuestion, name: str, what_if: WhatIf) -> float:
    shift = what_if.shifts.get(name, 0.0)
    net_benefit = point_net_benefit(
        payoff_model.draws.cost_models[name].costs,
        payoff_model.terms,
        quality=min(1.0, max(0.0, question.quality[name] + shift)),
        wrong=min(1.0, max(0.0, question.wrong[name] - shift)),
        inputs=what_if.inputs,
    )
    return -np.inf if net_benefit is None else float(net_benefit)


def _tuned_at_mode(
    payoff_model: PayoffModel, question: PilotQuestion, quality: float, what_if: WhatIf
) -> float:
    net_benefit = point_net_benefit(
        question.tuned_costs, payoff_model.terms, quality=quality, wrong=1.0 - quality, inputs=what_if.inputs
    )
    return float(net_benefit or Decimal(0))


def _pays_from(q_star: float) -> str:
    if q_star > 1.0:
        return "tuning would not pay even if every answer were right"
    return f"tuning pays from a quality of {score(max(q_star, 0.0))}"


def _unknown(reason: str) -> PilotOutcome:
    return PilotOutcome(None, None, None, False, reason)
