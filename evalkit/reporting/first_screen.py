"""The first screen of a report: verdict, how sure, why, costs, what the other choice loses, what would change it.

Made once from the records and printed by HTML, Markdown and terminal alike, so that a figure is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.decision.verdict import evidence_sentences as evidence
from evalkit.decision.verdict import money_sentences as money
from evalkit.decision.verdict.certainty import how_sure, sure_of, you_required
from evalkit.decision.verdict.conditions import failed_condition, what_would_change
from evalkit.decision.verdict.explain import (
    blocked,
    pilot,
    purchase,
    recommendation_label,
    stands_for,
    unfinished,
)
from evalkit.decision.verdict.facts_of_decision import chosen, pair
from evalkit.decision.wording import NONE, amount, choice_name, score
from evalkit.records.decision import BreakEven, Decision, Verdict
from evalkit.records.run import RunRecords
from evalkit.reporting import format_1_words, verdict_words
from evalkit.text.number_format import UNKNOWN, declared_percent, of_100, share_of_draws

FORMAT_1 = (
    "This decision was made by an earlier method and is shown under its own meaning: its confidence is the share of "
    "the joint draws that the leading group of arms won, not that of the arm it names. `evalkit decide` decides again."
)
"""Shown with records of format 1."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure beside the verdict.

    Attributes:
        label: What it is.
        value: The figure with its unit.
        note: What it is of, beside what.
        filled: Length of a bar in [0, 1]; None for no bar.
        mark: Where a mark stands on the bar, in [0, 1].
        arm: The arm that the value names, whose colour is shown; "" for none.
    """

    label: str
    value: str
    note: str = ""
    filled: float | None = None
    mark: float | None = None
    arm: str = ""


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """Everything on the first screen.

    Attributes:
        headline: What to do, in one line.
        tone: How it is coloured.
        lead: The sentence or two that the headline stands for, with how sure it is.
        points: Why, one sentence or two each.
        facts: Figures beside it.
        change: What would change the answer.
        notice: Said above everything else; "" for nothing.
    """

    headline: str
    tone: verdict_words.Tone
    lead: tuple[str, ...]
    points: tuple[str, ...]
    facts: tuple[Fact, ...]
    change: str
    notice: str = ""


def first_screen(decision: Decision, records: RunRecords | None = None) -> FirstScreen:
    """The first screen of a decision.

    Args:
        decision: What is shown.
        records: The run it was made from, for models and dates; left out for a decision alone.
    """
    if decision.format_version < 2:
        return _of_format_1(decision, records)
    lead = (_specifics(decision), how_sure(decision))
    points = (
        evidence.quality(decision),
        money.against_nothing(decision)
        if decision.decided_under == "value"
        else money.extra_right_answers(decision),
        evidence.limits(decision),
        evidence.trainings(decision),
        evidence.cases(decision),
        evidence.mix(decision),
        evidence.measured_tuning(decision),
    )
    return FirstScreen(
        headline=verdict_words.headline(decision),
        tone=verdict_words.tone(decision),
        lead=tuple(sentence for sentence in lead if sentence),
        points=tuple(sentence for sentence in points if sentence),
        facts=(*_facts(decision), *(() if records is None else _origin(records))),
        change=what_would_change(decision),
    )


def _specifics(decision: Decision) -> str:
    """What the headline leaves open: the failed condition, the evidence to buy, what blocks, what is unfinished."""
    made = {
        Verdict.NOT_DECIDABLE: failed_condition,
        Verdict.COLLECT_MORE_DATA: purchase,
        Verdict.PILOT_FIRST: pilot,
        Verdict.BLOCKED: blocked,
        Verdict.ALTERNATIVES_FIRST: unfinished,
    }.get(decision.verdict)
    return "" if made is None else made(decision)


def _facts(decision: Decision) -> Iterator[Fact]:
    choice = chosen(decision)
    label = recommendation_label(decision)
    if choice is None:
        outside = decision.reason == "no_arm_within_limits"
        yield Fact(label, "no arm keeps to the limits" if outside else "nothing can be said")
    else:
        note = stands_for(decision) if label == "If you must choose now" else ""
        yield Fact(label, choice_name(choice), note, arm="" if choice == NONE else choice)
    if decision.confidence is None:
        yield Fact("How sure", UNKNOWN)
    else:
        of = f" in which {sure_of(decision)} is ahead" if decision.verdict is Verdict.BLOCKED else ""
        note = f"simulated futures{of}{you_required(decision)}"
        yield Fact("How sure", of_100(decision.confidence), note, decision.confidence, decision.threshold)
    yield from _money(decision)
    level = money.level_of_pair(decision)
    if level is not None:
        yield _break_even(level, None if decision.terms is None else decision.terms.requests_per_month)
    if decision.target is not None:
        yield _target(decision)
    counts = decision.counts
    yield Fact(
        "Checklist",
        f"{counts.for_tuning} for tuning, {counts.against + counts.blocked} against",
        f"{counts.neither} neither, {counts.unknown} unknown; red flags: {evidence.flags(decision)}",
    )


def _money(decision: Decision) -> Iterator[Fact]:
    """Total cost, net benefit and the loss of the other choice; of the two arms that the text is about."""
    named, over = pair(decision), money.over(decision)
    arms = [arm for arm in (named or (chosen(decision),)) if arm in decision.arms]
    costs = [(arm, decision.arms[arm].total_cost) for arm in arms]
    if any(cost is not None for _, cost in costs):
        yield Fact(f"Cost in all {over}", *_first_and_others(decision, costs))
    means = [(arm, _net_benefit(decision, arm)) for arm in arms]
    if decision.decided_under == "value" and any(mean is not None for _, mean in means):
        yield Fact(f"Net benefit {over}", *_first_and_others(decision, means))
    in_value = decision.decided_under == "value"
    if in_value and decision.runner_up is not None and decision.other_choice_loses is not None:
        note = f"expected loss {over} of choosing {choice_name(decision.runner_up)} instead"
        yield Fact("The other choice loses", money.money_of(decision, decision.other_choice_loses), note)


def _net_benefit(decision: Decision, arm: str) -> float | None:
    band = decision.arms[arm].net_benefit
    return None if band is None else band.mean


def _first_and_others(decision: Decision, figures: list[tuple[str, float | None]]) -> tuple[str, str]:
    """The first arm's amount with its band, and the others' as a note."""
    (first, figure), *others = figures
    rest = "; ".join(f"{arm} {money.money_of(decision, value)}" for arm, value in others)
    return money.money_of(decision, figure), f"{first}; {rest}" if rest else first


def _break_even(item: BreakEven, declared: float | None) -> Fact:
    label = "Break-even" if item.basis == "net" else "Break-even on cost alone"
    band = f"; 90% of futures {shown}" if money.level_at(item) and (shown := money.level_band(item)) else ""
    never = "" if item.never is None else f"; chance it never pays {of_100(item.never)}"
    return Fact(
        label,
        money.level_volume(item, declared),
        f"{item.treatment} compared with {item.control}{band}{never}",
    )


def _target(decision: Decision) -> Fact:
    check = decision.target
    assert check is not None  # noqa: S101 - the caller asked
    state = "not known" if check.met is None else "met" if check.met else "missed"
    best = "" if check.best_arm is None else f"{check.best_arm} {score(check.best_mean)}"
    if decision.cases is not None and check.best_arm in decision.cases.left_out_arms:
        best += ", what is missing as wrong"
    if check.best_arm in decision.arms and not decision.arms[check.best_arm].within_limits:
        best += ", outside the limits"
    return Fact(f"Target, {declared_percent(check.target)} {check.metric}", state, best)


def _origin(records: RunRecords) -> Iterator[Fact]:
    """Which models answered, when, and how old the prices are."""
    names = dict.fromkeys(
        model
        for arm in records.manifest.arms
        if arm.role == "candidate"
        for model in _models(records, arm.name, arm.model)
    )
    day = records.manifest.started_at.partition("T")[0]
    prices = records.decision.inputs.prices_as_of or records.manifest.prices_as_of
    dated = f"run of {day}" + ("" if prices is None else f", prices of {prices}")
    yield Fact("Models", ", ".join(names) or ("not stated" if records.imported else UNKNOWN), dated)


def _models(records: RunRecords, arm: str, configured: str) -> tuple[str, ...]:
    """The models that an arm's answers came back from; as the suite names them where no answer said.

    Beside the suite's name of a model that runs on this machine stands which one it is. An imported arm's model may
    bear the arm's name for want of another, which says nothing.
    """
    verdict = records.decision.arms.get(arm)
    answering = () if verdict is None else verdict.answering_models
    made_up = records.imported and configured == arm
    if answering or made_up:
        return answering
    own = records.manifest.models.get(configured)
    return (configured if own is None else f"{configured} ({own.name})",)


def _of_format_1(decision: Decision, records: RunRecords | None) -> FirstScreen:
    """A record of method 1: its own words, and no sentence that needs what it does not hold."""
    words = format_1_words.VERDICTS[decision.verdict]
    asked = None if records is None else records.confidence
    sure = Fact(format_1_words.confidence_label(decision), UNKNOWN)
    if decision.confidence is not None:
        note = "of joint draws" + ("" if asked is None else f"; {declared_percent(asked)} asked for")
        shown = share_of_draws(decision.confidence)
        sure = Fact(format_1_words.confidence_label(decision), shown, note, decision.confidence, asked)
    arm = decision.recommended_arm
    return FirstScreen(
        headline=words.headline,
        tone=words.tone,
        lead=(format_1_words.reason(decision),),
        points=tuple(part for part in (decision.explanation,) if part),
        facts=(
            Fact(words.recommendation, "none" if arm is None else arm, arm=arm or ""),
            sure,
            *_net_benefit_of_format_1(decision),
            *(() if records is None else _origin(records)),
        ),
        change=what_would_change(decision),
        notice=FORMAT_1,
    )


def _net_benefit_of_format_1(decision: Decision) -> Iterator[Fact]:
    verdict = decision.arms.get(decision.recommended_arm or "")
    if verdict is not None and verdict.net_benefit is not None and verdict.net_benefit.mode is not None:
        yield Fact(
            "Net benefit", amount(verdict.net_benefit.mode, decision.currency), "at the most likely value"
        )
