"""Why a run cannot decide, and what would change the answer: the one condition that failed, both sides of a flip."""

from __future__ import annotations

from evalkit.decision.verdict.facts_of_decision import changes_in_order, chosen
from evalkit.decision.verdict.money_sentences import by_value, money_of
from evalkit.decision.wording import (
    POINTS,
    count,
    input_name,
    outcome,
    quantity,
    share,
    threshold,
    title,
)
from evalkit.economics.ledger import VALUE
from evalkit.records.decision import Condition, Decision, Outcome, Verdict, WouldChange
from evalkit.text.number_format import of_100

MOST_MESSAGES = 3
"""Messages of a condition that are listed; the others are counted."""


def failed_condition(decision: Decision) -> str:
    """The condition that failed, with its figure and what it would have to be."""
    if decision.verdict is not Verdict.NOT_DECIDABLE:
        return ""
    condition = decision.condition or Condition(code=decision.reason)
    if condition.code.startswith("depends_on_") and condition.code != "depends_on_missing":
        return _depends(decision, condition)
    words = {
        "no_arm_within_limits": _no_arm_within_limits,
        "invalid_evidence": _invalid_evidence,
        "missing_input": _missing_input,
        "depends_on_missing": _depends_on_missing,
        "too_few_cases": _too_few_cases,
        "indifferent": _indifferent,
        "not_sure_enough": _not_sure_enough,
    }.get(condition.code)
    return "No verdict is sure enough." if words is None else words(decision, condition)


def _no_arm_within_limits(decision: Decision, condition: Condition) -> str:
    broken = [
        f"{name}: {' and '.join(arm.broken_limits)}"
        for name, arm in decision.arms.items()
        if arm.broken_limits
    ]
    return f"No arm keeps to the declared limits. {'; '.join(broken)}." if broken else "No arm has a score."


def _invalid_evidence(decision: Decision, condition: Condition) -> str:
    messages = condition.messages or tuple(
        flag.message for flag in decision.red_flags if flag.severity == "invalid"
    )
    return f"The evidence cannot carry a verdict: {_listed(messages)}."


def _missing_input(decision: Decision, condition: Condition) -> str:
    return f"Missing: {_listed(condition.messages)}." if condition.messages else "An input is missing."


def _depends_on_missing(decision: Decision, condition: Condition) -> str:
    check = decision.missing_check
    if check is None:
        return "It depends on the answers that are missing."
    missing = ", ".join(f"{arm} {share(part)}" for arm, part in check.share_missing.items() if part > 0.0)
    then = outcome(check.verdict_all_wrong, check.arm_all_wrong)
    alone = outcome(check.verdict_recommended_wrong, check.arm_recommended_wrong)
    return (
        f"It depends on the missing answers ({missing}). Counted as wrong for every arm: {then}"
        f"{_in_futures(check.confidence_all_wrong)}; for the recommended arm alone: {alone}"
        f"{_in_futures(check.confidence_recommended_wrong)}."
    )


def _in_futures(confidence: float | None) -> str:
    return "" if confidence is None else f", in {of_100(confidence)} simulated futures"


def _too_few_cases(decision: Decision, condition: Condition) -> str:
    unit = condition.unit or condition.subject or "cases"
    has = (
        "Too few cases"
        if condition.figure is None
        else f"The verdict rests on {count(condition.figure)} {unit}"
    )
    needed = "" if condition.needed is None else f"; a confident verdict needs {count(condition.needed)}"
    return f"{has}{needed}."


def _depends(decision: Decision, condition: Condition) -> str:
    name = condition.subject or condition.code.removeprefix("depends_on_")
    if name == VALUE and decision.decided_under == "cost":
        return "It depends on the value of a correct answer, which is not declared: give economics.value_per_correct."
    change = next((each for each in decision.would_change if each.input == name), None)
    sentence = f"It depends on {input_name(name)}."
    if change is None:
        return sentence
    return f"{sentence} {both_sides(decision, change)}"


def _indifferent(decision: Decision, condition: Condition) -> str:
    figure, needed = condition.figure, condition.needed
    if figure is None or needed is None:
        return "Either is fine: choosing wrongly is expected to lose less than the margin is worth."
    loss, margin_worth = money_of(decision, figure), money_of(decision, needed)
    return (
        f"Either is fine: the expected loss of each of the two best choices is at most {loss}, less than the "
        f"{margin_worth} that the margin is worth."
    )


def _not_sure_enough(decision: Decision, condition: Condition) -> str:
    if condition.figure is None or condition.needed is None or chosen(decision) is None:
        return "No choice comes out ahead often enough."
    ahead, needed = of_100(condition.figure), of_100(condition.needed).removesuffix(" of 100")
    return f"The best choice is not ahead in enough simulated futures: {ahead}, where {needed} are needed."


def what_would_change(decision: Decision) -> str:
    """The input whose flip is likeliest inside its own range, else the nearest one; both sides said.

    A value that is not declared comes first: any value is possible.
    """
    if decision.decided_under == "cost" and (declared := by_value(decision)):
        return f"The value of a correct answer, which is not declared. {declared}"
    if not decision.would_change:
        return "Not computed for this run."
    ordered = changes_in_order(decision)
    if not ordered:
        return "No single input changes the answer, even at 100 times its value or a hundredth of it."
    change = ordered[0]
    words = both_sides(decision, change)
    ranged = [each for each in decision.would_change if each.low is not None and each.high is not None]
    if change.inside:
        chance = (
            ""
            if change.probability is None
            else f" Chance of a change inside its range: {share(change.probability)}."
        )
        return f"{words}{chance}"
    return f"No input changes the answer within its own range. Nearest outside: {words}" if ranged else words


def both_sides(decision: Decision, change: WouldChange) -> str:
    """One input with its value now and the verdict on either side of each flip.

    Args:
        decision: Names the verdict as it stands.
        change: The input.
    """
    unit = unit_of(change)
    unchanged = change.verdict_now in (None, decision.verdict)
    now = outcome(change.verdict_now or decision.verdict, decision.recommended_arm if unchanged else None)
    if unchanged and decision.verdict is Verdict.NOT_DECIDABLE:
        now = "still not clear"  # nothing was clear before that could be so no longer
    below, above = flips(change)
    if below is None and above is None:
        return f"{title(input_name(change.input))}: {now} throughout."
    parts = []
    if below is not None:
        parts.append(f"below {threshold(below.at, unit)} {outcome(below.verdict, below.arm)}")
    if below is None and above is not None:
        parts.append(f"below {threshold(above.at, unit)} {now}")
    elif above is None and below is not None:
        parts.append(f"above {threshold(below.at, unit)} {now}")
    else:
        parts.append(f"in between {now}")
    if above is not None:
        parts.append(f"above {threshold(above.at, unit)} {outcome(above.verdict, above.arm)}")
    current = quantity(change.current, unit, named=unit != "requests a month")
    return f"{title(input_name(change.input))} ({_standing(change)} {current}): {'; '.join(parts)}."


def _standing(change: WouldChange) -> str:
    """What the current value of an input is: of a declared range its likeliest value, else what holds now."""
    declared = not change.input.startswith(("quality:", "limits."))
    ranged = change.low is not None and change.high is not None and change.low < change.high
    return "most likely" if ranged and declared else "now"


def flips(change: WouldChange) -> tuple[Outcome | None, Outcome | None]:
    """What follows below the nearest flip under the current value, and above the nearest one over it.

    Records of format 1 hold only the nearer of the two.
    """
    below = above = None
    if change.flips_below is not None:
        below = Outcome(at=change.flips_below, verdict=change.verdict_below or "", arm=change.arm_below)
    if change.flips_above is not None:
        above = Outcome(at=change.flips_above, verdict=change.verdict_above or "", arm=change.arm_above)
    if below is None and above is None and change.flips_at is not None:
        then = Outcome(at=change.flips_at, verdict=change.verdict_then or "", arm=change.arm_then)
        return (then, None) if change.flips_at < change.current else (None, then)
    return below, above


def unit_of(change: WouldChange) -> str:
    """The unit its values are worded in: the margin is a difference, and so counts in points."""
    return POINTS if change.input == "margin" else change.unit


def _listed(messages: tuple[str, ...]) -> str:
    shown = "; ".join(message.rstrip(".") for message in messages[:MOST_MESSAGES])
    rest = len(messages) - MOST_MESSAGES
    return f"{shown}; and {rest} more" if rest > 0 else shown
