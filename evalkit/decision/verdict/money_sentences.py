"""Sentences about money: what arms cost and are worth, what a wrong choice loses, where two arms are level.

Every function reads the record and gives a sentence or two, or "" where the record holds nothing to say. Means and
bands are of the joint draws; 90% of the simulated futures lie in a band.
"""

from __future__ import annotations

from evalkit.decision.verdict.facts_of_decision import break_even_of, chosen, pair
from evalkit.decision.wording import NONE, amount, choice_name, threshold, title
from evalkit.records.decision import BreakEven, Decision, Interval3
from evalkit.text.number_format import of_100


def costs(decision: Decision) -> str:
    """What the two arms cost in all over the horizon, means of the draws."""
    named = pair(decision)
    arms = [chosen(decision)] if named is None else list(named)
    known = [(arm, decision.arms[arm].total_cost) for arm in arms if arm in decision.arms]
    if not known or all(cost is None for _, cost in known):
        return ""
    listed = " and ".join(
        f"{arm} {'costs ' if place == 0 else ''}{money_of(decision, cost)}{' in all' if place == 0 else ''}"
        for place, (arm, cost) in enumerate(known)
    )
    return f"{title(over(decision))} {listed}."


def worth(decision: Decision) -> str:
    """Net benefit of the two arms over the horizon, and the choice beside doing nothing; "" without a value."""
    named = pair(decision)
    arms = [chosen(decision)] if named is None else list(named)
    bands = [(arm, decision.arms[arm].net_benefit) for arm in arms if arm in decision.arms]
    shown = [
        f"{arm} {_band(decision, band)}" for arm, band in bands if band is not None and band.mean is not None
    ]
    if not shown:
        return ""
    return f"Net benefit {over(decision)}: {'; '.join(shown)}. {against_nothing(decision)}".strip()


def against_nothing(decision: Decision) -> str:
    """How the arm to run stands beside running no arm, which costs and brings nothing."""
    choice = chosen(decision)
    if choice is None or NONE not in decision.expected_regret:
        return ""
    if choice == NONE:
        best = min(
            (arm for arm in decision.expected_regret if arm != NONE),
            key=lambda arm: decision.expected_regret[arm],
            default=None,
        )
        band = None if best is None else decision.arms[best].net_benefit
        if best is None or band is None or band.mean is None:
            return ""
        mean = money_of(decision, band.mean)
        return f"Even the best arm, {best}, has a net benefit of {mean}; doing nothing has none."
    share = decision.pairwise_share.get(choice, {}).get(NONE)
    return (
        ""
        if share is None
        else f"{choice} is worth more than doing nothing in {of_100(share)} simulated futures."
    )


def other_choice(decision: Decision) -> str:
    """What choosing the second best loses, beside what the choice itself is expected to lose; "" without a value."""
    second, loses = decision.runner_up, decision.other_choice_loses
    choice = chosen(decision)
    if second is None or loses is None or choice is None or decision.decided_under != "value":
        return ""
    own = decision.expected_regret.get(choice)
    beside = "" if own is None else f", {choice_name(choice)} {money_of(decision, own)}"
    subject = f"Expected loss if it is the wrong choice, {over(decision)}"
    return f"{subject}: {choice_name(second)} {money_of(decision, loses)}{beside}."


def break_even(decision: Decision) -> str:
    """Where the two arms of the text are level: volume, its band, and the chance that it never pays."""
    item = level_of_pair(decision)
    return "" if item is None else f"Break-even, {level_sentence(item)}"


def level_of_pair(decision: Decision) -> BreakEven | None:
    """Where the two arms of the text are level; None for two untuned arms of which one is ahead at every volume.

    Nothing is paid ahead there that a volume would have to pay back.
    """
    named = pair(decision)
    item = None if named is None else break_even_of(decision, *named)
    if named is None or item is None or any(decision.arms[name].kind.tuned for name in named):
        return item
    return item if level_at(item) else None


def level_at(item: BreakEven) -> float | None:
    """The volume at which two arms are level, every input at its mean; in records of format 1 at its mode."""
    volume = item.requests_per_month
    return None if volume is None else volume.mode if volume.mean is None else volume.mean


FAR = 100.0
"""Times the declared volume from which a break-even volume is no longer given as a number."""


def level_volume(item: BreakEven, declared: float | None = None) -> str:
    """From which volume the treatment is ahead, in a few words.

    Args:
        item: A break-even record.
        declared: Requests a month as declared; a volume above 100 times that is none at yours.
    """
    volume = level_at(item)
    if item.never is None:
        return "not known"
    if volume is None:
        return "at no volume"
    if volume == 0:
        return "ahead at any volume"
    below = item.side == "below"  # it saves what is paid ahead, and loses on every request
    if declared is not None and volume > FAR * declared:
        if below:
            return "ahead at your volume"
        return "saving alone never pays at your volume" if item.basis == "cost" else "never at your volume"
    shown = threshold(volume, "requests a month", named=True)
    return f"ahead below {shown}" if below else shown


def level_band(item: BreakEven) -> str:
    """Within which volumes two arms are level in 90% of the simulated futures; "" where no volume bounds them."""
    volume = item.requests_per_month
    if volume is None or (not volume.low and volume.high is None):
        return ""
    if not volume.low:
        return f"up to {threshold(volume.high, '')}"
    if volume.high is None:
        return f"{threshold(volume.low, '')} and beyond"
    return f"{threshold(volume.low, '')} to {threshold(volume.high, '')}"


def level_sentence(item: BreakEven) -> str:
    """A break-even volume with its band and its chance of never, of a named pair."""
    alone = " on cost alone" if item.basis == "cost" else ""
    band = f" (90% of futures: {shown})" if level_at(item) and (shown := level_band(item)) else ""
    never = "" if item.never is None else f" Chance that it never pays: {of_100(item.never)}."
    return f"{item.treatment} compared with {item.control}{alone}: {level_volume(item)}{band}.{never}"


def extra_right_answers(decision: Decision) -> str:
    """Without a value: what one more right answer costs, and the values at which the answer flips."""
    curve = decision.acceptability
    if curve is None:
        return ""
    sentences = ["No value of a right answer is declared, so quality is not weighed against money."]
    for item in curve.cost_per_extra_right:
        if item.estimate is None:
            continue
        band = ""
        if item.low is not None and item.high is not None:
            band = f" (90% of futures: {amount(item.low, curve.currency)} to {amount(item.high, curve.currency)})"
        sentences.append(
            f"One more right answer with {item.treatment} instead of {item.control} costs "
            f"{amount(item.estimate, curve.currency)}{band}."
        )
    return " ".join((*sentences, by_value(decision))).strip()


def by_value(decision: Decision) -> str:
    """Without a declared value: from which value of a right answer on another arm is worth most; "" where none is."""
    curve = decision.acceptability
    if curve is None or len(curve.flips_at) < 2:
        return ""
    first, *later = curve.flips_at
    below = f"Below a value of {threshold(later[0].value, curve.currency)} per right answer {first.arm} is worth most."
    above = (
        f"From a value of {threshold(flip.value, curve.currency)} per right answer on, {flip.arm} is worth most."
        for flip in later
    )
    return " ".join((below, *above))


def over(decision: Decision) -> str:
    """The span of all totals: ``over 12 months``."""
    months = None if decision.terms is None else decision.terms.horizon_months
    return "over the horizon" if months is None else f"over {months} months"


def _band(decision: Decision, band: Interval3) -> str:
    """A mean of the draws with the central 90% of them."""
    shown = money_of(decision, band.mean)
    if band.low is None or band.high is None:
        return shown
    return f"{shown} (90% of futures: {money_of(decision, band.low)} to {money_of(decision, band.high)})"


def money_of(decision: Decision, value: float | None) -> str:
    """An amount in the currency of the decision."""
    return "not known" if value is None else amount(value, decision.currency)
