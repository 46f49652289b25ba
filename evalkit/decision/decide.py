"""From a compared run to ``decision.json``: the contents page of this floor.

    costs and joint draws (prepare) -> checklist and red flags -> verdict -> what would change it

No model is asked and no clock is read: the same run, suite and prices give the same record, bit for bit,
on every processor.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec.structs import replace as struct_replace

from evalkit.comparison.differences import best_untuned
from evalkit.decision.checklist.answers import checklist
from evalkit.decision.checklist.red_flags import CONTROL_FAILED, invalid_codes, red_flags
from evalkit.decision.context import ComparedRun, DecisionContext
from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.ledger_records import break_evens, ledger_columns, pareto
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.decision.payoffs.pilot import PilotQuestion, hypothetical_tuned_costs
from evalkit.decision.payoffs.unit_economics import cost_per_correct, goodput
from evalkit.decision.prepare import PreparedDecision, prepare_decision
from evalkit.decision.verdict.choose_verdict import (
    VerdictInputs,
    VerdictStep,
    choose_verdict,
    verdict_without_payoffs,
)
from evalkit.decision.verdict.explain import explain
from evalkit.decision.verdict.sensitivity import Sensitivity, analyse, full_reason
from evalkit.decision.wording import SHORT
from evalkit.economics.prices import PriceTable
from evalkit.economics.prompt_cache import SCENARIOS
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import Difference
from evalkit.records.decision import (
    ArmVerdict,
    Condition,
    Decision,
    DecisionInputs,
    DecisionTerms,
    Finding,
    Interval3,
    PilotFigures,
    RedFlag,
    Verdict,
)
from evalkit.records.digits import rounded
from evalkit.suite.schema import Suite

_SCENARIO_WORDS = {
    "cold": "with nothing cached",
    "observed": "with the cache as observed",
    "assumed": "at the assumed hit rate",
}
_BLOCKED = {4: "blocked_tunability", 7: "blocked_data"}
"""By number of the question that can block tuning, the reason code of the verdict."""

_CENTRAL = (5.0, 95.0)  # percentiles of the draws that a range in the record spans


def decide(
    suite: Suite, run: ComparedRun, *, prices: PriceTable | None = None, seed: int | None = None
) -> Decision:
    """Answer the checklist, choose the verdict, and say what would change it.

    Args:
        suite: Economics, limits, margin, alpha, confidence. They may differ from those of the run, which is how an
            assumption is tried out.
        run: The compared run.
        prices: In force; default: the shipped ones with the suite's own over them.
        seed: Of every draw; default: the suite's.

    Raises:
        SuiteError: Economics are declared and the price of a model is not known.
    """
    seed = suite.run.seed if seed is None else seed
    prepared = prepare_decision(suite, run, prices=prices, seed=seed)
    context, payoff_model = prepared.context, prepared.payoff_model
    findings, flags = checklist(context), red_flags(context)
    inputs = _verdict_inputs(prepared, findings, flags, seed)
    if payoff_model is None:
        step, sensitivity = verdict_without_payoffs(inputs), Sensitivity()
    else:
        step = choose_verdict(payoff_model, context.claims, inputs)
        sensitivity = analyse(payoff_model, context, inputs, step)
        step = replace(step, reason=full_reason(step, sensitivity))
        flags += _cache_flag(payoff_model, context, inputs, step)
    decision = Decision(
        suite=suite.name,
        run_id=run.manifest.run_id,
        verdict=step.verdict,
        reason=step.reason,
        explanation="",
        recommended_arm=step.arm,
        confidence=step.confidence,
        p_best=step.p_best,
        expected_regret=dict(sensitivity.regret),
        evpi=sensitivity.evpi,
        evppi=dict(sensitivity.evppi),
        evsi=sensitivity.evsi,
        q_star=None if step.pilot is None else step.pilot.q_star,
        arms={arm.name: _arm_verdict(context, payoff_model, arm) for arm in run.table.arms},
        differences=_differences(context),
        checklist=findings,
        red_flags=flags,
        ledger=ledger_columns(context),
        break_even=break_evens(context, payoff_model),
        would_change=sensitivity.would_change,
        tornado=sensitivity.tornado,
        pareto=pareto(context),
        currency=context.currency,
        terms=_terms(context),
        decided_under="cost"
        if context.terms is not None and context.terms.value_per_correct is None
        else "value",
        condition=_condition(step, inputs),
        purchase=step.purchase,
        pilot=PilotFigures(q_star=None if step.pilot is None else step.pilot.q_star),
        inputs=_decision_inputs(context),
        seed=seed,
        notes=_notes(payoff_model, step),
    )
    record = rounded(decision)
    return struct_replace(record, explanation=explain(record))


def _verdict_inputs(
    prepared: PreparedDecision, findings: tuple[Finding, ...], flags: tuple[RedFlag, ...], seed: int
) -> VerdictInputs:
    context, economics = prepared.context, prepared.context.suite.economics
    cost_per_case = None if economics is None else economics.cost_per_case
    return VerdictInputs(
        tuned_measured=context.tuned is not None,
        blocked=tuple(_BLOCKED[finding.number] for finding in findings if finding.status == "blocked"),
        control_failed=any(flag.code == CONTROL_FAILED for flag in flags),
        invalid=invalid_codes(flags),
        missing=prepared.missing,
        confidence=context.suite.decision.confidence,
        cost_per_case=None if cost_per_case is None else float(cost_per_case),
        pilot=_pilot_question(prepared, seed),
        best_untuned=best_untuned(context.table),
    )


def _pilot_question(prepared: PreparedDecision, seed: int) -> PilotQuestion | None:
    """What a tuned arm would cost, where none was measured and another arm shows what its requests are like."""
    context, payoff_model = prepared.context, prepared.payoff_model
    economics = context.suite.economics
    if context.tuned is not None or payoff_model is None or economics is None:
        return None
    alike = [
        arm
        for arm in context.arms.values()
        if not arm.tuned and arm.retrieval is None and context.unit_cost(arm.name) is not None
    ]
    if not alike:
        return None
    shortest = min(alike, key=lambda arm: arm.shots)
    pilot = context.suite.decision.pilot
    names = [arm.name for arm in payoff_model.draws.arms]
    return PilotQuestion(
        tuned_costs=hypothetical_tuned_costs(economics, context.cost_models[shortest.name].costs, pilot),
        pilot=pilot,
        target=context.suite.use_case.target,
        quality={name: context.quality(name) or 0.0 for name in names},
        wrong={name: context.wrong[name] for name in names},
        seed=seed,
    )


def _cache_flag(
    payoff_model: PayoffModel, context: DecisionContext, inputs: VerdictInputs, step: VerdictStep
) -> tuple[RedFlag, ...]:
    """Warn where the verdict is another under another prompt-cache scenario."""
    cost_models = payoff_model.draws.cost_models.values()
    priced = [scenario for scenario in SCENARIOS if all(scenario in model.caches for model in cost_models)]
    verdicts = {
        scenario: choose_verdict(payoff_model, context.claims, inputs, WhatIf(scenario=scenario)).verdict
        for scenario in priced
    }
    changed = [
        f"{SHORT[verdict]} {_SCENARIO_WORDS[scenario]}"
        for scenario, verdict in verdicts.items()
        if verdict is not step.verdict
    ]
    if not changed:
        return ()
    message = f"the verdict depends on the prompt cache: {', '.join(changed)}"
    return (RedFlag(code="depends_on_prompt_cache", severity="warn", message=message),)


def _arm_verdict(context: DecisionContext, payoff_model: PayoffModel | None, arm: ArmFacts) -> ArmVerdict:
    summary = context.summaries[arm.name]
    limits = context.limit_checks.get(arm.name)
    per_correct = cost_per_correct(context, arm.name)
    return ArmVerdict(
        kind=arm.kind,
        role=arm.role,
        n=summary.n,
        coverage=summary.coverage,
        quality=dict(summary.quality),
        cost_per_request=context.unit_cost(arm.name),
        cost_per_correct=per_correct.value,
        cost_per_correct_low=per_correct.low,
        cost_per_correct_high=per_correct.high,
        goodput=goodput(context, arm.name),
        latency=summary.latency,
        net_benefit=_net_benefit(context, payoff_model, arm.name),
        within_limits=limits is None or not limits.broken,
        broken_limits=() if limits is None else limits.broken,
    )


def _net_benefit(context: DecisionContext, payoff_model: PayoffModel | None, arm: str) -> Interval3 | None:
    if payoff_model is None or payoff_model.terms.value_per_correct is None:
        return None
    if arm not in payoff_model.draws.answers:
        return None
    low, high = np.percentile(payoff_model.net_benefit(arm), _CENTRAL)
    mode = point_net_benefit(
        context.cost_models[arm].costs,
        payoff_model.terms,
        quality=context.quality(arm) or 0.0,
        wrong=context.wrong[arm],
    )
    return Interval3(low=float(low), mode=None if mode is None else float(mode), high=float(high))


def _differences(context: DecisionContext) -> tuple[Difference, ...]:
    """The comparison's differences, and those of the tuned candidates from the arm that the decision compares with."""
    compared = context.run.comparison.differences
    if context.untuned is None or context.tuned is None:
        return compared
    family = context.claims.family(context.untuned).values()
    pairs = {(record.treatment, record.control) for record in compared if record.family == "tuned"}
    return compared + tuple(record for record in family if (record.treatment, record.control) not in pairs)


def _condition(step: VerdictStep, inputs: VerdictInputs) -> Condition | None:
    """The condition that failed, with what is missing."""
    if step.verdict is not Verdict.NOT_DECIDABLE:
        return None
    return Condition(code=step.reason, messages=inputs.missing if step.reason == "missing_input" else ())


def _terms(context: DecisionContext) -> DecisionTerms:
    """What the decision was made under."""
    terms, decided = context.terms, context.suite.decision
    return DecisionTerms(
        primary_metric=context.table.primary,
        margin=decided.margin,
        alpha=decided.alpha,
        confidence=decided.confidence,
        horizon_months=None if terms is None else terms.horizon_months,
        requests_per_month=None if terms is None else float(terms.requests_per_month.mean),
    )


def _decision_inputs(context: DecisionContext) -> DecisionInputs:
    digests = context.run.manifest.digests
    dates = [
        model.costs.prices_as_of
        for model in context.cost_models.values()
        if model.costs.prices_as_of is not None
    ]
    return DecisionInputs(
        digests={
            "suite": digests.suite,
            "cases": digests.cases,
            "data": digests.data,
            "prices": digests.prices,
            **{f"weights of {model}": digest for model, digest in digests.weights.items()},
        },
        prices_as_of=min(dates).isoformat() if dates else None,
        judge=context.table.judges.get(context.table.primary),
    )


def _notes(payoff_model: PayoffModel | None, step: VerdictStep) -> tuple[str, ...]:
    if payoff_model is None:
        return ()
    draws = payoff_model.draws
    notes = [
        f"{draws.n_draws:,} joint draws over {draws.n_clusters:,} clusters of the {draws.n_cases:,} cases that every "
        "candidate answered."
    ]
    if payoff_model.terms.value_per_correct is None:
        notes.append(
            "value_per_correct is not declared: the cheapest arm among those as good as the best is sought, and regret "
            "is in cost."
        )
    if step.pilot is not None and step.pilot.expected_gain is None:
        notes.append(
            "The bill of the machine that would train is not known and not in the figures of a first tune."
        )
    return tuple(notes)
