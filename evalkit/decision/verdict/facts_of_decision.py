"""Which of a decision's choices a sentence is about: the arm to run, the one it is compared with, the best of a side.

Everything is read off the record; no figure is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.decision.wording import NONE
from evalkit.records.comparison import Difference
from evalkit.records.decision import BreakEven, Decision, Verdict, WouldChange

ANSWERS = frozenset({Verdict.FINE_TUNE, Verdict.USE_RAG, Verdict.STAY_FEW_SHOT, Verdict.NONE_WORTH_RUNNING})
"""Verdicts that name what to run because it is shown to be best."""


def chosen(decision: Decision) -> str | None:
    """The arm to run, ``none`` where that is to run no arm, None where nothing can be said."""
    if decision.recommended_arm is not None:
        return decision.recommended_arm
    return NONE if decision.side == NONE or decision.verdict is Verdict.NONE_WORTH_RUNNING else None


def candidates(decision: Decision, *, tuned: bool) -> list[str]:
    """The candidates of one side that have a score, those outside the limits included."""
    return [
        name
        for name, arm in decision.arms.items()
        if arm.role == "candidate" and arm.kind.tuned is tuned and arm.n > 0 and arm.coverage > 0.0
    ]


def primary_metric(decision: Decision) -> str:
    """The metric that decides; in records of format 1 that of the differences that carry a claim."""
    if decision.terms is not None:
        return decision.terms.primary_metric
    claimed = [record.metric for record in decision.differences if record.family in ("tuned", "reference")]
    return claimed[0] if claimed else ""


def tuned_measured(decision: Decision) -> bool:
    """Whether any tuned candidate has a score, so that something can be said about tuning."""
    return bool(candidates(decision, tuned=True))


def best_of(decision: Decision, *, tuned: bool) -> str | None:
    """The candidate of one side that comes first; see ``in_order``."""
    ranked = in_order(decision, candidates(decision, tuned=tuned))
    if ranked:
        return ranked[0]
    unpriced = candidates(decision, tuned=tuned)
    return max(unpriced, key=lambda name: _mean(decision, name), default=None)


def in_order(decision: Decision, arms: Iterable[str]) -> list[str]:
    """Those of the arms that are choices, the best first.

    Best is the lowest expected regret, which is the highest expected net benefit. Without a value it is to be the
    cheapest arm as good as the best in most draws, and of equals the cheaper one: regret then counts only the draws in
    which an arm is as good as the best, and an arm that hardly ever is has next to none.
    """
    ranked = [name for name in arms if name in decision.expected_regret]
    if decision.decided_under == "value" or not decision.p_best:
        return sorted(ranked, key=lambda name: decision.expected_regret[name])

    def cheapest_first(name: str) -> tuple[float, float]:
        cost = decision.arms[name].total_cost
        return -decision.p_best.get(name, 0.0), float("inf") if cost is None else cost

    return sorted(ranked, key=cheapest_first)


def rival(decision: Decision) -> str | None:
    """The arm that the one to run is compared with: the best of the other side, else the best other arm.

    None where there is no other arm.
    """
    choice = chosen(decision)
    if choice is None or choice == NONE or choice not in decision.arms:
        return None
    other = best_of(decision, tuned=not decision.arms[choice].kind.tuned)
    if other is not None:
        return other
    ranked = in_order(decision, [name for name in decision.arms if name != choice])
    return ranked[0] if ranked else None


def pair(decision: Decision) -> tuple[str, str] | None:
    """The two arms that the text is about: the one to run and its rival, else the best tuned and untuned ones."""
    choice, other = chosen(decision), rival(decision)
    if choice is not None and other is not None:
        return choice, other
    tuned, untuned = best_of(decision, tuned=True), best_of(decision, tuned=False)
    return None if tuned is None or untuned is None else (tuned, untuned)


def difference_of(decision: Decision, treatment: str, control: str) -> Difference | None:
    """The paired difference of two arms on the primary metric, in the direction that the record holds it."""
    held = [
        record
        for record in decision.differences
        if {record.treatment, record.control} == {treatment, control}
        and record.family in ("tuned", "reference", "descriptive")
        and record.metric == primary_metric(decision)
    ]
    return min(
        held, key=lambda record: ("tuned", "reference", "descriptive").index(record.family), default=None
    )


def break_even_of(decision: Decision, first: str, second: str) -> BreakEven | None:
    """Where two arms are level: with the value of answers where one is declared, else on cost alone."""
    levels = [item for item in decision.break_even if {item.treatment, item.control} == {first, second}]
    return min(levels, key=lambda item: item.basis != "net", default=None)


def changes_in_order(decision: Decision) -> list[WouldChange]:
    """Inputs with a flip: those inside their own range first, by its probability, then by how far they have to move."""
    flips = [change for change in decision.would_change if change.flips_at is not None]
    return sorted(
        flips, key=lambda change: (not change.inside, -(change.probability or 0.0), _distance(change))
    )


def _distance(change: WouldChange) -> float:
    """How far an input has to move, as a ratio; infinite from or to 0 or below."""
    at = change.flips_at
    if at is None or at <= 0 or change.current <= 0:
        return float("inf")
    return max(at / change.current, change.current / at)


def _mean(decision: Decision, arm: str) -> float:
    estimate = decision.arms[arm].quality.get(primary_metric(decision))
    return -1.0 if estimate is None or estimate.mean is None else estimate.mean
