"""Question 1: is there a gap, and is it of the kind that tuning closes?"""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.comparison.failures import share_of
from evalkit.decision.checklist.question import USE_CASE
from evalkit.decision.checklist.scorer_checks import control_failed
from evalkit.decision.context import DecisionContext
from evalkit.decision.wording import margin, score, share
from evalkit.records.comparison import ArmSummary
from evalkit.records.decision import Evidence, Finding

_MOSTLY = 0.5
_KINDS = {
    "format or behaviour": ("format", "refusal_or_empty"),
    "missing knowledge": ("missing_knowledge",),
    "retrieval misses": ("retrieval_miss",),
}
"""Kinds of failure that point somewhere, with the counts that make them up."""


def use_case(context: DecisionContext) -> Finding:
    """Gap to the target and the oracle, and the kinds of failures behind it."""
    arm = context.untuned
    if arm is None or (quality := context.quality(arm)) is None:
        return USE_CASE.unknown("No untuned candidate has a score; add one to compare with.")
    ceiling, whose, declared = _ceiling(context)
    summary = context.summaries[arm]
    evidence = [
        Evidence(label=f"{context.table.primary} of {arm}", value=score(quality), source=arm),
        Evidence(label=whose, value=score(ceiling), declared=declared),
        *_gold(context),
        *_failures(summary),
    ]
    if (problem := control_failed(context)) is not None:
        return USE_CASE.unknown(f"Repair the scorer first: {problem}.", evidence)
    gap = ceiling - quality
    if gap <= context.margin:
        answer = (
            f"{arm} is at {score(quality)} and {whose} at {score(ceiling)}: no gap beyond the margin is left."
        )
        return USE_CASE.not_met(answer, evidence)
    if summary.failures is None:
        left = f"A gap of {margin(gap)} to {whose} is left, but its failures are not sorted by kind"
        answer = f"{left}; {_sort(context)}."
        return USE_CASE.unknown(answer, evidence)
    kinds = {kind: share_of(summary.failures, *fields) or 0.0 for kind, fields in _KINDS.items()}
    kind, part = max(kinds.items(), key=lambda item: item[1])
    left = f"A gap of {margin(gap)} to {whose} is left"
    if part < _MOSTLY:
        answer = f"{left}; no one kind of failure makes up half of it. Read the wrong answers to see what they need."
        return USE_CASE.unknown(answer, evidence)
    mostly = f"{left}; {share(part)} of the failures of {arm} are {kind}"
    if (fixed := _fixed_by_tuning(context, summary, kind)) is not None:
        return USE_CASE.met(f"{mostly}. {fixed}", evidence)
    if kind == "format or behaviour":
        return USE_CASE.met(f"{mostly}, which tuning improves.", evidence)
    if kind == "missing knowledge":
        return USE_CASE.not_met(f"{mostly}, which retrieval supplies.", evidence)
    return USE_CASE.not_met(f"{mostly}: improve the retriever first.", evidence)


def _sort(context: DecisionContext) -> str:
    """What to do to have the failures sorted by kind."""
    if context.imported:
        return "the imported table does not say how answers fail, read some of them"
    return "score the run again"


def _fixed_by_tuning(context: DecisionContext, summary: ArmSummary, kind: str) -> str | None:
    """In words, that the tuned arm makes at most half as many failures of a kind; None where it does not."""
    if context.tuned is None or summary.failures is None:
        return None
    tuned = context.summaries[context.tuned]
    if tuned.failures is None or not tuned.n or not summary.n:
        return None
    before = sum(getattr(summary.failures, field) for field in _KINDS[kind])
    after = sum(getattr(tuned.failures, field) for field in _KINDS[kind])
    if after / tuned.n > before / summary.n / 2.0:
        return None
    return (
        f"Tuning mends most of them: {context.tuned} makes {after:,} such failures in {tuned.n:,} answers, "
        f"{summary.name} {before:,} in {summary.n:,}."
    )


def _ceiling(context: DecisionContext) -> tuple[float, str, bool]:
    """What the gap is measured to: the declared target, else the best arm per case, else a perfect score."""
    target = context.suite.use_case.target
    if target is not None:
        return target, "the target", True
    best = context.run.comparison.oracle_best_of_arms
    if best is not None and len(context.candidates) > 1:
        return best, "the best arm per case", False
    return 1.0, "a perfect score", False


def _gold(context: DecisionContext) -> Iterator[Evidence]:
    """Arms that are given the passages that answer: what perfect retrieval would reach."""
    for arm in context.arms.values():
        if arm.retrieval == "gold":
            quality = context.quality(arm.name)
            yield Evidence(label="with the right passages given", value=score(quality), source=arm.name)


def _failures(summary: ArmSummary) -> Iterator[Evidence]:
    failures = summary.failures
    if failures is None:
        return
    yield Evidence(label="wrong answers", value=f"{failures.n_wrong} samples", source=summary.name)
    kinds = (
        "format",
        "refusal_or_empty",
        "truncation",
        "missing_knowledge",
        "retrieval_miss",
        "reading_miss",
        "other",
    )
    for kind in kinds:
        if count := getattr(failures, kind):
            yield Evidence(label=kind.replace("_", " "), value=f"{count} samples", source=summary.name)
