"""The verdict as a short paragraph in plain words, made from the record alone, so that every figure is the record's."""

from __future__ import annotations

from evalkit.decision.verdict import evidence_sentences as evidence
from evalkit.decision.verdict import money_sentences as money
from evalkit.decision.verdict.certainty import how_sure
from evalkit.decision.verdict.conditions import failed_condition, what_would_change
from evalkit.decision.verdict.facts_of_decision import ANSWERS, chosen, in_order, tuned_measured
from evalkit.decision.wording import choice_name, count, share
from evalkit.records.decision import Decision, Verdict
from evalkit.text.number_format import of_100


def explain(decision: Decision) -> str:
    """What was decided, how sure that is, why in points and money, what the other choice loses, what would change it.

    Args:
        decision: The whole record, rounded as it is written; its own ``explanation`` is not read.
    """
    sentences = (
        what_to_do(decision),
        how_sure(decision),
        *why(decision),
        f"What would change the answer: {what_would_change(decision)}" if decision.would_change else "",
    )
    return " ".join(sentence for sentence in sentences if sentence)


def what_to_do(decision: Decision) -> str:
    """The verdict with its arm; where nothing is shown, the one condition that failed and the choice of lowest loss."""
    choice = chosen(decision)
    named = choice_name(choice)
    match decision.verdict:
        case Verdict.FINE_TUNE:
            return f"Fine-tune: run {named}."
        case Verdict.USE_RAG:
            return f"{_not_tune(decision)}Use retrieval: run {named}."
        case Verdict.STAY_FEW_SHOT:
            return f"{_not_tune(decision)}Stay with the prompt: run {named}."
        case Verdict.DO_NOT_TUNE:
            return f"{_not_tune(decision)}Which untuned arm is best is open; {named} has the lowest expected loss."
        case Verdict.NONE_WORTH_RUNNING:
            return "Run none of the arms: doing nothing is worth more than any of them."
        case Verdict.ALTERNATIVES_FIRST:
            return f"{unfinished(decision)} Meanwhile run {named}."
        case Verdict.PILOT_FIRST:
            return f"Tune once as a pilot. {pilot(decision)} {choose_now(decision)}"
        case Verdict.COLLECT_MORE_DATA:
            return f"{purchase(decision)} {choose_now(decision)}"
        case Verdict.BLOCKED:
            return f"{blocked(decision)} Run {named}."
        case _:
            unable = f"This run cannot decide. {failed_condition(decision)}"
            return unable if choice is None else f"{unable} {choose_now(decision)}"


def choose_now(decision: Decision) -> str:
    """Where nothing is shown: the choice to make all the same, and what speaks for it."""
    chosen_for = {
        LOWEST_LOSS: "It has the lowest expected loss and is not shown to be best.",
        CHEAPEST: "It is most often the cheapest arm that answers as well as the best, and is not shown to be.",
        UNTUNED: "It is the untuned arm of lowest expected loss; the evidence for tuning does not count.",
        UNPRICED: "It is the untuned arm that answers best; what it is worth is not known.",
    }
    return f"If you must choose now: {choice_name(chosen(decision))}. {chosen_for[stands_for(decision)]}"


LOWEST_LOSS = "lowest expected loss, not shown to be best"
CHEAPEST = "most often the cheapest arm that answers as well as the best, not shown to be"
UNTUNED = "untuned arm of lowest expected loss; the evidence for tuning does not count"
UNPRICED = "untuned arm that answers best; what it is worth is not known"


def stands_for(decision: Decision) -> str:
    """What speaks for the choice to make where nothing is shown, in a few words."""
    choice = chosen(decision)
    if choice not in decision.expected_regret:
        return UNPRICED
    if decision.reason == "invalid_evidence" and in_order(decision, decision.arms)[0] != choice:
        return UNTUNED
    return LOWEST_LOSS if decision.decided_under == "value" else CHEAPEST


def why(decision: Decision) -> tuple[str, ...]:
    """Why, in points and in money: quality, costs, net benefit, loss of a wrong choice, limits, target, trainings."""
    return (
        evidence.quality(decision),
        money.costs(decision),
        money.worth(decision) if decision.decided_under == "value" else money.extra_right_answers(decision),
        money.other_choice(decision),
        money.break_even(decision),
        evidence.limits(decision),
        evidence.target(decision),
        evidence.trainings(decision),
        evidence.cases(decision),
        evidence.mix(decision),
        evidence.measured_tuning(decision),
    )


def recommendation_label(decision: Decision) -> str:
    """What the recommended arm is: the answer, or the choice of lowest expected loss where nothing is shown."""
    if decision.verdict in ANSWERS and decision.shown:
        return "Recommended arm" if decision.recommended_arm is not None else "Recommended"
    if decision.verdict is Verdict.DO_NOT_TUNE:
        return "Untuned arm of lowest expected loss"
    if decision.verdict in (Verdict.BLOCKED, Verdict.ALTERNATIVES_FIRST):
        return "Run meanwhile"
    return "If you must choose now"


def recommendation_tag(decision: Decision) -> str:
    """The same in a word or two, beside the arm's name in a table."""
    if decision.format_version < 2 or (decision.verdict in ANSWERS and decision.shown):
        return "recommended"
    tags = {
        "Untuned arm of lowest expected loss": "untuned arm of lowest expected loss",
        "Run meanwhile": "meanwhile",
    }
    return tags.get(recommendation_label(decision), "if you must choose")


def unfinished(decision: Decision) -> str:
    """Which alternative to tuning is unfinished, and how often it would then beat the tuned arm."""
    told = [
        finding.answer
        for finding in decision.checklist
        if finding.number in (2, 3) and finding.status == "not_met"
    ]
    condition = decision.condition
    ahead = ""
    if condition is not None and condition.figure is not None and condition.subject:
        beats = of_100(condition.figure)
        ahead = f" Finished, {condition.subject} beats the tuned arm in {beats} simulated futures."
    return f"{' '.join(told) or 'An alternative to tuning is unfinished.'}{ahead}"


def pilot(decision: Decision) -> str:
    """What a pilot has to reach, may gain and costs."""
    figures = decision.pilot
    if figures is None:
        return ""
    sentences = []
    if figures.q_star is not None:
        sentences.append(f"Tuning pays from a quality of {share(figures.q_star)}.")
    gain = figures.expected_gain if figures.declared else figures.gain_at_target
    basis = "over the declared range of quality" if figures.declared else "at the target"
    if gain is not None and figures.cost is not None:
        sentences.append(
            f"A pilot costs {money.money_of(decision, figures.cost)}; what tuning would gain {basis}: "
            f"{money.money_of(decision, gain)} {money.over(decision)}."
        )
    return " ".join(sentences)


def purchase(decision: Decision) -> str:
    """Which evidence to add first, what it is worth and what it costs."""
    bought = decision.purchase
    if bought is None:
        return "Collect more evidence first."
    n = bought.n or bought.n_cases
    what = (
        f"Train {bought.arm or 'the tuned arm'} {n} more times"
        if bought.kind == "seeds"
        else f"Answer {count(n)} more cases"
    )
    gain, cost = money.money_of(decision, bought.value), money.money_of(decision, bought.cost)
    return f"{what} first: worth {gain}, cost {cost}."


def blocked(decision: Decision) -> str:
    """That tuning would win, how often, and what blocks it."""
    ahead = decision.side_share.get("tuned")
    leads = (
        "Tuning would win"
        if ahead is None
        else f"Tuned arms come out ahead in {of_100(ahead)} simulated futures"
    )
    answers = " ".join(finding.answer for finding in decision.checklist if finding.status == "blocked")
    return f"{leads}, but tuning is blocked. {answers}".strip()


def _not_tune(decision: Decision) -> str:
    return "Do not fine-tune. " if tuned_measured(decision) else ""
