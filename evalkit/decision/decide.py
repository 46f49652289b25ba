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
from evalkit.decision.books import break_evens, ledger_columns, pareto
from evalkit.decision.checklist import checklist
from evalkit.decision.dossier import Dossier
from evalkit.decision.explain import explain
from evalkit.decision.gather import Gathered, gather
from evalkit.decision.information import reason_of
from evalkit.decision.ladder import Evidence, Step, climb, nothing_to_weigh
from evalkit.decision.money import SCENARIOS
from evalkit.decision.outlook import Outlooks, WhatIf
from evalkit.decision.pilot import PilotQuestion, guessed_costs
from evalkit.decision.point import point_net_benefit
from evalkit.decision.red_flags import CONTROL_FAILED, invalid_codes, red_flags
from evalkit.decision.unit_figures import cost_per_correct, goodput
from evalkit.decision.weighing import Weighed, weigh
from evalkit.decision.wording import SHORT
from evalkit.economics.prices import PriceTable
from evalkit.records.answering import Answering
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
    answering: Answering | None = None,
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
    dossier, outlooks = gathered.dossier, gathered.outlooks
    findings, flags = checklist(dossier), red_flags(dossier)
    evidence = _evidence(gathered, findings, flags, seed)
    if outlooks is None:
        step, weighed = nothing_to_weigh(evidence), Weighed()
    else:
        step = climb(outlooks, dossier.claims, evidence)
        weighed = weigh(outlooks, dossier, evidence, step)
        step = replace(step, reason=reason_of(step, weighed.evppi, weighed.would_change, weighed.spans))
        flags += _cache_flag(outlooks, dossier, evidence, step)
    found = Decision(
        suite=suite.name,
        run_id=manifest.run_id,
        verdict=step.verdict,
        reason=step.reason,
        explanation=explain(dossier, step, evidence, findings, flags, weighed.would_change),
        recommended_arm=step.arm,
        confidence=step.confidence,
        p_best=step.p_best,
        expected_regret=dict(weighed.regret),
        evpi=weighed.evpi,
        evppi=dict(weighed.evppi),
        evsi=weighed.evsi,
        q_star=None if step.pilot is None else step.pilot.q_star,
        arms={arm.name: _arm_verdict(dossier, outlooks, arm) for arm in table.arms},
        differences=_differences(dossier),
        checklist=findings,
        red_flags=flags,
        ledger=ledger_columns(dossier),
        break_even=break_evens(dossier, outlooks),
        would_change=weighed.would_change,
        tornado=weighed.tornado,
        pareto=pareto(dossier),
        currency=dossier.currency,
        inputs=_inputs(dossier),
        seed=seed,
        notes=_notes(outlooks, step),
    )
    return rounded(found)


def _evidence(
    gathered: Gathered, findings: tuple[Finding, ...], flags: tuple[RedFlag, ...], seed: int
) -> Evidence:
    dossier, economics = gathered.dossier, gathered.dossier.suite.economics
    codes = {4: "blocked_tunability", 7: "blocked_data"}
    per_case = None if economics is None else economics.cost_per_case
    return Evidence(
        tuned_measured=dossier.tuned is not None,
        blocked=tuple(codes[finding.number] for finding in findings if finding.status == "blocked"),
        control_failed=any(flag.code == CONTROL_FAILED for flag in flags),
        invalid=invalid_codes(flags),
        missing=gathered.missing,
        confidence=dossier.suite.decision.confidence,
        cost_per_case=None if per_case is None else float(per_case),
        pilot=_pilot_question(gathered, seed),
        best_untuned=best_untuned(dossier.table),
    )


def _pilot_question(gathered: Gathered, seed: int) -> PilotQuestion | None:
    """What a tuned arm would cost, where none was measured and another arm shows what its requests are like."""
    dossier, outlooks = gathered.dossier, gathered.outlooks
    economics = dossier.suite.economics
    if dossier.tuned is not None or outlooks is None or economics is None:
        return None
    like = [
        arm
        for arm in dossier.arms.values()
        if not arm.tuned and arm.retrieval is None and dossier.money[arm.name].costs.unit_cost is not None
    ]
    if not like:
        return None
    shortest = min(like, key=lambda arm: arm.shots)
    pilot = dossier.suite.decision.pilot
    names = [arm.name for arm in outlooks.world.arms]
    return PilotQuestion(
        guess=guessed_costs(economics, dossier.money[shortest.name], pilot),
        pilot=pilot,
        target=dossier.suite.use_case.target,
        quality={name: dossier.quality(name) or 0.0 for name in names},
        wrong={name: dossier.wrong[name] for name in names},
        seed=seed,
    )


def _cache_flag(outlooks: Outlooks, dossier: Dossier, evidence: Evidence, step: Step) -> tuple[RedFlag, ...]:
    """Warn where the verdict is another under another prompt-cache scenario."""
    priced = [
        scenario for scenario in SCENARIOS if all(scenario in m.caches for m in outlooks.world.money.values())
    ]
    others = {
        scenario: climb(outlooks, dossier.claims, evidence, WhatIf(scenario=scenario)).verdict
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


def _arm_verdict(dossier: Dossier, outlooks: Outlooks | None, arm: ArmFacts) -> ArmVerdict:
    summary = dossier.summaries[arm.name]
    standing = dossier.standing.get(arm.name)
    per_correct = cost_per_correct(dossier, arm.name)
    return ArmVerdict(
        kind=arm.kind,
        role=arm.role,
        n=summary.n,
        coverage=summary.coverage,
        quality=dict(summary.quality),
        cost_per_request=dossier.money[arm.name].costs.unit_cost if arm.name in dossier.money else None,
        cost_per_correct=per_correct.value,
        cost_per_correct_low=per_correct.low,
        cost_per_correct_high=per_correct.high,
        goodput=goodput(dossier, arm.name),
        latency=summary.latency,
        net_benefit=_net_benefit(dossier, outlooks, arm.name),
        within_limits=standing is None or not standing.broken,
        broken_limits=() if standing is None else standing.broken,
    )


def _net_benefit(dossier: Dossier, outlooks: Outlooks | None, arm: str) -> Interval3 | None:
    if outlooks is None or outlooks.terms.value_per_correct is None:
        return None
    if arm not in outlooks.world.answers:
        return None
    low, high = np.percentile(outlooks.net_benefit(arm), _CENTRAL)
    mode = point_net_benefit(
        dossier.money[arm].costs,
        outlooks.terms,
        quality=dossier.quality(arm) or 0.0,
        wrong=dossier.wrong[arm],
    )
    return Interval3(low=float(low), mode=None if mode is None else float(mode), high=float(high))


def _differences(dossier: Dossier) -> tuple[Difference, ...]:
    """Those of the comparison; and the tuned candidates against the arm that the decision holds them against."""
    known = dossier.comparison.differences
    if dossier.untuned is None or dossier.tuned is None:
        return known
    family = dossier.claims.family(dossier.untuned).values()
    held = {(record.treatment, record.control) for record in known if record.family == "tuned"}
    return known + tuple(record for record in family if (record.treatment, record.control) not in held)


def _inputs(dossier: Dossier) -> DecisionInputs:
    digests = dossier.manifest.digests
    dates = [
        money.costs.prices_as_of for money in dossier.money.values() if money.costs.prices_as_of is not None
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
        judge=dossier.table.judges.get(dossier.table.primary),
    )


def _notes(outlooks: Outlooks | None, step: Step) -> tuple[str, ...]:
    if outlooks is None:
        return ()
    world = outlooks.world
    notes = [
        f"{world.n_draws:,} joint draws over {world.n_clusters:,} clusters of the {world.n_cases:,} cases that every "
        "candidate answered."
    ]
    if outlooks.terms.value_per_correct is None:
        notes.append(
            "value_per_correct is not declared: the cheapest arm among those as good as the best is sought, and regret "
            "is in cost."
        )
    if step.pilot is not None and step.pilot.expected_gain is None:
        notes.append(
            "The bill of the machine that would train is not known and not in the figures of a first tune."
        )
    return tuple(notes)
