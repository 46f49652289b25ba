"""Questions 2 and 3: were prompting and retrieval tried before training?"""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.decision.checklist.question import PROMPTING, RETRIEVAL
from evalkit.decision.context import DecisionContext
from evalkit.decision.wording import interval, score, share
from evalkit.records.comparison import ArmSummary, Curve, Difference
from evalkit.records.decision import Evidence, Finding

ENOUGH_CASES = 50
"""Cases from which no right answer at any number of shots says that more shots do not help."""
ENOUGH_RECALL = 0.8
"""Share of the passages that answer which the retriever must find before the reader is what limits."""


def prompting(context: DecisionContext) -> Finding:
    """Question 2: which prompts were tried, and whether more shots still help."""
    untuned = [arm for arm in context.arms.values() if not arm.tuned and arm.retrieval != "gold"]
    # Of an arm read from a table neither its prompt nor its number of shots is known.
    stated = [arm for arm in untuned if not (context.imported and arm.model_type == "recorded")]
    prompts = {(arm.prompt, arm.prompt_digest) for arm in stated}
    shots = sorted({arm.shots for arm in stated})
    evidence = [
        Evidence(
            label="prompts tried", value=str(len({name for name, _ in prompts})) if stated else "not known"
        ),
        Evidence(label="shot counts tried", value=", ".join(map(str, shots)) if stated else "not known"),
    ]
    optimised = [arm for arm in untuned if arm.prompt_source is not None and arm.optimised_on != "cases"]
    evidence += [
        Evidence(
            label="optimised prompt",
            value=f"{score(context.quality(arm.name))}, optimised on {arm.optimised_on or 'what is not declared'}",
            source=arm.name,
        )
        for arm in optimised
    ]
    curve = _shot_curve(context)
    if curve is not None and curve.last_step is not None and not (optimised and curve.trend == "unknown"):
        return _by_last_step(curve, curve.last_step, evidence)
    if optimised:
        reached = ", ".join(f"{arm.name} {score(context.quality(arm.name))}" for arm in optimised)
        return PROMPTING.met(f"An optimised prompt was tried: {reached}.", evidence)
    if not stated:
        return PROMPTING.unknown(
            "The imported table does not say which prompts and how many shots were tried; import the arms of a shot "
            "curve, or say it to whoever decides.",
            evidence,
        )
    if len(prompts) <= 1 and len(shots) <= 1:
        return PROMPTING.unknown(
            "One prompt with one number of shots was tried; add a `shot_curve` or a prompt.", evidence
        )
    return PROMPTING.unknown(
        "Prompts were tried without a shot curve; add a `shot_curve` to an untuned arm.", evidence
    )


def _by_last_step(curve: Curve, last_step: Difference, evidence: list[Evidence]) -> Finding:
    """What a shot curve says: still rising, exhausted, or too uncertain to tell."""
    evidence = [
        *evidence,
        Evidence(label="last shot step", value=interval(last_step), source=curve.parent),
    ]
    means = [point.mean for point in curve.points]
    if len(means) > 1 and not any(means) and None not in means and last_step.n >= ENOUGH_CASES:
        return PROMPTING.met(
            f"No answer is right at any of {len(means)} numbers of shots ({last_step.n:,} cases): more shots do not "
            "help, prompting is exhausted.",
            evidence,
        )
    if curve.trend == "rising":
        return PROMPTING.not_met(
            f"More shots still help (last step {interval(last_step)}): add shots or prompts first.", evidence
        )
    if curve.trend in ("flat", "falling"):
        return PROMPTING.met(
            f"More shots no longer help by as much as the margin (last step {interval(last_step)}): prompting is "
            "exhausted.",
            evidence,
        )
    return PROMPTING.unknown(
        f"The last shot step is too uncertain to tell rising from flat ({interval(last_step)}); answer more cases.",
        evidence,
    )


def retrieval(context: DecisionContext) -> Finding:
    """Question 3: whether retrieval was tried, and whether the retriever or the reader limits it."""
    arms = [arm for arm in context.arms.values() if arm.kind.value == "rag" and arm.retrieval != "gold"]
    if not arms:
        return RETRIEVAL.unknown("No arm retrieves; add one with a `retrieval` section.")
    summaries = sorted(
        (context.summaries[arm.name] for arm in arms),
        key=lambda summary: context.quality(summary.name) or 0.0,
        reverse=True,
    )
    best = summaries[0]
    evidence = list(_retrieval_evidence(context, summaries))
    misses = None if best.failures is None else best.failures.retrieval_miss
    misread = None if best.failures is None else best.failures.reading_miss
    if misses is not None and misread is not None and misses + misread > 0:
        counted = f"{misses:,} wrong answers lacked the passage, {misread:,} had it and misread it"
        if misses > misread:
            return RETRIEVAL.not_met(f"Of {best.name}, {counted}: fix the retriever first.", evidence)
        return RETRIEVAL.met(f"Of {best.name}, {counted}: the reader is the limit.", evidence)
    recall = None if best.retrieval is None else best.retrieval.recall_at_k
    if recall is None:
        answer = (
            f"Retrieval was tried ({best.name}), but how often it finds the passage that answers is not known; "
            f"{'the imported table does not say' if context.imported else 'give the cases `gold_passages`'}."
        )
        return RETRIEVAL.unknown(answer, evidence)
    if recall < ENOUGH_RECALL:
        found = f"The retriever of {best.name} finds {share(recall)} of the passages that answer"
        answer = f"{found}: fix the retriever first."
        return RETRIEVAL.not_met(answer, evidence)
    return RETRIEVAL.met(
        f"The retriever of {best.name} finds {share(recall)} of the passages that answer; the reader is the limit.",
        evidence,
    )


def _retrieval_evidence(context: DecisionContext, summaries: list[ArmSummary]) -> Iterator[Evidence]:
    """Score, recall and kinds of failure of every arm that retrieves."""
    for summary in summaries:
        yield Evidence(
            label=context.table.primary, value=score(context.quality(summary.name)), source=summary.name
        )
    for summary in summaries:
        measured = summary.retrieval
        if measured is not None and measured.recall_at_k is not None:
            value = f"{share(measured.recall_at_k)} of {measured.n:,} cases"
            yield Evidence(label=f"recall@{measured.top_k}", value=value, source=summary.name)
    for summary in summaries:
        if summary.failures is not None:
            missed, misread = summary.failures.retrieval_miss, summary.failures.reading_miss
            value = f"{missed:,} without the passage, {misread:,} with it"
            yield Evidence(label="wrong answers", value=value, source=summary.name)


def _shot_curve(context: DecisionContext) -> Curve | None:
    """The shot curve of the best untuned arm, else of any untuned one."""
    curve = context.curve("shots", context.untuned)
    if curve is not None:
        return curve
    return next(
        (
            curve
            for curve in context.run.comparison.curves
            if curve.kind == "shots" and not context.arms[curve.parent].tuned
        ),
        None,
    )
