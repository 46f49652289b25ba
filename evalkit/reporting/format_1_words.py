"""How a verdict of method 1 is worded: records of format 1 are shown under the meaning they were made with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from evalkit.decision.wording import SHORT, input_name
from evalkit.records.decision import Decision, Verdict
from evalkit.reporting.words import spaced
from evalkit.text.number_format import (
    UNKNOWN,
    declared_percent,
    share_of_draws,
)

POINTS = "points"
Tone = Literal["go", "stay", "wait", "stop"]


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A verdict for people.

    Attributes:
        headline: What to do, in one line.
        short: The same inside a sentence.
        meaning: One sentence that the headline stands for.
        recommendation: What the recommended arm is: the answer, or what to run meanwhile.
        tone: How it is coloured.
    """

    headline: str
    short: str
    meaning: str
    recommendation: str
    tone: Tone


_ANSWER, _MEANWHILE = "Recommended arm", "Use meanwhile"
VERDICTS = {
    Verdict.FINE_TUNE: VerdictWords(
        "Fine-tune.",
        SHORT[Verdict.FINE_TUNE],
        "Tuning is worth its cost on these cases and terms.",
        _ANSWER,
        "go",
    ),
    Verdict.USE_RAG: VerdictWords(
        "Do not fine-tune. Use retrieval.",
        SHORT[Verdict.USE_RAG],
        "Giving the model passages is worth more than tuning it.",
        _ANSWER,
        "stay",
    ),
    Verdict.STAY_FEW_SHOT: VerdictWords(
        "Do not fine-tune. Stay with the prompt.",
        SHORT[Verdict.STAY_FEW_SHOT],
        "The prompt alone is worth more than tuning or retrieval.",
        _ANSWER,
        "stay",
    ),
    Verdict.PILOT_FIRST: VerdictWords(
        "Run a tuning pilot first.",
        SHORT[Verdict.PILOT_FIRST],
        "No tuned arm was measured, and a pilot is worth more than it costs.",
        _MEANWHILE,
        "wait",
    ),
    Verdict.COLLECT_MORE_DATA: VerdictWords(
        "Not yet. Answer more cases first.",
        SHORT[Verdict.COLLECT_MORE_DATA],
        "More cases are worth more than they cost before this is decided.",
        _MEANWHILE,
        "wait",
    ),
    Verdict.NOT_DECIDABLE: VerdictWords(
        "This run cannot decide.",
        SHORT[Verdict.NOT_DECIDABLE],
        "The evidence does not carry a verdict.",
        _MEANWHILE,
        "wait",
    ),
    Verdict.BLOCKED: VerdictWords(
        "Tuning would win, but it is blocked.",
        SHORT[Verdict.BLOCKED],
        "A question of the checklist rules tuning out for now.",
        _MEANWHILE,
        "stop",
    ),
}
_REASONS = {
    "superior": "The tuned arm answers better than the best untuned one, and the gain is worth more than it costs.",
    "as_good_and_cheaper": "The tuned arm answers as well as the best untuned one, within the margin, and costs less.",
    "alone_within_limits": "No untuned arm keeps within the declared limits, and the tuned one answers no worse than "
    "the best of them, within the margin.",
    "untuned_wins": "The untuned arm is worth more than tuning on these cases and terms.",
    "no_tuned_arm": "No tuned arm was measured. Of those that were, this one is worth most.",
    "no_arm_within_limits": "No arm keeps within the declared limits.",
    "invalid_evidence": "A red flag makes the evidence invalid.",
    "missing_input": "A price or another input is missing.",
    "no_paired_claim": "No paired difference is large and sure enough to be claimed.",
    "indifferent": "Either is fine: choosing wrong costs less than the margin.",
}
_GROUPS = {
    "tuned": "the tuned arms",
    "untuned": "the untuned arms",
    "rag": "retrieval",
    "few_shot": "prompting",
}
_SHARES = ("of the score", "share", "quality", "probability")


def reason(decision: Decision) -> str:
    """Why this verdict, as a sentence: codes of the ladder are spelled out."""
    if decision.reason in _REASONS:
        return _REASONS[decision.reason]
    if decision.reason.startswith("depends_on_"):
        return f"It depends on {input_name(decision.reason.removeprefix('depends_on_'))}."
    if re.fullmatch(r"[a-z0-9_]*", decision.reason):
        return VERDICTS[decision.verdict].meaning
    return decision.reason


def confidence(decision: Decision, threshold: float | None) -> str:
    """How sure the verdict is, against what was asked for.

    The share of draws in which the winning family is worth most; not the probability that a claim is true.
    """
    if decision.confidence is None:
        return UNKNOWN
    shown = share_of_draws(decision.confidence)
    if threshold is None:
        return shown
    side = "at or above" if decision.confidence >= threshold else "below"
    return f"{shown}, {side} the {declared_percent(threshold)} asked for"


def confidence_label(decision: Decision) -> str:
    """What the confidence belongs to: the verdict, or the group of arms in the lead where nothing was settled."""
    if VERDICTS[decision.verdict].recommendation == _ANSWER:
        return "Confidence"
    leader = max(decision.p_best, key=lambda group: decision.p_best[group], default="")
    return f"Draws won by the leader, {_GROUPS.get(leader, spaced(leader))}" if leader else "Confidence"
