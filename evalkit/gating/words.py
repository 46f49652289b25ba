"""What a gate says in sentences beside its rules: the headline, warnings, and notes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from evalkit.gating.comparability import ruled_metrics
from evalkit.gating.paired_run import PairedRun
from evalkit.records.gate import GateResult, case_count


def with_words(result: GateResult, paired: PairedRun) -> GateResult:
    """The same result with its headline, warnings and notes.

    Args:
        result: Judged.
        paired: What it was judged on.
    """
    return replace(
        result,
        headline=headline(result),
        warnings=tuple(_warnings(result, paired)),
        notes=tuple(_notes(result, paired)),
    )


def headline(result: GateResult) -> str:
    """One sentence: the verdict, and how many rules and cases it rests on."""
    n, on = len(result.rules), f"on {_count(result.cases.common, 'common case')}"
    by = {
        kind: sum(rule.verdict == kind for rule in result.rules)
        for kind in ("fail", "inconclusive", "not_judged", "unchanged")
    }
    wrong = case_count(case for case in result.must_pass if case.verdict == "fail")
    if result.verdict == "failed":
        parts = [f"{by['fail']} of {_count(n, 'rule')}"] if by["fail"] else []
        parts += [f"{wrong} of {_count(case_count(result.must_pass), 'must-pass case')}"] if wrong else []
        return f"FAILED: {' and '.join(parts)} failed, {on}."
    if result.verdict == "inconclusive":
        return (
            f"INCONCLUSIVE: {by['inconclusive']} of {_count(n, 'rule')} cannot be decided {on}; none failed."
        )
    judged = n - by["not_judged"]
    aside = (
        f"; {_count(by['not_judged'], 'rule')} {_was(by['not_judged'])} not judged"
        if by["not_judged"]
        else ""
    )
    if open_cases := case_count(case for case in result.must_pass if case.verdict == "not_judged"):
        aside += f"; {_count(open_cases, 'must-pass case')} {_was(open_cases)} not judged"
    if judged and judged == by["unchanged"]:
        return f"PASSED: nothing changed, {on}{aside}."
    held = (
        "the only rule holds"
        if judged == n == 1
        else f"{judged - by['unchanged']} of {_count(n, 'rule')} hold"
    )
    if by["unchanged"]:
        held += f", {by['unchanged']} {_is(by['unchanged'])} unchanged,"
    return f"PASSED: {held} {on}{aside}."


def _warnings(result: GateResult, paired: PairedRun) -> Iterator[str]:
    for arm in result.arms:
        if arm.rerouted:
            yield (
                f"{arm.name} was answered by {_models(arm.models_now)} and in the baseline by "
                f"{_models(arm.models_before)}, though the suite names the same model: the provider may have put "
                "another in its place."
            )
    facts = result.baseline
    if facts.too_old:
        yield (
            f"The baseline is {facts.age_days} days old (made on {facts.created}), older than the "
            f"{paired.run.gate.max_age_days} days of gate.max_age_days."
        )
    for arm in result.arms:
        if not arm.in_baseline:
            yield f"{arm.name} is not in the baseline: nothing was judged for it. --update-baseline adds it."
    if result.cases.unchecked:
        yield (
            f"Of {_count(result.cases.unchecked, 'common case')} it is not known whether they ask the same as in the "
            "baseline; they are compared by their ids."
        )
    yield from _missing_scores(result, paired)


def _notes(result: GateResult, paired: PairedRun) -> Iterator[str]:
    cases, now, before = result.cases, paired.now, paired.baseline
    if cases.added:
        n = len(cases.added)
        yield f"{_count(n, 'case')} of the run {_is(n)} not in the baseline and not compared."
    if cases.removed:
        n = len(cases.removed)
        yield f"{_count(n, 'case')} of the baseline {_is(n)} not in the run and not compared."
    if cases.set_aside:
        n = len(cases.set_aside)
        stand = "stands in the training rows or shares" if n == 1 else "stand in the training rows or share"
        yield f"{_count(n, 'case')} {stand} a cluster with such a case, and {_was(n)} set aside, as for the decision."
    if cases.quarantined:
        n = len(cases.quarantined)
        yield f"{_count(n, 'case')} {_is(n)} in quarantine: told, and in no test."
    rules = {rule.kind for rule in result.rules}
    if "cost" in rules and now.prices != before.prices:
        yield (
            "The suite's own prices are others than for the baseline: a change of cost holds the change of price."
        )
    summaries = [arm.name for arm in before.arms if arm.cost_kept == "summary"]
    if "cost" in rules and summaries:
        yield (
            f"Costs of {', '.join(summaries)} come from seconds of a device, which differ each time: the baseline "
            "keeps their mean and spread, and they are not paired by case."
        )
    if now.repeats != before.repeats:
        yield (
            f"The run answered each case {_times(now.repeats)}, the baseline {_times(before.repeats)}; means over "
            "repeats are compared."
        )
    pooled = [
        name for name in ruled_metrics(paired.run.gate, now.primary_metric) if paired.metric(name).pooled
    ]
    if pooled and paired.run.gate.confirm:
        yield f"{', '.join(pooled)} {_is(len(pooled))} computed over all cases at once: no case of it is asked again."


def _missing_scores(result: GateResult, paired: PairedRun) -> Iterator[str]:
    """Common cases that a rule could not use, since a side has no score; ours is the failure, not the arm's."""
    for arm in result.arms:
        if not arm.in_baseline:
            continue
        for metric in ruled_metrics(paired.run.gate, result.primary_metric):
            if paired.metric(metric).pooled:
                continue
            sides = [paired.scores(side, arm.name, metric) for side in (paired.baseline, paired.now)]
            lacking = [int(np.isnan(scores).sum()) for scores in sides]
            either = int((np.isnan(sides[0]) | np.isnan(sides[1])).sum())
            if either:
                yield (
                    f"{arm.name}: {_count(either, 'common case')} {_has(either)} no {metric} score ({lacking[0]} in "
                    f"the baseline, {lacking[1]} in the run) and {_is(either)} in no test of it."
                )


def _models(models: dict[str, int]) -> str:
    return ", ".join(sorted(models))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
