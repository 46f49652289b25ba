"""All rules of a gate, the cases that must pass, and the gate's verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.pooled_metrics import statistic_of
from evalkit.comparison.table import FloatArray, IntArray
from evalkit.gating.changed_cases import Excerpts, own_asks
from evalkit.gating.limits import (
    CostRule,
    FloorRule,
    judged_cost,
    judged_errors,
    judged_floor,
    judged_latency,
)
from evalkit.gating.make_baseline import latency_of, timed_alone
from evalkit.gating.paired_run import PairedRun, means_of
from evalkit.gating.rules import DropRule, judged_drops
from evalkit.records.baseline import Baseline, BaselineArm
from evalkit.records.gate import GateArm, GateVerdict, MustPassResult, RuleResult
from evalkit.stats.relative_change import AmountSummary
from evalkit.suite.gate import GateConfig, GateRule
from evalkit.suite.models import RecordedModelConfig

_TIE = 1e-9
_ORDER = ("fail", "inconclusive", "not_judged", "pass", "unchanged")


def judged_rules(paired: PairedRun, arms: Sequence[str], gate: GateConfig) -> tuple[RuleResult, ...]:
    """Every rule for every arm, failed ones first.

    Args:
        paired: Run and baseline.
        arms: Names of the guarded arms that both sides have.
        gate: The rules.
    """
    seed = paired.run.manifest.seed
    unchanged = {arm: is_unchanged(paired, arm) for arm in arms}
    rules = [GateRule(max_drop=gate.max_quality_drop), *gate.rules]
    drops = [
        _drop(paired, arm, rule, unchanged=unchanged[arm])
        for arm in arms
        for rule in rules
        if rule.max_drop is not None
    ]
    results = [*judged_drops(drops, alpha=gate.alpha, seed=seed)]
    for arm in arms:
        floors = [rule for rule in gate.rules if rule.min is not None]
        others = [judged_floor(_floor(paired, arm, rule), alpha=gate.alpha, seed=seed) for rule in floors]
        others += _others(paired, arm, gate)
        results += [_as_before(paired, rule) for rule in others] if unchanged[arm] else others
    return in_order(results)


def in_order(results: Sequence[RuleResult]) -> tuple[RuleResult, ...]:
    """Failed rules first, then inconclusive, not judged, passed and unchanged ones; else as they were."""
    return tuple(sorted(results, key=lambda result: _ORDER.index(result.verdict)))


def _as_before(paired: PairedRun, result: RuleResult) -> RuleResult:
    """A rule for an arm of which nothing changed: what is not certain in itself is as it was in the baseline.

    Equal answers have equal scores. Times, costs and failures are of this run, and open where they are not those of
    the baseline, as the ones of replayed answers are.
    """
    if result.verdict != "inconclusive" or not _same_figures(paired, result):
        return result
    return replace(result, verdict="unchanged")


def _same_figures(paired: PairedRun, result: RuleResult) -> bool:
    before, now = _arm(paired.baseline, result.arm), _arm(paired.now, result.arm)
    if before is None or now is None or result.kind == "error_rate":
        return False
    if result.kind == "latency":
        return (before.p95_latency_s, before.n_timed) == (now.p95_latency_s, now.n_timed)
    if result.kind == "cost":
        return (before.mean_cost, before.cost_sd) == (now.mean_cost, now.cost_sd)
    return True


def is_unchanged(paired: PairedRun, arm: str) -> bool:
    """Whether an arm is the baseline's: model as answered, prompt, retrieval, weights, and every common answer."""
    before, now = _arm(paired.baseline, arm), _arm(paired.now, arm)
    if before is None or now is None or before.identity != now.identity:
        return False
    return bool(paired.same_answers(arm).all())


def judged_must_pass(
    paired: PairedRun, arms: Sequence[str], gate: GateConfig, excerpts: Excerpts | None = None
) -> tuple[MustPassResult, ...]:
    """Each case that must be right, for each arm, failed ones first.

    Args:
        paired: Run and baseline; the run's cases count, also those that the baseline lacks.
        arms: Names of the guarded arms that both sides have.
        gate: Names the cases.
        excerpts: What they ask and were answered.
    """
    results = [
        _must_pass(paired, arm, case_id, gate.must_pass_score, excerpts or Excerpts())
        for arm in arms
        for case_id in gate.must_pass
    ]
    order = ("fail", "not_judged", "pass")
    return tuple(sorted(results, key=lambda result: order.index(result.verdict)))


def verdict_of(rules: Sequence[RuleResult], must_pass: Sequence[MustPassResult]) -> GateVerdict:
    """``failed`` if a rule or a must-pass case failed; else ``inconclusive`` if a rule is; else ``passed``."""
    if any(rule.verdict == "fail" for rule in rules) or any(case.verdict == "fail" for case in must_pass):
        return "failed"
    return "inconclusive" if any(rule.verdict == "inconclusive" for rule in rules) else "passed"


def arm_records(paired: PairedRun, arms: Sequence[str]) -> tuple[GateArm, ...]:
    """Each guarded arm beside its baseline, on the primary metric."""
    return tuple(_arm_record(paired, arm) for arm in arms)


def _arm_record(paired: PairedRun, arm: str) -> GateArm:
    before, now = _arm(paired.baseline, arm), _arm(paired.now, arm)
    primary = paired.now.primary_metric
    if now is None:
        raise ValueError(f"the run has no arm called {arm!r}")
    if before is None:
        return GateArm(
            name=arm,
            candidate=paired.mean(arm, primary),
            models_now=now.answering_models,
            in_baseline=False,
        )
    both, cases = paired.pairs(arm, primary, None)
    means = means_of(both)
    parts = before.parts.keys() | now.parts.keys()
    changed = tuple(sorted(part for part in parts if before.parts.get(part) != now.parts.get(part)))
    models = set(before.answering_models), set(now.answering_models)
    return GateArm(
        name=arm,
        unchanged=is_unchanged(paired, arm),
        changed_parts=changed,
        changed_answers=int((~paired.same_answers(arm)[cases]).sum()),
        n=cases.size,
        baseline=None if means is None else means[1],
        candidate=None if means is None else means[0],
        models_before=before.answering_models,
        models_now=now.answering_models,
        rerouted="model" not in changed and all(models) and models[0] != models[1],
    )


def _drop(paired: PairedRun, arm: str, rule: GateRule, *, unchanged: bool) -> DropRule:
    metric = rule.metric or paired.now.primary_metric
    both, cases = paired.pairs(arm, metric, rule.tag)
    return DropRule(arm, metric, rule.tag, rule.max_drop or 0.0, cases, both, unchanged)


def _floor(paired: PairedRun, arm: str, rule: GateRule) -> FloorRule:
    metric = rule.metric or paired.now.primary_metric
    scores, clusters, names = paired.figures(arm, metric, rule.tag)
    statistic = statistic_of(names, paired.aggregates[metric]) if paired.metric(metric).pooled else None
    return FloorRule(arm, metric, rule.tag, rule.min or 0.0, scores, clusters, statistic)


def _others(paired: PairedRun, arm: str, gate: GateConfig) -> Iterator[RuleResult]:
    """The rules on cost, latency and errors that the gate has."""
    seed, keep = paired.run.manifest.seed, paired.tested
    clusters = paired.clusters
    if gate.max_cost_increase is not None:
        yield _cost(paired, arm, gate.max_cost_increase, gate.alpha)
    if gate.max_p95_latency_s is not None:
        seconds, of_case = _timed(paired, arm)
        yield judged_latency(arm, gate.max_p95_latency_s, seconds, of_case, alpha=gate.alpha)
    if gate.max_error_rate is not None:
        ids = [case_id for case_id, kept in zip(paired.ids, keep, strict=True) if kept]
        failed, of_case = paired.run.log.requests(
            paired.run.trainings(arm), () if _recorded(paired, arm) else ids
        )
        result = judged_errors(
            arm, gate.max_error_rate, failed, clusters[keep][of_case], alpha=gate.alpha, seed=seed
        )
        if not failed.size:
            reason = "no request was made in this run: every answer came from the cache or from a file"
            result = RuleResult(
                name=result.name,
                kind="error_rate",
                arm=arm,
                limit=result.limit,
                verdict="not_judged",
                reason=reason,
            )
        yield result


def _recorded(paired: PairedRun, arm: str) -> bool:
    """Whether an arm's answers stand in a file, where each row has the look of a request that succeeded at once."""
    table = paired.run.table
    model = paired.run.suite.models.get(table.arms[table.row(arm)].model)
    return isinstance(model, RecordedModelConfig)


def _cost(paired: PairedRun, arm: str, limit: float, alpha: float) -> RuleResult:
    before, keep = _arm(paired.baseline, arm), paired.tested
    currencies = paired.baseline.currency, paired.now.currency
    if before is None or (None not in currencies and currencies[0] != currencies[1]):
        reason = f"the baseline's costs are in {currencies[0]}, the run's in {currencies[1]}"
        return RuleResult(
            name=f"cost/{arm}", kind="cost", arm=arm, limit=limit, verdict="not_judged", reason=reason
        )
    baseline: FloatArray | AmountSummary = paired.costs(paired.baseline, arm)[keep]
    if before.cost_kept == "summary" and before.mean_cost and before.cost_sd is not None:
        baseline = AmountSummary(before.mean_cost, before.cost_sd, before.n_costed)
    rule = CostRule(
        arm, limit, paired.costs(paired.now, arm)[keep], baseline, paired.clusters[keep], paired.now.currency
    )
    return judged_cost(rule, alpha=alpha, seed=paired.run.manifest.seed)


def _timed(paired: PairedRun, arm: str) -> tuple[FloatArray, IntArray]:
    """Seconds of the answers that were timed, and the cluster of each one's case."""
    run, table = paired.run, paired.run.table
    seconds, source = latency_of(run, arm)
    if source == "isolated":
        columns = {case_id: column for column, case_id in enumerate(table.case_ids)}
        of_case = np.array([columns[row.case_id] for row in timed_alone(run, arm)], dtype=np.int64)
        return seconds, np.asarray(table.clusters[of_case])
    shape = (len(table.rows(arm)), table.n_cases, table.status.shape[2])
    of_case = np.broadcast_to(np.arange(table.n_cases)[None, :, None], shape).ravel()
    return seconds, np.asarray(table.clusters[of_case])


def _must_pass(
    paired: PairedRun, arm: str, case_id: str, wanted: float, excerpts: Excerpts
) -> MustPassResult:
    metric = paired.now.primary_metric
    asks = (paired.asked or {}).get((arm, metric, case_id)) or own_asks(paired, arm, metric, case_id)
    confirmed = (arm, metric, case_id) in (paired.asked or {})
    score = None if not asks else float(np.median(asks) if confirmed else np.mean(asks))
    verdict: Literal["pass", "fail", "not_judged"] = "not_judged"
    if score is not None:
        verdict = "pass" if score >= wanted - _TIE else "fail"
    return MustPassResult(
        case_id=case_id,
        arm=arm,
        metric=metric,
        verdict=verdict,
        score=score,
        wanted=wanted,
        asks=asks,
        reason="" if asks else _why_no_score(paired, case_id),
        **excerpts.of(arm, case_id),
    )


def _why_no_score(paired: PairedRun, case_id: str) -> str:
    if case_id in paired.now.set_aside:
        return "it stands in the training rows, or shares a cluster with a case that does"
    if paired.metric(paired.now.primary_metric).pooled:
        return "the primary metric gives single answers no score"
    return "its answer has no score" if case_id in paired.run.table.case_ids else "it is not in this run"


def _arm(side: Baseline, name: str) -> BaselineArm | None:
    return next((arm for arm in side.arms if arm.name == name), None)
