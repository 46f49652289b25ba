"""Alternatives to tuning that are not finished: a retriever that misses what could be answered, and more shots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.payoff_model import PayoffModel, Payoffs, WhatIf
from evalkit.economics.ledger import VOLUME
from evalkit.economics.net_benefit import input_draws
from evalkit.records.arm import ArmKind
from evalkit.stats.draw_shares import beats_all

HALF = 0.5
FIX_RETRIEVER, ADD_SHOTS = "fix_the_retriever", "add_shots"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An unfinished alternative that may beat the tuned arm.

    Attributes:
        code: ``fix_the_retriever`` or ``add_shots``.
        arm: The arm that is not finished.
        quality: What it would reach.
        share: Share of draws in which it would then beat the tuned arm.
    """

    code: str
    arm: str
    quality: float
    share: float


@dataclass(frozen=True, slots=True)
class UnfinishedAlternative:
    """What an arm would reach if its next step were taken.

    Attributes:
        code: ``fix_the_retriever`` or ``add_shots``.
        arm: A candidate.
        quality: Its mean score as measured.
        shift: By how much its quality would rise.
        dearer: By how much its request would cost more, in money.
    """

    code: str
    arm: str
    quality: float
    shift: float
    dearer: float = 0.0

    def beats(
        self, payoff_model: PayoffModel, payoffs: Payoffs, tuned: int, what_if: WhatIf
    ) -> Unfinished | None:
        """The alternative with its share, where it beats the tuned arm in at least half the draws; else None.

        Args:
            payoff_model: Draws and terms.
            payoffs: As things stand under ``what_if``.
            tuned: Column of the tuned arm.
            what_if: Changed assumptions.
        """
        if self.arm not in payoffs.names or not payoffs.in_value:
            return None
        shift = what_if.shifts.get(self.arm, 0.0) + self.shift
        moved = payoff_model.at(replace(what_if, shifts={**what_if.shifts, self.arm: shift}))
        if self.arm not in moved.names:
            return None
        inputs = payoff_model.drawn_inputs(what_if)
        volume = input_draws(payoff_model.terms.requests_per_month, VOLUME, inputs)
        months = float(payoff_model.draws.lives[self.arm].discounted_months)
        then = moved.payoff[:, moved.names.index(self.arm)] - months * volume * self.dearer
        share = float(beats_all(np.stack([then, payoffs.payoff[:, tuned]], axis=1), 0, [1]).mean())
        return Unfinished(self.code, self.arm, self.quality + self.shift, share) if share >= HALF else None


def unfinished_alternatives(context: DecisionContext) -> tuple[UnfinishedAlternative, ...]:
    """The untuned candidates whose next step is known: half the retrieval misses mended, one step of shots more."""
    return tuple(
        found
        for arm in context.candidates
        if not arm.tuned
        for found in (*_retriever(context, arm.name), *_shots(context, arm.name))
    )


def _retriever(context: DecisionContext, name: str) -> Iterator[UnfinishedAlternative]:
    """Half the retrieval misses answered as the gold-passage arm does, else as well as where a passage was found."""
    summary, quality = context.summaries[name], context.quality(name)
    failures, found = summary.failures, summary.retrieval
    if context.arms[name].kind is not ArmKind.RAG or failures is None or quality is None or not summary.ok:
        return
    misses = failures.retrieval_miss / summary.ok
    reads = _gold_quality(context)
    if reads is None and found is not None and found.recall_at_k:
        reads = max(0.0, 1.0 - failures.reading_miss / (found.recall_at_k * summary.ok))
    if misses > 0.0 and reads is not None:
        yield UnfinishedAlternative(FIX_RETRIEVER, name, quality, HALF * misses * reads)


def _gold_quality(context: DecisionContext) -> float | None:
    """Mean score of an arm that is given the passages which answer."""
    means = [
        mean
        for arm in context.arms.values()
        if arm.retrieval == "gold" and not arm.tuned and (mean := context.quality(arm.name)) is not None
    ]
    return max(means, default=None)


def _shots(context: DecisionContext, name: str) -> Iterator[UnfinishedAlternative]:
    """The last step of the shot curve taken once more; nothing where that step gained nothing."""
    curve, quality = context.curve("shots", name), context.quality(name)
    if curve is None or curve.last_step is None or len(curve.points) < 2 or quality is None:
        return
    if curve.trend in ("flat", "falling"):
        return
    gained, last = curve.last_step.estimate, curve.points[-1]
    if gained is None or gained <= 0.0 or last.mean is None:
        return
    costs = [context.unit_cost(arm) for arm in (name, curve.points[-2].arm, last.arm)]
    own, before, after = (None if cost is None else float(cost) for cost in costs)
    if own is None or before is None or after is None:
        return
    yield UnfinishedAlternative(
        ADD_SHOTS,
        name,
        quality,
        shift=last.mean - quality + gained,
        dearer=after - own + (after - before),
    )
