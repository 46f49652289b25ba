"""How sure a verdict is: every share of the draws with its subject, worded as so many of 100 simulated futures."""

from __future__ import annotations

from evalkit.decision.verdict.facts_of_decision import candidates, chosen
from evalkit.decision.wording import NONE
from evalkit.records.decision import Decision, Verdict
from evalkit.text.number_format import of_100


def how_sure(decision: Decision) -> str:
    """The share that was compared with the confidence asked, and the shares of the sides, each with its subject."""
    choice = sure_of(decision)
    if choice is None or decision.confidence is None:
        return "" if choice is None else "How sure this is cannot be said from this run."
    named = "Doing nothing" if choice == NONE else choice
    beats = f"{named} beats {_others(decision, choice)} in {of_100(decision.confidence)} simulated futures"
    sentences = (f"{beats}{you_required(decision)}.", _by_side(decision), _by_kind(decision))
    return " ".join(sentence for sentence in sentences if sentence)


def sure_of(decision: Decision) -> str | None:
    """The choice that the confidence is about: the arm named, or the tuned one that would win but is blocked."""
    tuned = [name for name in candidates(decision, tuned=True) if name in decision.expected_regret]
    if decision.verdict is Verdict.BLOCKED and tuned:
        return min(tuned, key=lambda name: decision.expected_regret[name])
    return chosen(decision)


def you_required(decision: Decision) -> str:
    """What was required, with how it comes about where several arms of one side share the allowed error.

    Begins with "; "; "" where nothing was required.
    """
    needed, terms = decision.threshold, decision.terms
    if needed is None:
        return ""
    asked = None if terms is None else terms.confidence
    if asked is None or abs(asked - needed) < 1e-9:
        return f"; you required {of_100(needed).removesuffix(' of 100')}"
    wanted, shared = (of_100(share).removesuffix(" of 100") for share in (asked, needed))
    return f"; you required {wanted}, which is {shared} for one arm chosen from several"


def _others(decision: Decision, choice: str) -> str:
    """What the choice has to beat: every choice of the other sides."""
    idle = decision.decided_under == "value" and NONE in decision.expected_regret
    nothing = ["doing nothing"] if idle and choice != NONE else []
    if choice == NONE:
        return "every arm"
    tuned = decision.arms[choice].kind.tuned if choice in decision.arms else False
    rivals = [
        arm for arm in candidates(decision, tuned=not tuned) if decision.arms[arm].within_limits
    ]  # what a limit sets aside is no choice, and nothing beats it
    if not rivals and choice in decision.arms:  # one side alone: the arms of the other kind
        kind = decision.arms[choice].kind.retrieves
        rivals = [
            arm for arm in candidates(decision, tuned=tuned) if decision.arms[arm].kind.retrieves is not kind
        ]
        if len(rivals) > 1:
            return " and ".join(["every arm of the other kind", *nothing])
    if len(rivals) == 1:
        named = [rivals[0]]
    elif rivals:
        named = ["every untuned arm" if tuned else "every tuned arm"]
    else:
        named = []
    return " and ".join([*named, *nothing]) or "the other arms"


def _by_side(decision: Decision) -> str:
    """How often each side holds the best choice of all; this is shown and not tested."""
    names = {"tuned": "a tuned arm", "untuned": "an untuned arm", NONE: "doing nothing"}
    shares = [(names[side], share) for side, share in decision.side_share.items() if side in names]
    if len(shares) < 2:
        return ""
    return f"Best of all is {', '.join(f'{name} in {of_100(share)}' for name, share in shares)}."


def _by_kind(decision: Decision) -> str:
    """Between the two untuned kinds: how often each holds the best untuned arm."""
    choice, other = chosen(decision), _other_kind(decision)
    if choice is None or other is None:
        return ""
    share = decision.pairwise_share.get(choice, {}).get(other)
    return "" if share is None else f"Between {choice} and {other}: {choice} in {of_100(share)}."


def _other_kind(decision: Decision) -> str | None:
    """For an untuned choice, the best untuned arm of the other kind (prompting or retrieval)."""
    choice = chosen(decision)
    if choice not in decision.arms or decision.arms[choice].kind.tuned:
        return None
    retrieves = decision.arms[choice].kind.retrieves
    others = [
        name
        for name in candidates(decision, tuned=False)
        if decision.arms[name].kind.retrieves is not retrieves and name in decision.expected_regret
    ]
    return min(others, key=lambda name: decision.expected_regret[name], default=None)
