"""Sentences about the evidence: quality, target, limits, trainings, the cases, and the counts of answers and flags.

Every function reads the record and gives a sentence or two, or "" where the record holds nothing to say.
"""

from __future__ import annotations

from evalkit.decision.verdict.facts_of_decision import (
    best_of,
    difference_of,
    pair,
    primary_metric,
    tuned_measured,
)
from evalkit.decision.verdict.money_sentences import money_of
from evalkit.decision.wording import count, difference, margin, outcome, score
from evalkit.records.comparison import Difference
from evalkit.records.decision import Decision, TrainingSpread
from evalkit.text.number_format import points_interval

FEW = 50
"""Cases below which a difference is called too small a sample to claim anything."""
_CLAIMS = {
    "superior": "better",
    "worse": "worse",
    "non_inferior": "not worse by more than the margin",
    "equivalent": "as good, within the margin",
    "no_claim": "no clear difference",
}


def quality(decision: Decision) -> str:
    """The difference in quality of the two arms that the text is about, in points with its interval and cases."""
    named = pair(decision)
    record = None if named is None else difference_of(decision, *named)
    return "" if record is None else difference_sentence(record, tested=decision.decided_under == "value")


def difference_sentence(record: Difference, *, tested: bool = True) -> str:
    """One paired difference in words.

    Args:
        record: The difference.
        tested: Whether the claim is worded.
    """
    subject = f"On {record.metric} {record.treatment} compared with {record.control}"
    if record.estimate is None:
        return f"{subject}: not comparable."
    shown = difference(record.estimate)
    if record.n < FEW:
        return f"{subject}: {shown} on {count(record.n)} cases, too few to claim."
    band = (
        "" if record.low is None or record.high is None else f" ({points_interval(record.low, record.high)})"
    )
    claim = f", {_CLAIMS[record.claim]}" if tested else ""
    return f"{subject}: {shown}{band} on {count(record.n)} cases{claim}."


def limits(decision: Decision) -> str:
    """The arms that a declared limit sets aside, named by the limit, never by what they would be worth alone."""
    sentences = []
    none_left = decision.reason == "no_arm_within_limits"  # which says what each of them breaks
    for name, arm in decision.arms.items() if not none_left else ():
        if arm.within_limits or arm.role != "candidate":
            continue
        worth_it = arm.net_benefit.mean if arm.net_benefit is not None else None
        beside = "" if worth_it is None else f" Its net benefit would be {money_of(decision, worth_it)}."
        sentences.append(f"{name} is set aside by a limit: {' and '.join(arm.broken_limits)}.{beside}")
    dominated = [name for name, arm in decision.arms.items() if arm.dominated]
    if dominated:
        sentences.append(f"{', '.join(dominated)}: set aside, another arm answers better and costs less.")
    return " ".join(sentences)


def target(decision: Decision) -> str:
    """Whether the declared target is reached by any candidate."""
    check = decision.target
    if check is None:
        return ""
    wanted = f"The target of {score(check.target)} {check.metric}"
    if check.met is None or check.best_arm is None or check.best_mean is None:
        return f"{wanted}: not known whether it is met."
    reached = f"{check.best_arm} reaches {score(check.best_mean)}"
    if check.low is not None and check.high is not None:
        reached += f" ({score(check.low)} to {score(check.high)})"
    if check.met:
        return f"{wanted} is met: {reached}."
    missed = "" if check.missed_by is None else f" by {margin(check.missed_by)}"
    return f"{wanted} is missed{missed}: the best arm, {reached}."


def trainings(decision: Decision) -> str:
    """Of the tuned arm that the text is about: how many trainings its quality rests on."""
    arm = next((name for name in pair(decision) or () if decision.arms[name].kind.tuned), None)
    arm = arm or best_of(decision, tuned=True)
    spread = None if arm is None else decision.training_spread.get(arm)
    if arm is None or spread is None:
        return ""
    return f"{_trained(arm, spread)}{_other_deployment(decision, spread)}"


def _trained(arm: str, spread: TrainingSpread) -> str:
    if not spread.seeds_known:
        return (
            f"How many trainings the scores of {arm} come from is not known: the verdict rests on an assumed spread of "
            f"{margin(spread.prior_sd)} between trainings."
        )
    if spread.assumed:
        return (
            f"{arm} was trained once: the verdict rests on an assumed spread of {margin(spread.prior_sd)} between "
            "trainings."
        )
    return (
        f"{arm} was trained {spread.seeds} times; the standard deviation between trainings is taken to be "
        f"{margin(spread.sd)}."
    )


def _other_deployment(decision: Decision, spread: TrainingSpread) -> str:
    if spread.other_deploy_verdict is None:
        return ""
    other = (
        "the measured training itself is deployed"
        if spread.deploy == "fresh"
        else "a fresh training is deployed"
    )
    same = (spread.other_deploy_verdict, spread.other_deploy_arm) == (
        decision.verdict,
        decision.recommended_arm,
    )
    then = "the answer is the same" if same else outcome(spread.other_deploy_verdict, spread.other_deploy_arm)
    return f" If {other}: {then}."


def cases(decision: Decision) -> str:
    """Which cases the verdict rests on, where these are not all that were asked, each on its own."""
    basis = decision.cases
    if basis is None:
        return ""
    sentences = []
    if basis.shared < basis.asked:
        sentences.append(f"The verdict rests on {count(basis.shared)} of {count(basis.asked)} cases.")
    if basis.set_aside_leaked:
        sentences.append(
            f"{count(basis.set_aside_leaked)} cases stand in the training rows and were set aside with their groups."
        )
    if basis.left_out_arms:
        shown = ", ".join(
            f"{name} {score(mean)}"
            for name in basis.left_out_arms
            if (mean := basis.means.get(name)) is not None
        )
        sentences.append(
            f"{', '.join(basis.left_out_arms)} answered under 90% of the cases: what is missing counts as wrong"
            f"{f', which leaves {shown}' if shown else ''}."
        )
    if basis.merged_questions:
        sentences.append(
            f"{count(basis.merged_questions)} cases repeat an earlier question and count with it: "
            f"{count(basis.clusters)} groups of cases stand for themselves."
        )
    return " ".join(sentences)


def mix(decision: Decision) -> str:
    """How cases are weighed: as in production where that is declared; else the first tag whose weight would decide."""
    if not decision.mix:
        return ""
    if any(check.weight == "declared" for check in decision.mix):
        means = {} if decision.cases is None else decision.cases.means
        named = [name for name in pair(decision) or () if name in means]
        scores = " and ".join(f"{name} {score(means[name])}" for name in named)
        then = f": the score is then {scores}" if scores else ""
        return f"Cases are weighed as decision.mix says{then}. Differences in points count every case alike."
    change = next((check for check in decision.mix if check.changes), None)
    if change is None:
        return ""
    at = "" if change.share is None else f" ({score(change.share)} of all requests)"
    return (
        f"It depends on the mix of cases: with those tagged {change.tag} at {change.weight} their weight{at}: "
        f"{outcome(change.verdict, change.arm)}. Declare decision.mix."
    )


def counts(decision: Decision) -> str:
    """How many answers of the checklist speak for and against tuning, and how many flags there are."""
    told = decision.counts
    answers = f"{told.for_tuning} for tuning, {told.against} against, {told.neither} neither, {told.unknown} unknown"
    blocked = f", {told.blocked} blocked" if told.blocked else ""
    return f"Checklist: {answers}{blocked}. Red flags: {flags(decision)}."


def flags(decision: Decision) -> str:
    """How many red flags there are, by severity."""
    told = decision.counts
    return f"{told.flags_invalid} invalid, {told.flags_warn} warning{'' if told.flags_warn == 1 else 's'}"


def measured_tuning(decision: Decision) -> str:
    """That nothing is claimed about tuning, where no tuned arm was measured."""
    if tuned_measured(decision):
        return ""
    q_star, figures = decision.q_star, decision.pilot
    if decision.decided_under == "cost":
        return (
            "Tuning was not measured. Without value_per_correct nothing says what a better answer is worth, so nothing "
            "is claimed about it."
        )
    unsure = figures is not None and figures.expected_gain is None and figures.gain_at_target is None
    declare = " Declare use_case.target or decision.pilot to say what tuning may reach." if unsure else ""
    if q_star is None:
        return f"Tuning was not measured: nothing is claimed about it.{declare}"
    if q_star > 1.0:
        return "Tuning was not measured. Tuning would not pay even if every answer were right."
    pays = f"It would pay from {score(max(q_star, 0.0))} {primary_metric(decision)}."
    return f"Tuning was not measured. {pays}{declare}"
