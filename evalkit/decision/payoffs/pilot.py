"""Where no tuned arm was measured: how good would one have to be, and is it worth finding out?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evalkit.comparison.settings import generator
from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.deterministic import point_net_benefit, priced
from evalkit.decision.payoffs.payoff_model import PayoffModel, Payoffs, WhatIf
from evalkit.decision.wording import amount, score
from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts, Renewal
from evalkit.economics.lifetime import lifetime
from evalkit.economics.lifetime_costs import lifetime_cost_draws
from evalkit.economics.line_item import Factor, LineItem, mean_total, total_draws
from evalkit.economics.net_benefit import input_draws
from evalkit.economics.payoff_table import NONE
from evalkit.economics.training_cost import hosting, labour
from evalkit.economics.triangular import TriangularRange, exact
from evalkit.pricing.fixed_costs import RETUNE_HOURS, range_of, retune_every
from evalkit.suite.economics import Economics
from evalkit.suite.schema import Pilot


@dataclass(frozen=True, slots=True)
class PilotOutcome:
    """Whether a pilot tune is worth its cost, and why.

    Attributes:
        q_star: Tuned quality at which tuning pays at the means; above 1 where none does; None where it cannot be said.
        expected_gain: Mean over draws of what a pilot could gain; None where no pilot was declared.
        gain_at_target: Net benefit at the target less that of the best choice without tuning; None without a target.
        cost: Of the pilot, declared or estimated.
        worth_it: Whether a pilot is worth more than it costs, which is what ``pilot_first`` rests on.
        reason: In words, with the numbers.
    """

    q_star: float | None
    expected_gain: float | None
    gain_at_target: float | None
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
        seed: The suite's.
    """

    tuned_costs: ArmCosts
    pilot: Pilot | None
    target: float | None
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

    Declared: the mean over draws of what the tuned arm would gain over the best choice without tuning, where it gains,
    against the pilot's cost. Not declared: at the target quality, against what a first tune is estimated to cost.

    Args:
        payoff_model: Terms and draws.
        payoffs: The choices under ``what_if``, none of them tuned.
        question: The tuned arm that would be piloted.
        what_if: Changed assumptions.
    """
    if not payoffs.in_value:
        return _unknown("without value_per_correct nothing says what a better answer is worth")
    currency, best = payoff_model.terms.currency, payoffs.ranked()[0]
    level = _level(payoff_model, payoffs.names[best], what_if)
    nothing, everything = (
        float(_tuned_draws(payoff_model, question, np.full(1, quality), what_if, at_means=True)[0])
        for quality in (0.0, 1.0)
    )
    q_star = (level - nothing) / (everything - nothing) if everything > nothing else None
    first_tune = float(mean_total(question.tuned_costs.one_off) or 0)
    at_target = None
    if question.target is not None:
        at_target = nothing + question.target * (everything - nothing) - level
    if question.pilot is not None:
        cost = float(question.pilot.cost)
        gain = _expected_gain(payoff_model, payoffs.payoff[:, best], question, what_if)
        relation = "more than" if gain > cost else "no more than"
        reason = (
            f"a pilot is expected to gain {amount(gain, currency)}, {relation} its cost of "
            f"{amount(cost, currency)}"
        )
        return PilotOutcome(q_star, gain, at_target, cost, gain > cost, reason)
    if q_star is None or question.target is None or at_target is None:
        reason = "declare use_case.target or decision.pilot to say what tuning may reach"
        return PilotOutcome(q_star, None, at_target, first_tune, False, reason)
    worth = q_star <= question.target and at_target > first_tune
    reason = (
        f"{_pays_from(q_star)}; at the target of {score(question.target)} it would gain "
        f"{amount(at_target, currency)}, a first tune costs about {amount(first_tune, currency)}"
    )
    return PilotOutcome(q_star, None, at_target, first_tune, worth, reason)


def _level(payoff_model: PayoffModel, name: str, what_if: WhatIf) -> float:
    """Net benefit of the best choice without tuning, exactly: every input at its mean, quality as observed."""
    if name == NONE:
        return 0.0
    draws, shift = payoff_model.draws, what_if.shifts.get(name, 0.0)
    arm = priced(
        draws.cost_models[name].costs,
        min(1.0, draws.cases.quality(name) + shift),
        max(0.0, draws.cases.wrong(name) - shift),
    )
    worth = point_net_benefit(arm, payoff_model.terms, draws.lives[name], inputs=what_if.inputs, at="mean")
    return float(worth or 0)


def _expected_gain(
    payoff_model: PayoffModel, best: FloatArray, question: PilotQuestion, what_if: WhatIf
) -> float:
    """Mean over draws of what the piloted arm gains over the best choice without tuning, where it gains."""
    assert question.pilot is not None  # noqa: S101 - assess_pilot has looked
    reached = range_of(question.pilot.quality).draw(
        generator(question.seed, "pilot"), payoff_model.draws.n_draws
    )
    tuned = _tuned_draws(payoff_model, question, reached, what_if)
    return float(np.maximum(0.0, tuned - best).mean())


def _tuned_draws(
    payoff_model: PayoffModel,
    question: PilotQuestion,
    quality: FloatArray,
    what_if: WhatIf,
    *,
    at_means: bool = False,
) -> FloatArray:
    """Net benefit of the tuned arm in every draw, at the mean request of the arm it is priced like.

    Args:
        payoff_model: Terms and draws.
        question: What the tuned arm would cost.
        quality: Shape (n_draws,).
        what_if: Changed assumptions.
        at_means: Put every uncertain input at its mean.
    """
    terms, costs, n_draws = payoff_model.terms, question.tuned_costs, quality.size
    drawn: dict[str, FloatArray] = {}
    # No measured arm is trained, so that hours of work and their rate are ranges of this arm's costs alone.
    for name, span in {**uncertain_of(costs), **payoff_model.draws.ranges}.items():
        drawn[name] = span.draw(generator(question.seed, "input", name), n_draws)
        if at_means:
            drawn[name] = np.full(n_draws, float(span.mean))
    drawn |= {} if at_means else payoff_model.draws.inputs
    drawn |= {name: np.full(n_draws, value) for name, value in what_if.inputs.items()}
    life = lifetime(terms.horizon_months, terms.discount_rate)
    volume = input_draws(terms.requests_per_month, VOLUME, drawn)
    value, loss = (
        input_draws(terms.value_per_correct, VALUE, drawn),
        input_draws(terms.cost_per_wrong, WRONG, drawn),
    )
    unit_cost = total_draws(costs.request_lines, drawn)
    margin = value * quality - loss * (1.0 - quality) - unit_cost
    fixed = lifetime_cost_draws(costs, life, drawn)
    return np.asarray(float(life.discounted_months) * volume * margin - fixed, dtype=np.float64)


def uncertain_of(costs: ArmCosts) -> dict[str, TriangularRange]:
    """The ranges behind the ledger lines of one arm, by name."""
    return {
        factor.source: factor.value
        for item in costs.items
        for factor in item.factors
        if factor.value is not None and not factor.value.is_point
    }


def _pays_from(q_star: float) -> str:
    if q_star > 1.0:
        return "tuning would not pay even if every answer were right"
    return f"tuning pays from a quality of {score(max(q_star, 0.0))}"


def _unknown(reason: str) -> PilotOutcome:
    return PilotOutcome(None, None, None, None, False, reason)
