"""Questions 2 and 3: were prompting and retrieval tried before training?"""

from __future__ import annotations

from evalkit.decision.checklist.question import PROMPTING, RETRIEVAL
from evalkit.decision.context import DecisionContext
from evalkit.decision.wording import interval, score, share
from evalkit.records.comparison import Curve
from evalkit.records.decision import Evidence, Finding

ENOUGH_RECALL = 0.8
"""Share of the passages that answer which the retriever must find before the reader is what limits."""


def prompting(context: DecisionContext) -> Finding:
    """Question 2: which prompts were tried, and whether more shots still help."""
    untuned = [arm for arm in context.arms.values() if not arm.tuned and arm.retrieval != "gold"]
    prompts = {(arm.prompt, arm.prompt_digest) for arm in untuned}
    shots = sorted({arm.shots for arm in untuned})
    evidence = [
        Evidence(label="prompts tried", value=str(len({name for name, _ in prompts}))),
        Evidence(label="shot counts tried", value=", ".join(map(str, shots)) or "none"),
    ]
    curve = _shot_curve(context)
    if curve is not None and curve.last_step is not None:
        evidence.append(
            Evidence(label="last shot step", value=interval(curve.last_step), source=curve.parent)
        )
        if curve.trend == "rising":
            return PROMPTING.not_met("More shots still help: add shots or prompts first.", evidence)
        if curve.trend in ("flat", "falling"):
            return PROMPTING.met(
                "More shots no longer help by as much as the margin: prompting is exhausted.", evidence
            )
        return PROMPTING.unknown(
            "The last shot step is too uncertain to tell rising from flat; answer more cases.", evidence
        )
    if len(prompts) <= 1 and len(shots) <= 1:
        return PROMPTING.unknown(
            "One prompt with one number of shots was tried; add a `shot_curve` or a prompt.", evidence
        )
    return PROMPTING.unknown(
        "Prompts were tried without a shot curve; add a `shot_curve` to an untuned arm.", evidence
    )


def retrieval(context: DecisionContext) -> Finding:
    """Question 3: whether retrieval was tried, and whether the retriever or the reader limits it."""
    arms = [arm for arm in context.arms.values() if arm.kind.value == "rag" and arm.retrieval != "gold"]
    if not arms:
        return RETRIEVAL.unknown("No arm retrieves; add one with a `retrieval` section.")
    summaries = [context.summaries[arm.name] for arm in arms]
    evidence = [
        Evidence(label=context.table.primary, value=score(context.quality(summary.name)), source=summary.name)
        for summary in summaries
    ]
    recalls = [
        (summary.retrieval.recall_at_k, summary.retrieval, summary.name)
        for summary in summaries
        if summary.retrieval is not None and summary.retrieval.recall_at_k is not None
    ]
    evidence += [
        Evidence(
            label=f"recall@{measured.top_k}", value=f"{share(recall)} of {measured.n} cases", source=name
        )
        for recall, measured, name in recalls
    ]
    if not recalls:
        answer = "Retrieval was tried, but its recall is not known; give the cases `gold_passages`."
        return RETRIEVAL.unknown(answer, evidence)
    recall = max(recall for recall, _, _ in recalls)
    if recall < ENOUGH_RECALL:
        answer = f"The retriever finds {share(recall)} of the passages that answer: fix the retriever first."
        return RETRIEVAL.not_met(answer, evidence)
    return RETRIEVAL.met(
        f"The retriever finds {share(recall)} of the passages that answer; the reader is the limit.", evidence
    )


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
