"""From a compared run to ``decision.json``: the contents page of this floor.

    costs and joint draws (prepare) -> checklist and red flags -> verdict -> what would change it

No model is asked and no clock is read: the same run, suite and prices give the same record, bit for bit,
on every processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs

from evalkit.comparison.differences import best_untuned
from evalkit.decision import record_parts
from evalkit.decision.checklist.answers import checklist
from evalkit.decision.checklist.red_flags import invalid_codes, no_verdict_codes, red_flags
from evalkit.decision.context import ComparedRun, DecisionContext
from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.ledger_records import break_evens, ledger_columns, pareto
from evalkit.decision.payoffs.more_evidence import EvidencePrices, best_purchase
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel, Payoffs, WhatIf
from evalkit.decision.payoffs.pilot import PilotOutcome, PilotQuestion, hypothetical_tuned_costs
from evalkit.decision.payoffs.unit_economics import cost_per_correct, goodput
from evalkit.decision.prepare import PreparedDecision, prepare_decision
from evalkit.decision.variants import missing_check, mix_checks, training_spreads
from evalkit.decision.verdict.choose_verdict import (
    Ladder,
    VerdictInputs,
    VerdictStep,
    choose_verdict,
    verdict_without_payoffs,
)
from evalkit.decision.verdict.explain import explain
from evalkit.decision.verdict.sensitivity import Sensitivity, analyse, condition_of
from evalkit.decision.verdict.unfinished import HALF, unfinished_alternatives
from evalkit.decision.wording import SHORT
from evalkit.economics.line_item import mean_total
from evalkit.economics.payoff_table import NONE
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
    MissingCheck,
    PilotFigures,
    RedFlag,
    SampleValue,
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
    context = prepared.context
    findings, flags = checklist(context), red_flags(context)
    inputs = _verdict_inputs(prepared, findings, flags, seed)
    decided = _without_payoffs(inputs) if prepared.payoff_model is None else _decided(prepared, inputs, seed)
    flags += decided.flags
    record = rounded(structs.replace(_record(prepared, decided, findings, flags, seed), **decided.parts))
    return structs.replace(record, explanation=explain(record))


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """The verdict and what stands beside it.

    Attributes:
        step: Where the ladder ended.
        condition: What failed, where it could not decide.
        sensitivity: How firmly it stands.
        missing: The verdict with missing answers as wrong; None where few are missing.
        parts: Further fields of the record.
        flags: What only the verdict shows.
    """

    step: VerdictStep
    condition: Condition | None
    sensitivity: Sensitivity
    missing: MissingCheck | None
    parts: Mapping[str, object]
    flags: tuple[RedFlag, ...]


def _without_payoffs(inputs: VerdictInputs) -> _Decided:
    step = verdict_without_payoffs(inputs)
    messages = inputs.missing if step.reason == "missing_input" else ()
    condition = Condition(code=step.reason, subject=next(iter(inputs.no_verdict), None), messages=messages)
    return _Decided(step, condition, Sensitivity(), None, {}, ())


def _decided(prepared: PreparedDecision, inputs: VerdictInputs, seed: int) -> _Decided:
    """The verdict on the payoffs, what would change it, and the verdict on other cases."""
    context, payoff_model = prepared.context, prepared.payoff_model
    assert payoff_model is not None  # noqa: S101 - decide has looked
    prices = _evidence_prices(context)

    def purchases(model: PayoffModel, payoffs: Payoffs, chosen: str, what_if: WhatIf) -> SampleValue | None:
        return best_purchase(model, prices, chosen, what_if, payoffs=payoffs)

    ladder = Ladder(payoff_model, context.claims, inputs, settle=True, purchases=purchases)
    step = ladder.verdict()
    # What a purchase is worth under every assumption is dear to say, and matters where buying is the answer.
    weighed = purchases if step.purchase is not None else None

    def quickly(model: PayoffModel, what_if: WhatIf = UNCHANGED) -> VerdictStep:
        return choose_verdict(model, context.claims, inputs, what_if, purchases=weighed)

    # A share that more draws have settled moves with an input by what it moves on the first ones: else the verdict
    # under unchanged inputs could be another than the verdict.
    corrections = ladder.corrections

    def assuming(what_if: WhatIf) -> VerdictStep:
        return choose_verdict(
            payoff_model, context.claims, inputs, what_if, purchases=weighed, corrections=corrections
        )

    sensitivity = analyse(payoff_model, context, inputs, step, prices, assuming)
    condition = condition_of(step, ladder, inputs, sensitivity, context.currency)
    if step.unfinished:
        first = step.unfinished[0]
        condition = Condition(
            code=first.code, subject=first.arm, figure=first.share, needed=HALF, unit="share of draws"
        )
    missing = missing_check(context, step, quickly, seed)
    if missing is not None and missing.changes and _is_confident(step):
        condition = _depends_on_missing(step, missing)
        step = replace(step, verdict=Verdict.NOT_DECIDABLE)
    if condition is not None and step.verdict is Verdict.NOT_DECIDABLE:
        step = replace(step, reason=condition.code)
    payoffs = payoff_model.at()
    runner_up = record_parts.runner_up(payoffs, step)
    parts = {
        "side_share": record_parts.side_shares(payoffs),
        "kind_share": record_parts.kind_shares(payoffs),
        "pairwise_share": record_parts.pairwise(payoffs),
        "p_best": record_parts.best_share(payoffs),
        "runner_up": runner_up,
        "other_choice_loses": None if runner_up is None else sensitivity.regret.get(runner_up),
        "net_benefit_claims": record_parts.claims_of(context, payoff_model, step),
        "training_spread": training_spreads(context, payoff_model, quickly),
        "acceptability": record_parts.acceptability_of(payoff_model, payoffs),
        "mix": mix_checks(context, step, quickly, seed),
        "decided_under": "value" if payoff_model.in_value else "cost",
        "pilot": _pilot_figures(context, ladder.pilot),
        "q_star": None if ladder.pilot is None else ladder.pilot.q_star,
    }
    flags = _cache_flag(payoff_model, assuming)
    return _Decided(step, condition, sensitivity, missing, parts, flags)


_CONFIDENT = (
    Verdict.FINE_TUNE,
    Verdict.ALTERNATIVES_FIRST,
    Verdict.USE_RAG,
    Verdict.STAY_FEW_SHOT,
    Verdict.DO_NOT_TUNE,
    Verdict.NONE_WORTH_RUNNING,
)


def _is_confident(step: VerdictStep) -> bool:
    return step.verdict in _CONFIDENT


def _depends_on_missing(step: VerdictStep, missing: MissingCheck) -> Condition:
    """The condition that failed: what remains of the confidence where missing answers count as wrong."""
    shares = (missing.confidence_all_wrong, missing.confidence_recommended_wrong)
    known = [share for share in shares if share is not None]
    return Condition(
        code="depends_on_missing",
        subject=step.arm or NONE,
        figure=min(known, default=None),
        needed=None if step.confidence is None else step.confidence.threshold,
        unit="share of draws",
    )


def _evidence_prices(context: DecisionContext) -> EvidencePrices:
    economics = context.suite.economics
    case = None if economics is None or economics.cost_per_case is None else float(economics.cost_per_case)
    trainings = {
        arm.name: float(amount)
        for arm in context.candidates
        if arm.tuned and arm.name in context.cost_models
        for items in [
            [line for line in context.cost_models[arm.name].costs.one_off if line.name == "training"]
        ]
        if items and (amount := mean_total(items)) is not None
    }
    return EvidencePrices(case, trainings)


def _pilot_figures(context: DecisionContext, pilot: PilotOutcome | None) -> PilotFigures | None:
    if pilot is None:
        return None
    declared = context.suite.decision.pilot
    return PilotFigures(
        q_star=pilot.q_star,
        expected_gain=pilot.expected_gain,
        gain_at_target=pilot.gain_at_target,
        cost=pilot.cost,
        declared=declared is not None,
        low=None if declared is None else declared.quality.low,
        high=None if declared is None else declared.quality.high,
        worth_it=pilot.worth_it,
    )


def _record(
    prepared: PreparedDecision,
    decided: _Decided,
    findings: tuple[Finding, ...],
    flags: tuple[RedFlag, ...],
    seed: int,
) -> Decision:
    """Everything that was found, without the paragraph that says so."""
    context, payoff_model, step = prepared.context, prepared.payoff_model, decided.step
    share, sensitivity = step.confidence, decided.sensitivity
    return Decision(
        suite=context.suite.name,
        run_id=context.run.manifest.run_id,
        verdict=step.verdict,
        reason=step.reason,
        explanation="",
        recommended_arm=step.arm,
        side=step.side,
        shown=step.shown and _is_confident(step),
        confidence=None if share is None else share.found.share,
        confidence_se=None if share is None else share.found.monte_carlo_error,
        threshold=None if share is None else share.threshold,
        condition=decided.condition,
        expected_regret=dict(sensitivity.regret),
        evpi=sensitivity.evpi,
        evppi=dict(sensitivity.evppi),
        evsi=sensitivity.evsi,
        purchase=step.purchase,
        arms={arm.name: _arm_verdict(context, payoff_model, arm) for arm in context.table.arms},
        differences=_differences(context),
        cases=record_parts.case_basis(context),
        missing_check=decided.missing,
        target=record_parts.target_check(context),
        counts=record_parts.counts_of(findings, flags),
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
        inputs=_decision_inputs(context),
        seed=seed,
        notes=_notes(prepared, step),
        p_best={},
    )


def _verdict_inputs(
    prepared: PreparedDecision, findings: tuple[Finding, ...], flags: tuple[RedFlag, ...], seed: int
) -> VerdictInputs:
    context, economics = prepared.context, prepared.context.suite.economics
    cost_per_case = None if economics is None else economics.cost_per_case
    return VerdictInputs(
        tuned_measured=any(arm.tuned and arm.name in context.limit_checks for arm in context.candidates),
        blocked=tuple(_BLOCKED[finding.number] for finding in findings if finding.status == "blocked"),
        no_verdict=no_verdict_codes(flags),
        invalid=invalid_codes(flags),
        missing=prepared.missing,
        confidence=context.suite.decision.confidence,
        cost_per_case=None if cost_per_case is None else float(cost_per_case),
        pilot=_pilot_question(prepared, seed),
        unfinished=unfinished_alternatives(context),
        meanwhile=best_untuned(context.table),
    )


def _pilot_question(prepared: PreparedDecision, seed: int) -> PilotQuestion | None:
    """What a tuned arm would cost, where none was measured and another arm shows what its requests are like."""
    context, payoff_model = prepared.context, prepared.payoff_model
    economics = context.suite.economics
    tuned = any(arm.tuned and arm.name in context.limit_checks for arm in context.candidates)
    if tuned or payoff_model is None or economics is None:
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
    return PilotQuestion(
        tuned_costs=hypothetical_tuned_costs(economics, context.cost_models[shortest.name].costs, pilot),
        pilot=pilot,
        target=context.suite.use_case.target,
        seed=seed,
    )


def _cache_flag(payoff_model: PayoffModel, assuming: Callable[[WhatIf], VerdictStep]) -> tuple[RedFlag, ...]:
    """Warn where the verdict is another under another prompt-cache scenario."""
    cost_models = payoff_model.draws.cost_models.values()
    priced = [scenario for scenario in SCENARIOS if all(scenario in model.caches for model in cost_models)]
    now = assuming(UNCHANGED).verdict
    verdicts = {scenario: assuming(WhatIf(scenario=scenario)).verdict for scenario in priced}
    changed = [
        f"{SHORT[verdict]} {_SCENARIO_WORDS[scenario]}"
        for scenario, verdict in verdicts.items()
        if verdict is not now
    ]
    if not changed:
        return ()
    message = f"the verdict depends on the prompt cache: {', '.join(changed)}"
    return (RedFlag(code="depends_on_prompt_cache", severity="warn", message=message),)


def _arm_verdict(context: DecisionContext, payoff_model: PayoffModel | None, arm: ArmFacts) -> ArmVerdict:
    summary = context.summaries[arm.name]
    limits = context.limit_checks.get(arm.name)
    per_correct = cost_per_correct(context, arm.name)
    drawn = payoff_model is not None and arm.name in payoff_model.draws.answers
    at_mode = _at_mode(context, arm.name)
    trainings = {} if context.cases is None else context.cases.trainings
    seeds = trainings.get(arm.name, ())
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
        net_benefit=_net_benefit(payoff_model, arm.name, at_mode) if drawn else None,
        net_benefit_at_mode=at_mode,
        total_cost=float(payoff_model.total_cost(arm.name).mean()) if drawn and payoff_model else None,
        life_months=float(context.lives[arm.name].months) if arm.name in context.lives else None,
        within_limits=limits is None or not limits.broken,
        broken_limits=() if limits is None else limits.broken,
        unmeasured_limits=() if limits is None else limits.unknown,
        dominated=arm.name in context.dominated,
        answering_models=tuple(model for model in summary.answering_models if model),
        seeds=len(seeds),
        seed_means={} if context.cases is None else _seed_means(context, arm.name),
    )


def _seed_means(context: DecisionContext, arm: str) -> dict[str, float]:
    """Mean score of each measured training on the shared cases, by its seed."""
    assert context.cases is not None  # noqa: S101 - the caller has looked
    names = context.cases.trainings.get(arm, ())
    return {
        str(context.arms[name].seed or 1): float(context.cases.seed_scores[arm][:, at].mean())
        for at, name in enumerate(names)
    }


def _at_mode(context: DecisionContext, arm: str) -> float | None:
    """Net benefit with every input at its mode and quality as observed on the shared cases."""
    figures = context.priced(arm) if context.terms is not None else None
    if figures is None or context.terms is None or arm not in context.limit_checks:
        return None
    worth = point_net_benefit(figures, context.terms, context.lives[arm])
    return None if worth is None else float(worth)


def _net_benefit(payoff_model: PayoffModel | None, arm: str, at_mode: float | None) -> Interval3 | None:
    if payoff_model is None or not payoff_model.in_value:
        return None
    drawn = payoff_model.net_benefit(arm)
    low, high = np.percentile(drawn, _CENTRAL)
    return Interval3(low=float(low), mode=at_mode, high=float(high), mean=float(drawn.mean()))


def _differences(context: DecisionContext) -> tuple[Difference, ...]:
    """The comparison's differences, and those of the tuned candidates from the arm that the decision compares with."""
    compared = context.run.comparison.differences
    if context.untuned is None or context.tuned is None:
        return compared
    family = context.claims.family(context.untuned).values()
    pairs = {(record.treatment, record.control) for record in compared if record.family == "tuned"}
    return compared + tuple(record for record in family if (record.treatment, record.control) not in pairs)


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


def _notes(prepared: PreparedDecision, step: VerdictStep) -> tuple[str, ...]:
    payoff_model, table = prepared.payoff_model, prepared.context.table
    if payoff_model is None:
        return ()
    draws = payoff_model.draws
    notes = [
        f"{draws.n_draws:,} joint draws over {draws.n_clusters:,} clusters of the {draws.n_cases:,} shared cases."
    ]
    if table.repeated is None:
        notes.append(
            "The run keeps no digest of its inputs: whether cases repeat each other was not looked at."
        )
    if not payoff_model.in_value:
        notes.append(
            "value_per_correct is not declared or 0: the cheapest arm among those as good as the best is sought; "
            "regret is in cost."
        )
    if step.pilot is not None and step.pilot.expected_gain is None:
        notes.append(
            "The bill of the machine that would train is not known and not in the figures of a first tune."
        )
    return tuple(notes)
