"""From a compared run to ``decision.json``: the contents page of this floor.

    money -> joint draws -> limits -> checklist and red flags -> ladder -> what would change it

No model is asked and no clock is read: the same run, suite and prices give the same record, bit for bit,
on every processor.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.comparison.differences import best_untuned
from evalkit.comparison.table import ScoreTable
from evalkit.decision.checklist.answers import checklist
from evalkit.decision.checklist.red_flags import CONTROL_FAILED, invalid_codes, red_flags
from evalkit.decision.context import DecisionContext
from evalkit.decision.gather import Gathered, gather
from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.ledger_records import break_evens, ledger_columns, pareto
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.decision.payoffs.pilot import PilotQuestion, guessed_costs
from evalkit.decision.payoffs.unit_economics import cost_per_correct, goodput
from evalkit.decision.verdict.analyse import Sensitivity, weigh
from evalkit.decision.verdict.choose_verdict import VerdictInputs, VerdictStep, climb, nothing_to_weigh
from evalkit.decision.verdict.explain import explain
from evalkit.decision.verdict.information import reason_of
from evalkit.decision.wording import SHORT
from evalkit.economics.prices import PriceTable
from evalkit.pricing.arm_costs import SCENARIOS
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import Comparison, Difference
from evalkit.records.decision import (
    ArmVerdict,
    Decision,
    DecisionInputs,
    Finding,
    Interval3,
    RedFlag,
)
from evalkit.records.digits import rounded
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport
from evalkit.suite.schema import Suite

_SCENARIO_WORDS = {
    "cold": "with nothing cached",
    "observed": "with the cache as observed",
    "assumed": "at the assumed hit rate",
}
_CENTRAL = (5.0, 95.0)  # percentiles of the draws that a range in the record spans


def decide(
    suite: Suite,
    manifest: Manifest,
    table: ScoreTable,
    comparison: Comparison,
    profile: Profile,
    tuning: TuningReport | None,
    *,
    prices: PriceTable | None = None,
    seed: int | None = None,
    answering: RunObservations | None = None,
) -> Decision:
    """Answer the checklist and climb the ladder.

    Args:
        suite: Economics, limits, margin, alpha, confidence. They may differ from those of the run, which is how an
            assumption is tried out.
        manifest: Says when and from what the run was made.
        table: Its scores.
        comparison: Its summaries and differences.
        profile: Facts about its data.
        tuning: What its own training took, where it trained.
        prices: In force; default: the shipped ones with the suite's own over them.
        seed: Of every draw; default: the suite's.
        answering: What was seen while the run was answered: the dates that providers announced.

    Raises:
        SuiteError: Economics are declared and the price of a model is not known.
    """
    seed = suite.run.seed if seed is None else seed
    gathered = gather(
        suite,
        manifest,
        table,
        comparison,
        profile,
        tuning,
        prices=prices,
        seed=seed,
        answering=answering,
    )
    context, payoff_model = gathered.context, gathered.payoff_model
    findings, flags = checklist(context), red_flags(context)
    evidence = _evidence(gathered, findings, flags, seed)
    if payoff_model is None:
        step, weighed = nothing_to_weigh(evidence), Sensitivity()
    else:
        step = climb(payoff_model, context.claims, evidence)
        weighed = weigh(payoff_model, context, evidence, step)
        step = replace(step, reason=reason_of(step, weighed.evppi, weighed.would_change, weighed.spans))
        flags += _cache_flag(payoff_model, context, evidence, step)
    found = Decision(
        suite=suite.name,
        run_id=manifest.run_id,
        verdict=step.verdict,
        reason=step.reason,
        explanation=explain(context, step, evidence, findings, flags, weighed.would_change),
        recommended_arm=step.arm,
        confidence=step.confidence,
        p_best=step.p_best,
        expected_regret=dict(weighed.regret),
        evpi=weighed.evpi,
        evppi=dict(weighed.evppi),
        evsi=weighed.evsi,
        q_star=None if step.pilot is None else step.pilot.q_star,
        arms={arm.name: _arm_verdict(context, payoff_model, arm) for arm in table.arms},
        differences=_differences(context),
        checklist=findings,
        red_flags=flags,
        ledger=ledger_columns(context),
        break_even=break_evens(context, payoff_model),
        would_change=weighed.would_change,
        tornado=weighed.tornado,
        pareto=pareto(context),
        currency=context.currency,
        inputs=_inputs(context),
        seed=seed,
        notes=_notes(payoff_model, step),
    )
    return rounded(found)


def _evidence(
    gathered: Gathered, findings: tuple[Finding, ...], flags: tuple[RedFlag, ...], seed: int
) -> VerdictInputs:
    context, economics = gathered.context, gathered.context.suite.economics
    codes = {4: "blocked_tunability", 7: "blocked_data"}
    per_case = None if economics is None else economics.cost_per_case
    return VerdictInputs(
        tuned_measured=context.tuned is not None,
        blocked=tuple(codes[finding.number] for finding in findings if finding.status == "blocked"),
        control_failed=any(flag.code == CONTROL_FAILED for flag in flags),
        invalid=invalid_codes(flags),
        missing=gathered.missing,
        confidence=context.suite.decision.confidence,
        cost_per_case=None if per_case is None else float(per_case),
        pilot=_pilot_question(gathered, seed),
        best_untuned=best_untuned(context.table),
    )


def _pilot_question(gathered: Gathered, seed: int) -> PilotQuestion | None:
    """What a tuned arm would cost, where none was measured and another arm shows what its requests are like."""
    context, payoff_model = gathered.context, gathered.payoff_model
    economics = context.suite.economics
    if context.tuned is not None or payoff_model is None or economics is None:
        return None
    like = [
        arm
        for arm in context.arms.values()
        if not arm.tuned and arm.retrieval is None and context.money[arm.name].costs.unit_cost is not None
    ]
    if not like:
        return None
    shortest = min(like, key=lambda arm: arm.shots)
    pilot = context.suite.decision.pilot
    names = [arm.name for arm in payoff_model.world.arms]
    return PilotQuestion(
        guess=guessed_costs(economics, context.money[shortest.name], pilot),
        pilot=pilot,
        target=context.suite.use_case.target,
        quality={name: context.quality(name) or 0.0 for name in names},
        wrong={name: context.wrong[name] for name in names},
        seed=seed,
    )


def _cache_flag(
    payoff_model: PayoffModel, context: DecisionContext, evidence: VerdictInputs, step: VerdictStep
) -> tuple[RedFlag, ...]:
    """Warn where the verdict is another under another prompt-cache scenario."""
    priced = [
        scenario
        for scenario in SCENARIOS
        if all(scenario in m.caches for m in payoff_model.world.money.values())
    ]
    others = {
        scenario: climb(payoff_model, context.claims, evidence, WhatIf(scenario=scenario)).verdict
        for scenario in priced
    }
    changed = [
        f"{SHORT[verdict]} {_SCENARIO_WORDS[scenario]}"
        for scenario, verdict in others.items()
        if verdict is not step.verdict
    ]
    if not changed:
        return ()
    message = f"the verdict depends on the prompt cache: {', '.join(changed)}"
    return (RedFlag(code="depends_on_prompt_cache", severity="warn", message=message),)


def _arm_verdict(context: DecisionContext, payoff_model: PayoffModel | None, arm: ArmFacts) -> ArmVerdict:
    summary = context.summaries[arm.name]
    standing = context.standing.get(arm.name)
    per_correct = cost_per_correct(context, arm.name)
    return ArmVerdict(
        kind=arm.kind,
        role=arm.role,
        n=summary.n,
        coverage=summary.coverage,
        quality=dict(summary.quality),
        cost_per_request=context.money[arm.name].costs.unit_cost if arm.name in context.money else None,
        cost_per_correct=per_correct.value,
        cost_per_correct_low=per_correct.low,
        cost_per_correct_high=per_correct.high,
        goodput=goodput(context, arm.name),
        latency=summary.latency,
        net_benefit=_net_benefit(context, payoff_model, arm.name),
        within_limits=standing is None or not standing.broken,
        broken_limits=() if standing is None else standing.broken,
    )


def _net_benefit(context: DecisionContext, payoff_model: PayoffModel | None, arm: str) -> Interval3 | None:
    if payoff_model is None or payoff_model.terms.value_per_correct is None:
        return None
    if arm not in payoff_model.world.answers:
        return None
    low, high = np.percentile(payoff_model.net_benefit(arm), _CENTRAL)
    mode = point_net_benefit(
        context.money[arm].costs,
        payoff_model.terms,
        quality=context.quality(arm) or 0.0,
        wrong=context.wrong[arm],
    )
    return Interval3(low=float(low), mode=None if mode is None else float(mode), high=float(high))


def _differences(context: DecisionContext) -> tuple[Difference, ...]:
    """Those of the comparison; and the tuned candidates against the arm that the decision holds them against."""
    known = context.comparison.differences
    if context.untuned is None or context.tuned is None:
        return known
    family = context.claims.family(context.untuned).values()
    held = {(record.treatment, record.control) for record in known if record.family == "tuned"}
    return known + tuple(record for record in family if (record.treatment, record.control) not in held)


def _inputs(context: DecisionContext) -> DecisionInputs:
    digests = context.manifest.digests
    dates = [
        money.costs.prices_as_of for money in context.money.values() if money.costs.prices_as_of is not None
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
    world = payoff_model.world
    notes = [
        f"{world.n_draws:,} joint draws over {world.n_clusters:,} clusters of the {world.n_cases:,} cases that every "
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
