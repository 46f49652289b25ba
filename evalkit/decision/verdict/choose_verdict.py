"""From payoffs and findings to one verdict: the steps of the method, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.claims import Claims
from evalkit.decision.payoffs.net_benefit_claims import claim_between, input_mean
from evalkit.decision.payoffs.payoff_model import (
    TUNED,
    UNCHANGED,
    UNTUNED,
    PayoffModel,
    Payoffs,
    WhatIf,
)
from evalkit.decision.payoffs.pilot import PilotOutcome, PilotQuestion, assess_pilot
from evalkit.decision.verdict.unfinished import Unfinished, UnfinishedAlternative
from evalkit.economics.ledger import VALUE, VOLUME
from evalkit.economics.payoff_table import NONE
from evalkit.records.decision import SampleValue, Side, Verdict
from evalkit.stats.draw_shares import beats_all, draw_share
from evalkit.stats.settled_share import SettledShare, confidence_threshold, settled_share

MIN_CASES = 50
MIN_CLUSTERS = 20
"""Below these no verdict is confident."""

_BELOW = 1e-9
DEPENDS = "depends"
"""Reason of a verdict that may depend on an input; completed by what would change it."""


@dataclass(frozen=True, slots=True)
class VerdictInputs:
    """What the verdict rests on beside the payoffs; no assumption about money changes it.

    Attributes:
        tuned_measured: A tuned candidate has scores, inside the limits or not.
        blocked: Reason codes of the checklist's questions that block tuning.
        no_verdict: Codes of the flags with which the scores carry no verdict on any side: the scorer failed its
            negative control, or an uncalibrated judge gives the primary metric.
        invalid: Codes of all red flags with which the evidence cannot carry ``fine_tune``.
        missing: What is not known and needed, with what to declare.
        confidence: The share of draws that counts as sure, before it is shared among candidates.
        cost_per_case: Money for one more case, as declared; None where it is not.
        pilot: What a pilot would be compared with; None where a tuned candidate was measured.
        unfinished: Alternatives to tuning that are not finished.
        meanwhile: The untuned candidate to run where nothing can be computed.
    """

    tuned_measured: bool
    blocked: tuple[str, ...]
    no_verdict: tuple[str, ...]
    invalid: tuple[str, ...]
    missing: tuple[str, ...]
    confidence: float
    cost_per_case: float | None
    pilot: PilotQuestion | None
    unfinished: tuple[UnfinishedAlternative, ...] = ()
    meanwhile: str | None = None


@dataclass(frozen=True, slots=True)
class VerdictStep:
    """The step of the method that gave the verdict.

    Attributes:
        verdict: The answer.
        reason: A code.
        arm: The recommended arm, or None for none.
        side: Of the choice of highest expected net benefit.
        confidence: Share of draws in which the named choice beats every choice of the other sides, with its threshold;
            None for one arm alone.
        apart: Share in which an untuned arm beats every arm of the other kinds, where that was asked.
        pilot: Whether a pilot is worth its cost, where that was assessed.
        purchase: The cases or trainings to add, for ``collect_more_data``.
        figure: The figure of the condition that failed.
        needed: What it would have to be.
        subject: What the figure is of.
    """

    verdict: Verdict
    reason: str
    arm: str | None = None
    side: Side | None = None
    confidence: SettledShare | None = None
    apart: SettledShare | None = None
    pilot: PilotOutcome | None = None
    purchase: SampleValue | None = None
    figure: float | None = None
    needed: float | None = None
    subject: str | None = None
    unfinished: tuple[Unfinished, ...] = field(default=())

    @property
    def shown(self) -> bool:
        """Whether the confidence that was asked is reached."""
        return self.confidence is not None and self.confidence.reached


def verdict_without_payoffs(inputs: VerdictInputs) -> VerdictStep:
    """The verdict where payoffs cannot be worked out at all: it is not decidable, and the reason says why."""
    reason = "invalid_evidence" if inputs.no_verdict else "missing_input"
    return VerdictStep(Verdict.NOT_DECIDABLE, reason, arm=inputs.meanwhile)


Contest = tuple[str, ...]
"""The choice named, and the choices that it has to beat."""

Purchases = Callable[[PayoffModel, Payoffs, str, WhatIf], SampleValue | None]
"""The best purchase of cases or trainings before deciding, None where none pays."""


class Ladder:
    """The steps of the method, on one set of draws and under one assumption.

    Args:
        payoff_model: Payoffs of the candidates whose costs are known.
        claims: Paired claims on quality, for verdicts without a value.
        inputs: What does not depend on money.
        what_if: Changed assumptions.
        settle: Draw again where a share is so near its threshold that chance could decide.
        purchases: What more evidence would be worth.
        corrections: Of the shares on these draws, from a ladder that settled them with more; its ``corrections``.
    """

    def __init__(
        self,
        payoff_model: PayoffModel,
        claims: Claims,
        inputs: VerdictInputs,
        what_if: WhatIf = UNCHANGED,
        *,
        settle: bool = False,
        purchases: Purchases | None = None,
        corrections: Mapping[Contest, float] | None = None,
    ) -> None:
        self.corrections: dict[Contest, float] = dict(corrections or {})
        self._model = payoff_model
        self._claims = claims
        self._inputs = inputs
        self._what_if = what_if
        self._settle = settle
        self._purchases = purchases
        self._payoffs = payoff_model.at(what_if)

    def verdict(self) -> VerdictStep:
        """Where the ladder ends."""
        inputs, payoffs = self._inputs, self._payoffs
        if not payoffs.arms or not np.isfinite(payoffs.payoff).any():
            return VerdictStep(Verdict.NOT_DECIDABLE, "no_arm_within_limits")
        if inputs.no_verdict:
            return self._meanwhile("invalid_evidence", subject=inputs.no_verdict[0])
        if inputs.missing:
            return self._winner_step(Verdict.NOT_DECIDABLE, "missing_input")
        winner = payoffs.winner()
        step = self._of_side(winner, payoffs.sides[winner])
        if step is not None:
            return step
        return self._undecided(winner)

    def _of_side(self, winner: int, side: str) -> VerdictStep | None:
        """Steps 2 to 6; None where none of them decides."""
        inputs = self._inputs
        if side == TUNED:
            return self._tuned(winner)
        if side == NONE:
            return self._none(winner)
        if not inputs.tuned_measured and (step := self._pilot(winner)) is not None:
            return step
        return self._untuned(winner)

    def _none(self, winner: int) -> VerdictStep | None:
        if not self._inputs.tuned_measured and (step := self._pilot(winner)) is not None:
            return step
        share = self._share(winner)
        if self._enough and share is not None and share.reached:
            return self._step(Verdict.NONE_WORTH_RUNNING, "all_cost_more", winner, confidence=share)
        return None

    def _tuned(self, winner: int) -> VerdictStep | None:
        inputs, payoffs = self._inputs, self._payoffs
        share = self._share(winner)
        if inputs.blocked:  # the share is that of the tuned arm, which is not the one to run
            untuned = payoffs.best_of(UNTUNED)
            arm = None if untuned is None else payoffs.names[untuned]
            step = self._step(Verdict.BLOCKED, inputs.blocked[0], winner, confidence=share)
            return replace(step, arm=arm)
        if not self._carries(share) or inputs.invalid:
            return None
        if not payoffs.in_value:
            reason = self._quality_reason(winner)
            return None if reason is None else self._step(Verdict.FINE_TUNE, reason, winner, confidence=share)
        beaten = tuple(
            done for each in inputs.unfinished if (done := self._unfinished(each, winner)) is not None
        )
        if beaten:
            step = self._step(Verdict.ALTERNATIVES_FIRST, beaten[0].code, winner, confidence=share)
            return replace(step, unfinished=beaten)
        return self._step(Verdict.FINE_TUNE, "worth_most", winner, confidence=share)

    def _quality_reason(self, winner: int) -> str | None:
        """Why a tuned arm may be told to run where a better answer has no price: as good or better, and cheaper."""
        payoffs = self._payoffs
        untuned = payoffs.best_of(UNTUNED)
        if untuned is None or not payoffs.cost[winner] < payoffs.cost[untuned]:
            return None
        treatment, control = payoffs.names[winner], payoffs.names[untuned]
        shift = self._what_if.shifts.get(treatment, 0.0) - self._what_if.shifts.get(control, 0.0)
        claim = self._claims.claim(treatment, control, shift=shift, margin=self._what_if.margin)
        reasons = {
            "superior": "superior_and_cheaper",
            "non_inferior": "as_good_and_cheaper",
            "equivalent": "as_good_and_cheaper",
        }
        return reasons.get(claim)

    def _untuned(self, winner: int) -> VerdictStep | None:
        inputs, payoffs = self._inputs, self._payoffs
        share = self._share(winner)
        apart = self._apart(winner)
        alone = len(payoffs.arms) == 1
        verdict = Verdict.USE_RAG if payoffs.kinds[winner] == "retrieval" else Verdict.STAY_FEW_SHOT
        if not inputs.tuned_measured:
            if alone:
                return self._step(verdict, "no_tuned_arm", winner) if self._enough else None
            if self._carries(apart) and self._bounds_above_zero(winner):
                return self._step(verdict, "no_tuned_arm", winner, confidence=apart, apart=apart)
            return None
        if self._alone_within_limits and self._enough and (share is None or share.reached):
            return self._step(verdict, "alone_within_limits", winner, confidence=share)
        if not self._carries(share):
            return None
        if apart is not None and apart.reached and self._bounds_above_zero(winner):
            return self._step(verdict, "untuned_wins", winner, confidence=share, apart=apart)
        return self._step(Verdict.DO_NOT_TUNE, "open_between_untuned", winner, confidence=share, apart=apart)

    def _pilot(self, winner: int) -> VerdictStep | None:
        """Step 6, where it says to make a pilot."""
        pilot = self.pilot
        if pilot is None or not pilot.worth_it or self._inputs.blocked:
            return None
        return self._step(Verdict.PILOT_FIRST, "pilot_pays", winner)

    @property
    def pilot(self) -> PilotOutcome | None:
        """What a pilot would have to reach; None where a tuned candidate was measured."""
        question = self._inputs.pilot
        if question is None:
            return None
        return assess_pilot(self._model, self._payoffs, question, self._what_if)

    def _undecided(self, winner: int) -> VerdictStep:
        """Steps 7 and 8."""
        inputs, payoffs = self._inputs, self._payoffs
        side = payoffs.sides[winner]
        untuned_only = side != TUNED and not inputs.tuned_measured and payoffs.kinds[winner] != NONE
        share = self._apart(winner) if untuned_only else self._share(winner)
        named = payoffs.names[winner]
        if payoffs.in_value and not inputs.invalid and inputs.cost_per_case is not None and self._purchases:
            purchase = self._purchases(self._model, payoffs, named, self._what_if)
            if purchase is not None:
                reason = "more_cases_pay" if purchase.kind == "cases" else "more_trainings_pay"
                step = self._step(Verdict.COLLECT_MORE_DATA, reason, winner, confidence=share)
                return replace(step, purchase=purchase)
        if inputs.invalid and side == TUNED:
            return self._meanwhile("invalid_evidence", subject=inputs.invalid[0])
        if not self._enough:
            cases = self._model.draws.cases
            few = cases.n_distinct < MIN_CASES
            step = self._step(Verdict.NOT_DECIDABLE, "too_few_cases", winner, confidence=share)
            return replace(
                step,
                subject="cases" if few else "clusters",
                figure=float(cases.n_distinct if few else cases.n_clusters),
                needed=float(MIN_CASES if few else MIN_CLUSTERS),
            )
        if not payoffs.in_value and side == TUNED and share is not None and share.reached:
            return self._step(Verdict.NOT_DECIDABLE, "depends_on_value_per_correct", winner, confidence=share)
        return self._step(Verdict.NOT_DECIDABLE, DEPENDS, winner, confidence=share)

    def indifference(self) -> tuple[float, float] | None:
        """The larger of two expected regrets and what the margin is worth, where neither exceeds that; else None.

        The two are the recommended choice and the best choice of another side (with one side, of another kind).
        """
        payoffs = self._payoffs
        if not payoffs.in_value:
            return None
        best = payoffs.winner()
        others = [at for at in payoffs.ranked() if at != best]
        rivals = [at for at in others if payoffs.sides[at] != payoffs.sides[best]] or others
        arms = [at for at in rivals if payoffs.kinds[at] != NONE] or rivals
        if not arms:
            return None
        regret = payoffs.regret()
        margin = self._model.margin if self._what_if.margin is None else self._what_if.margin
        worth = (
            margin
            * input_mean(self._model, VALUE, self._what_if)
            * input_mean(self._model, VOLUME, self._what_if)
            * self._model.terms.horizon_months
        )
        most = max(float(regret[best]), float(regret[arms[0]]))
        return (most, worth) if most < worth else None

    @property
    def _enough(self) -> bool:
        cases = self._model.draws.cases
        return cases.n_distinct >= MIN_CASES and cases.n_clusters >= MIN_CLUSTERS

    @property
    def _alone_within_limits(self) -> bool:
        """Whether other arms were measured and none of them keeps to the limits."""
        return len(self._payoffs.arms) == 1 < len(self._model.draws.arms)

    def _carries(self, share: SettledShare | None) -> bool:
        return self._enough and share is not None and share.reached

    def _share(self, winner: int) -> SettledShare | None:
        """Share in which the named choice beats every choice of the other sides; None where there is none."""
        payoffs = self._payoffs
        side = payoffs.sides[winner]
        rivals = [name for name, own in zip(payoffs.names, payoffs.sides, strict=True) if own != side]
        if not rivals or (len(self._model.draws.arms) == 1 and side != NONE):
            return None
        threshold = confidence_threshold(self._inputs.confidence, payoffs.distinct(side))
        return self._settled(winner, rivals, threshold)

    def _apart(self, winner: int) -> SettledShare | None:
        """Share in which an untuned arm beats every untuned arm of the other kinds, and none where nothing is tuned."""
        payoffs = self._payoffs
        if len(payoffs.arms) == 1:
            return None
        own = payoffs.kinds[winner]
        apart = {own, TUNED} if self._inputs.tuned_measured else {own}
        if self._inputs.tuned_measured:
            apart |= {NONE}
        rivals = [name for name, kind in zip(payoffs.names, payoffs.kinds, strict=True) if kind not in apart]
        return self._settled(winner, rivals, self._level)

    @property
    def _level(self) -> float:
        distinct = max(2, self._payoffs.distinct(UNTUNED))
        return confidence_threshold(self._inputs.confidence, distinct)

    def _bounds_above_zero(self, winner: int) -> bool:
        """Whether the one-sided bound of net benefit against every arm of the other untuned kinds is above 0."""
        payoffs, own = self._payoffs, self._payoffs.kinds[winner]
        if not payoffs.in_value:
            return True
        for at, kind in enumerate(payoffs.kinds):
            if kind in (own, TUNED, NONE):
                continue
            claim = claim_between(self._model, payoffs.names[winner], payoffs.names[at], self._what_if)
            if claim is None or claim.no_spread or not claim.lower_bound(self._level) > 0.0:
                return False
        return True

    def _settled(self, winner: int, rivals: list[str], threshold: float) -> SettledShare:
        payoffs, named = self._payoffs, self._payoffs.names[winner]
        won = _wins(payoffs, named, rivals)
        flat = any(payoffs.no_spread[winner, payoffs.names.index(name)] for name in rivals)
        contest = (named, *rivals)
        first = draw_share(won)
        if not self._settle:
            share = first.share + self.corrections.get(contest, 0.0)
            return SettledShare(first, threshold, reached=share >= threshold and not flat, open=False)

        def again(times: int) -> FloatArray:
            return _wins(self._model.again(times).at(self._what_if), named, rivals)

        settled = settled_share(won, threshold, again)
        share = settled.found.share if settled.reached else min(settled.found.share, threshold - _BELOW)
        self.corrections[contest] = share - first.share
        return replace(settled, reached=settled.reached and not flat)

    def _unfinished(self, alternative: UnfinishedAlternative, winner: int) -> Unfinished | None:
        return alternative.beats(self._model, self._payoffs, winner, self._what_if)

    def _step(
        self,
        verdict: Verdict,
        reason: str,
        winner: int,
        *,
        confidence: SettledShare | None = None,
        apart: SettledShare | None = None,
    ) -> VerdictStep:
        payoffs = self._payoffs
        name = payoffs.names[winner]
        return VerdictStep(
            verdict,
            reason,
            arm=None if name == NONE else name,
            side=payoffs.sides[winner],
            confidence=confidence,
            apart=apart,
            pilot=self.pilot,
        )

    def _winner_step(self, verdict: Verdict, reason: str) -> VerdictStep:
        return self._step(verdict, reason, self._payoffs.winner())

    def _meanwhile(self, reason: str, *, subject: str) -> VerdictStep:
        """Invalid evidence recommends nothing; the best untuned arm is what to run meanwhile."""
        payoffs = self._payoffs
        untuned = payoffs.best_of(UNTUNED)
        step = self._step(Verdict.NOT_DECIDABLE, reason, payoffs.winner())
        return replace(step, arm=None if untuned is None else payoffs.names[untuned], subject=subject)


def choose_verdict(
    payoff_model: PayoffModel,
    claims: Claims,
    inputs: VerdictInputs,
    what_if: WhatIf = UNCHANGED,
    *,
    settle: bool = False,
    purchases: Purchases | None = None,
    corrections: Mapping[Contest, float] | None = None,
) -> VerdictStep:
    """The verdict as things stand, or with one assumption changed; see ``Ladder``."""
    ladder = Ladder(
        payoff_model,
        claims,
        inputs,
        what_if,
        settle=settle,
        purchases=purchases,
        corrections=corrections,
    )
    return ladder.verdict()


def _wins(payoffs: Payoffs, named: str, rivals: list[str]) -> FloatArray:
    columns: Mapping[str, int] = {name: at for at, name in enumerate(payoffs.names)}
    return beats_all(payoffs.payoff, columns[named], [columns[name] for name in rivals])
