"""How a verdict is worded: what to do, how sure that is, and what would change it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from evalkit.decision.wording import SHORT, input_name
from evalkit.records.decision import Decision, Verdict, WouldChange
from evalkit.reporting.words import spaced, title
from evalkit.text.number_format import (
    UNKNOWN,
    declared_percent,
    money,
    percent,
    points,
    share_of_draws,
    significant,
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
    Verdict.DO_NOT_TUNE: VerdictWords(
        "Do not fine-tune.",
        SHORT[Verdict.DO_NOT_TUNE],
        "An untuned arm is worth more than tuning; which of them is better is open.",
        _MEANWHILE,
        "stay",
    ),
    Verdict.ALTERNATIVES_FIRST: VerdictWords(
        "Finish the alternatives first.",
        SHORT[Verdict.ALTERNATIVES_FIRST],
        "Tuning is ahead, and retrieval or more shots may still overtake it.",
        _MEANWHILE,
        "wait",
    ),
    Verdict.NONE_WORTH_RUNNING: VerdictWords(
        "Run none of these.",
        SHORT[Verdict.NONE_WORTH_RUNNING],
        "Every arm costs more than its answers are worth.",
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


def tuning_pays(q_star: float) -> str:
    """Where no tuned arm was measured: how good one has to be.

    >>> tuning_pays(0.742), tuning_pays(1.3)
    ('Tuning would pay from a quality of 74.2%.', 'Tuning would not pay even if every answer were right.')
    """
    if q_star > 1:
        return "Tuning would not pay even if every answer were right."
    return f"Tuning would pay from a quality of {percent(max(q_star, 0.0))}."


def what_would_change(decision: Decision) -> str:
    """The line under the verdict: the nearest input that would change the answer."""
    if not decision.would_change:
        return "Not computed in this run."
    nearest = nearest_change(decision)
    if nearest is None or nearest.flips_at is None:
        return "No single input changes the answer, even at 100 times its value or a hundredth of it."
    way = "below" if nearest.flips_at < nearest.current else "above"
    flip = f"{way} {quantity(nearest.flips_at, unit_of(nearest), named=False)}"
    now = quantity(nearest.current, unit_of(nearest))
    name = title(input_name(nearest.input))
    if nearest.verdict_now in (None, decision.verdict):
        return f"{name} {flip} (now {now}): {verdict_then(nearest)}."
    return f"{name}, if certain to be {now}: {verdict_now(nearest)}; {flip}: {verdict_then(nearest)}."


def nearest_change(decision: Decision) -> WouldChange | None:
    """The input that has to move least, as a ratio, to change the verdict; None when no input changes it."""
    flips = [change for change in decision.would_change if change.flips_at is not None]
    return min(flips, key=_move, default=None)


def unit_of(change: WouldChange) -> str:
    """The unit its values are worded in: the margin is a difference, and so counts in points."""
    return POINTS if change.input == "margin" else change.unit


def verdict_then(change: WouldChange) -> str:
    """The verdict on the other side of a flip."""
    return "the verdict stays" if change.flips_at is None else _verdict(change.verdict_then, change.arm_then)


def verdict_now(change: WouldChange) -> str:
    """The verdict if this input were certain at its current value."""
    return _verdict(change.verdict_now, None)


def quantity(value: float | None, unit: str, *, named: bool = True) -> str:
    """A value as its unit asks: money for "USD" and "USD per ...", percent "of the score", else a number.

    ``named`` says whether the words of the unit follow.

    >>> [quantity(25012.3, "requests a month"), quantity(0.0123, "USD per correct answer"), quantity(0.8, "share")]
    ['25,000 requests a month', '$0.0123 per correct answer', '80.0%']
    >>> quantity(25012.3, "requests a month", named=False), quantity(None, "hours")
    ('25,000', 'unknown')
    """
    if value is None:
        return UNKNOWN
    if unit in _SHARES:
        return percent(value)
    if unit == POINTS:
        return f"{points(value).removeprefix('+')} points"
    currency = re.match("[A-Z]{3}(?= |$)", unit)
    shown = money(value, currency[0]) if currency else significant(value)
    following = unit.removeprefix(currency[0]).strip() if currency else unit
    return f"{shown} {following}".rstrip() if named else shown


def _move(change: WouldChange) -> float:
    """How far an input has to move, as the logarithm of the ratio; from or to 0 or below it is infinitely far."""
    if change.flips_at is None or change.flips_at <= 0 or change.current <= 0:
        return math.inf
    return abs(math.log(change.flips_at / change.current))


def _verdict(code: str | None, arm: str | None) -> str:
    """A verdict's code inside a sentence, with the arm that goes with it."""
    verdict = next((verdict for verdict in Verdict if verdict == code), None)
    if verdict is None:
        return spaced(code or UNKNOWN)
    meanwhile = "meanwhile " if VERDICTS[verdict].recommendation == _MEANWHILE else ""
    return f"{VERDICTS[verdict].short} ({meanwhile}{arm})" if arm else VERDICTS[verdict].short
