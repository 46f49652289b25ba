"""From payoffs and paired claims to one verdict: the steps of the method, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evalkit.comparison.table import BoolArray
from evalkit.decision.claims import Claims
from evalkit.decision.payoffs.more_cases import best_purchase
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel, Payoffs, WhatIf, share_ahead
from evalkit.decision.payoffs.pilot import PilotOutcome, PilotQuestion, assess_pilot
from evalkit.economics.ledger import VALUE, VOLUME
from evalkit.economics.net_benefit import input_draws
from evalkit.records.arm import ArmKind
from evalkit.records.decision import SampleValue, Verdict

DEPENDS = "depends"
MIN_CASES = 50
MIN_CLUSTERS = 20
"""Below these a paired claim does not carry ``fine_tune``."""


@dataclass(frozen=True, slots=True)
class VerdictInputs:
    """What the verdict rests on beside the payoffs; no assumption about money changes it.

    Attributes:
        tuned_measured: A tuned candidate has scores, inside the limits or not.
        blocked: Reason codes of the checklist's questions that block tuning.
        control_failed: The scorer failed its negative control.
        invalid: Codes of the red flags that the evidence cannot carry ``fine_tune`` with.
        missing: What is not known and needed, with what to declare.
        confidence: The share of draws that counts as sure.
        cost_per_case: Money for one more case, as declared; None where it is not.
        pilot: What a pilot would be compared with; None where a tuned candidate was measured.
        best_untuned: The untuned candidate of the highest mean, inside the limits or not: what a tuned arm is
            compared with where no untuned one keeps to the limits.
    """

    tuned_measured: bool
    blocked: tuple[str, ...]
    control_failed: bool
    invalid: tuple[str, ...]
    missing: tuple[str, ...]
    confidence: float
    cost_per_case: float | None
    pilot: PilotQuestion | None
    best_untuned: str | None = None


@dataclass(frozen=True, slots=True)
class VerdictStep:
    """The step of the method that gave the verdict.

    Attributes:
        verdict: The answer.
        reason: A code.
        arm: The recommended arm, or None.
        confidence: Share of draws in which the winning family (or, with one family, kind) wins.
        p_best: Share of draws won, by family, or by kind where one family was measured.
        pilot: Whether a pilot is worth its cost, where that was assessed.
        purchase: The cases to add, for ``collect_more_data``.
    """

    verdict: Verdict
    reason: str
    arm: str | None = None
    confidence: float | None = None
    p_best: dict[str, float] = field(default_factory=dict)
    pilot: PilotOutcome | None = None
    purchase: SampleValue | None = None


def verdict_without_payoffs(inputs: VerdictInputs) -> VerdictStep:
    """The verdict where payoffs cannot be worked out at all: it is not decidable, and the reason says why."""
    if inputs.control_failed:
        return VerdictStep(Verdict.NOT_DECIDABLE, "invalid_evidence")
    return VerdictStep(Verdict.NOT_DECIDABLE, "missing_input")


def choose_verdict(
    payoff_model: PayoffModel, claims: Claims, inputs: VerdictInputs, what_if: WhatIf = UNCHANGED
) -> VerdictStep:
    """The verdict as things stand, or with one assumption changed.

    Args:
        payoff_model: Payoffs; arms outside the limits are already left out (step 0).
        claims: Paired claims.
        inputs: What does not depend on money.
        what_if: Changed assumptions.
    """
    payoffs = payoff_model.at(what_if)
    if not payoffs.names or not np.isfinite(payoffs.payoff).any():
        return VerdictStep(Verdict.NOT_DECIDABLE, "no_arm_within_limits")
    tuned = payoffs.tuned
    meanwhile = _name(payoffs, payoffs.best_of(~tuned))
    if inputs.control_failed:
        return VerdictStep(Verdict.NOT_DECIDABLE, "invalid_evidence", arm=meanwhile)
    pilot = None
    if not inputs.tuned_measured and inputs.pilot is not None:
        pilot = assess_pilot(payoff_model, payoffs, inputs.pilot, what_if)
        if pilot.worth_it and not inputs.blocked:
            _, confidence, p_best = _race(payoffs)
            return VerdictStep(Verdict.PILOT_FIRST, "pilot_pays", meanwhile, confidence, p_best, pilot)
    winners, confidence, p_best = _race(payoffs)
    best = payoffs.best_in(winners)
    tuned_wins = payoffs.kinds[best].tuned
    if tuned_wins and inputs.blocked:
        return VerdictStep(Verdict.BLOCKED, inputs.blocked[0], meanwhile, confidence, p_best)
    claim = _claim(payoffs, claims, best, what_if, inputs) if tuned_wins else None
    if confidence >= inputs.confidence and (claim is None or (claim.carries and not inputs.invalid)):
        reason = _why(payoffs, inputs, claim)
        return VerdictStep(
            _verdict_for(payoffs.kinds[best]), reason, payoffs.names[best], confidence, p_best, pilot
        )
    if payoffs.in_value and not inputs.invalid and inputs.cost_per_case is not None:
        purchase = best_purchase(payoff_model, what_if, inputs.cost_per_case)
        if purchase is not None:
            return VerdictStep(
                Verdict.COLLECT_MORE_DATA, "more_cases_pay", meanwhile, confidence, p_best, pilot, purchase
            )
    reason = _why_not(payoff_model, payoffs, claims, inputs, claim, what_if)
    return VerdictStep(Verdict.NOT_DECIDABLE, reason, meanwhile, confidence, p_best, pilot)


@dataclass(frozen=True, slots=True)
class PairedClaim:
    """Whether the paired evidence carries ``fine_tune``.

    Attributes:
        claim: As ``Difference.claim``.
        alone: No untuned arm is inside the limits; the claim is against the best one outside.
        cheaper: The tuned arm costs less over the horizon: the gain is cost.
        enough: At least 50 cases in at least 20 clusters.
        singled_out: The arm itself beats the untuned ones in enough draws for the number of tuned candidates that it
            was chosen from.
    """

    claim: str
    alone: bool
    cheaper: bool
    enough: bool
    singled_out: bool = True

    @property
    def carries(self) -> bool:
        """Superior; or not worse by more than the margin, where the gain is cost or keeping to the limits."""
        if not (self.enough and self.singled_out) or self.claim == "superior":
            return self.enough and self.singled_out
        return (self.cheaper or self.alone) and self.claim in ("non_inferior", "equivalent")


def _race(payoffs: Payoffs) -> tuple[BoolArray, float, dict[str, float]]:
    """The winning group of arms, the share of draws it wins, and the shares of all groups.

    Between families where both are in the race; else between kinds, few-shot and zero-shot counting as one.
    """
    tuned = payoffs.tuned
    if tuned.any() and not tuned.all():
        shares = {"tuned": payoffs.share_won(tuned), "untuned": payoffs.share_won(~tuned)}
        # A tie goes to the family that needs no training.
        winners = tuned if shares["tuned"] > shares["untuned"] else ~tuned
        return winners, max(shares.values()), shares
    groups = {_kind_name(kind): _of_kind(payoffs, _kind_name(kind)) for kind in payoffs.kinds}
    shares = {name: payoffs.share_won(group) for name, group in groups.items()}
    name = _kind_name(payoffs.kinds[payoffs.best_in(np.ones(len(payoffs.names), dtype=bool))])
    return groups[name], shares[name], shares


def _of_kind(payoffs: Payoffs, name: str) -> BoolArray:
    return np.array([_kind_name(kind) == name for kind in payoffs.kinds], dtype=bool)


def _kind_name(kind: ArmKind) -> str:
    if kind.tuned:
        return "tuned"
    return "rag" if kind is ArmKind.RAG else "few_shot"


def _claim(
    payoffs: Payoffs, claims: Claims, best: int, what_if: WhatIf, inputs: VerdictInputs
) -> PairedClaim:
    """The paired claim of the tuned arm against the untuned one it would replace: that of lowest expected regret."""
    treatment = payoffs.names[best]
    untuned = payoffs.best_of(~payoffs.tuned)
    control = inputs.best_untuned if untuned is None else payoffs.names[untuned]
    if control is None:
        return PairedClaim("no_claim", alone=True, cheaper=False, enough=False)
    record = claims.between(treatment, control)
    shift = what_if.shifts.get(treatment, 0.0) - what_if.shifts.get(control, 0.0)
    return PairedClaim(
        claim=claims.claim(treatment, control, shift=shift, margin=what_if.margin),
        alone=untuned is None,
        cheaper=untuned is not None and bool(payoffs.cost[best] < payoffs.cost[untuned]),
        enough=record.n >= MIN_CASES and record.n_clusters >= MIN_CLUSTERS,
        singled_out=singled_out(payoffs, best, inputs.confidence),
    )


def singled_out(payoffs: Payoffs, best: int, confidence: float) -> bool:
    """Whether one of several tuned candidates wins by itself, the error that confidence allows shared among them.

    The best of several wins more often than any of them: among three that are worth exactly as much as the untuned
    arm, the family's share alone would advise tuning in 40% of the runs (tests/benchmarks/simulate_decisions.py).
    Candidates of equal payoff in every draw count once.
    """
    if payoffs.tuned.sum() == 1 or payoffs.tuned.all():
        return True
    candidates = len({column.tobytes() for column in payoffs.payoff[:, payoffs.tuned].T})
    share = share_ahead(payoffs.payoff[:, best], payoffs.payoff[:, ~payoffs.tuned].max(axis=1))
    return share >= 1.0 - (1.0 - confidence) / candidates


def _verdict_for(kind: ArmKind) -> Verdict:
    if kind.tuned:
        return Verdict.FINE_TUNE
    return Verdict.USE_RAG if kind is ArmKind.RAG else Verdict.STAY_FEW_SHOT


def _why(payoffs: Payoffs, inputs: VerdictInputs, claim: PairedClaim | None) -> str:
    if claim is not None:
        if claim.claim == "superior":
            return "superior"
        return "alone_within_limits" if claim.alone else "as_good_and_cheaper"
    return "untuned_wins" if inputs.tuned_measured else "no_tuned_arm"


def _why_not(
    payoff_model: PayoffModel,
    payoffs: Payoffs,
    claims: Claims,
    inputs: VerdictInputs,
    claim: PairedClaim | None,
    what_if: WhatIf,
) -> str:
    """Why no verdict is sure enough, as a code: the first reason that holds.

    ``depends`` is completed by ``sensitivity.full_reason``, which knows what would change the verdict.
    ``missing_input`` is not among the reasons: with an input missing there are no payoffs.
    """
    if inputs.invalid:
        return "invalid_evidence"
    if claim is None:
        claim = _leading_claim(payoffs, claims, what_if, inputs)
    if claim is not None and (not claim.enough or claim.claim == "no_claim"):
        return "no_paired_claim"
    if _is_indifferent(payoff_model, payoffs, what_if):
        return "indifferent"
    return (
        "no_paired_claim" if claim is not None and not claim.carries and claim.claim != "worse" else "depends"
    )


def _leading_claim(
    payoffs: Payoffs, claims: Claims, what_if: WhatIf, inputs: VerdictInputs
) -> PairedClaim | None:
    """The claim of the best tuned arm where the untuned family leads; None with one family."""
    best = payoffs.best_of(payoffs.tuned)
    return None if best is None else _claim(payoffs, claims, best, what_if, inputs)


def _is_indifferent(payoff_model: PayoffModel, payoffs: Payoffs, what_if: WhatIf) -> bool:
    """Whether choosing wrongly is expected to lose less than the margin is worth over the horizon."""
    terms = payoff_model.terms
    if not payoffs.in_value or terms.value_per_correct is None:
        return False
    drawn = payoff_model.drawn_inputs(what_if)
    value = float(np.mean(input_draws(terms.value_per_correct, VALUE, drawn)))
    volume = float(np.mean(input_draws(terms.requests_per_month, VOLUME, drawn)))
    margin = payoff_model.margin if what_if.margin is None else what_if.margin
    return float(np.nanmin(payoffs.regret())) < margin * value * volume * terms.horizon_months


def _name(payoffs: Payoffs, column: int | None) -> str | None:
    return None if column is None else payoffs.names[column]
