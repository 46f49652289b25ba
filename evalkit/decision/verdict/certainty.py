"""How sure a verdict is: every share of the draws with its subject, worded as so many of 100 simulated futures."""

from __future__ import annotations

from evalkit.decision.verdict.facts_of_decision import candidates, chosen, in_order, tuned_measured
from evalkit.decision.wording import NONE
from evalkit.records.decision import Decision, Verdict
from evalkit.text.number_format import of_100


def how_sure(decision: Decision) -> str:
    """The share that was compared with the confidence asked, and the shares of the sides, each with its subject."""
    choice = sure_of(decision)
    if choice is None or decision.confidence is None:
        return "" if choice is None else "How sure this is cannot be said from this run."
    ahead = f"{_ahead(decision, choice)} in {of_100(decision.confidence)} simulated futures"
    sentences = (f"{ahead}{you_required(decision)}.", _by_side(decision), _between(decision))
    return " ".join(sentence for sentence in sentences if sentence)


def _ahead(decision: Decision, choice: str) -> str:
    """What the share is of: the choice is worth most or, without a value, is the cheapest of those that will do."""
    others = _others(decision, choice)
    if decision.decided_under == "value":
        return f"{'Doing nothing' if choice == NONE else choice} beats {others}"
    return f"Of {choice} and {others}, {choice} is the cheapest that answers as well as the best"


def sure_of(decision: Decision) -> str | None:
    """The choice that the confidence is about: the arm named, or the tuned one that would win but is blocked."""
    tuned = [name for name in candidates(decision, tuned=True) if name in decision.expected_regret]
    if decision.verdict is Verdict.BLOCKED and tuned:
        return in_order(decision, tuned)[0]
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
    """What the choice has to beat: every choice of the other sides, or of the other kind where nothing was tuned."""
    idle = decision.decided_under == "value" and NONE in decision.expected_regret
    nothing = ["doing nothing"] if idle and choice != NONE else []
    if choice == NONE:
        return "every arm"
    tuned = decision.arms[choice].kind.tuned if choice in decision.arms else False
    others, several = candidates(decision, tuned=not tuned), f"every {'untuned' if tuned else 'tuned'} arm"
    if not tuned_measured(decision):  # then it is held against the other kind
        others, several = _of_other_kind(decision, choice), "every arm of the other kind"
    # What a limit sets aside is no choice, and nothing beats it.
    rivals = [arm for arm in others if decision.arms[arm].within_limits]
    named = [several] if len(rivals) > 1 else rivals
    return " and ".join([*named, *nothing]) or "the other arms"


def _of_other_kind(decision: Decision, choice: str) -> list[str]:
    """For an untuned choice, the untuned arms of the other kind (prompting or retrieval)."""
    if choice not in decision.arms or decision.arms[choice].kind.tuned:
        return []
    retrieves = decision.arms[choice].kind.retrieves
    untuned = candidates(decision, tuned=False)
    return [name for name in untuned if decision.arms[name].kind.retrieves is not retrieves]


def _by_side(decision: Decision) -> str:
    """How often each side holds the best choice of all; this is shown and not tested."""
    names = {"tuned": "a tuned arm", "untuned": "an untuned arm", NONE: "doing nothing"}
    shares = [(names[side], share) for side, share in decision.side_share.items() if side in names]
    if len(shares) < 2:
        return ""
    subject = "Best of all is" if decision.decided_under == "value" else "The cheapest of these is"
    return f"{subject} {', '.join(f'{name} in {of_100(share)}' for name, share in shares)}."


def _between(decision: Decision) -> str:
    """How the choice stands beside the best other arm of its side, of its own kind and of the other kind.

    The share that is tested holds a choice against other sides, and says nothing of the arms beside it.
    """
    choice = chosen(decision)
    if choice is None or choice not in decision.arms:
        return ""
    other = _of_other_kind(decision, choice)
    beside = candidates(decision, tuned=decision.arms[choice].kind.tuned)
    alike = [name for name in beside if name not in (choice, *other)]
    if len(other) == 1 and not tuned_measured(decision):
        other = []  # the tested share is of it
    firsts = [ranked[0] for group in (other, alike) if (ranked := in_order(decision, group))]
    return " ".join(
        f"Between {choice} and {name}: {choice} in {of_100(share)}."
        for name in firsts
        if (share := decision.pairwise_share.get(choice, {}).get(name)) is not None
    )
