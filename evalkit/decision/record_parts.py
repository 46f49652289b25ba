"""Parts of ``decision.json`` that are read off the payoffs and the run: shares, cases, target, counts, claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.net_benefit_claims import claim_record
from evalkit.decision.payoffs.payoff_model import TUNED, UNCHANGED, PayoffModel, Payoffs
from evalkit.decision.verdict.choose_verdict import VerdictStep
from evalkit.economics.acceptability import acceptability_curve, cost_per_extra_right_answer
from evalkit.economics.ledger import VOLUME
from evalkit.economics.net_benefit import input_draws
from evalkit.economics.payoff_table import NONE, costs_over_horizon, right_answers
from evalkit.records.decision import (
    Acceptability,
    AcceptabilityPoint,
    CaseBasis,
    CostPerExtraRight,
    Counts,
    Finding,
    NetBenefitClaim,
    RedFlag,
    TargetCheck,
    ValueFlip,
)
from evalkit.stats.draw_shares import best_shares, pairwise_shares, side_wins

_LEAKED_SHOWN = 20
_POINTS = 25
_CENTRAL = (5.0, 95.0)


def side_shares(payoffs: Payoffs) -> dict[str, float]:
    """By side, the share of draws in which its best choice is the best of all."""
    return {
        side: float(side_wins(payoffs.payoff, side, payoffs.sides).mean())
        for side in dict.fromkeys(payoffs.sides)
    }


def kind_shares(payoffs: Payoffs) -> dict[str, float]:
    """Among the untuned arms, the share of draws in which the best of each kind is the best of them."""
    untuned = [at for at, kind in enumerate(payoffs.kinds) if kind in ("prompting", "retrieval")]
    if not untuned:
        return {}
    table, kinds = payoffs.payoff[:, untuned], [payoffs.kinds[at] for at in untuned]
    return {kind: float(side_wins(table, kind, kinds).mean()) for kind in dict.fromkeys(kinds)}


def pairwise(payoffs: Payoffs) -> dict[str, dict[str, float]]:
    """Share of draws in which the first choice is worth more than the second; a tie counts half."""
    shares = pairwise_shares(payoffs.payoff)
    return {
        one: {other: float(shares[at, place]) for place, other in enumerate(payoffs.names) if place != at}
        for at, one in enumerate(payoffs.names)
    }


def best_share(payoffs: Payoffs) -> dict[str, float]:
    """By choice, the share of draws in which it is the best of all."""
    return {
        name: float(share) for name, share in zip(payoffs.names, best_shares(payoffs.payoff), strict=True)
    }


def runner_up(payoffs: Payoffs, step: VerdictStep) -> str | None:
    """The choice that would be taken instead of the recommended one: the best of another side, else the second best.

    With no tuned arm among the choices the question is which arm to run, and the second best is meant.
    """
    own = step.arm or NONE
    ranked = payoffs.ranked()
    side = next((payoffs.sides[at] for at in ranked if payoffs.names[at] == own), None)
    others = [at for at in ranked if payoffs.names[at] != own]
    apart = [at for at in others if payoffs.sides[at] != side and TUNED in payoffs.sides]
    return next((payoffs.names[at] for at in (*apart, *others)), None)


def claims_of(
    context: DecisionContext, payoff_model: PayoffModel, step: VerdictStep
) -> tuple[NetBenefitClaim, ...]:
    """Net benefit of every other arm against the best untuned one, and of the best choice against doing nothing."""
    names = [arm.name for arm in payoff_model.draws.arms]
    pairs = [
        (name, context.untuned) for name in names if context.untuned in names and name != context.untuned
    ]
    pairs += [(step.arm, NONE)] if step.arm in names else []
    alpha = context.suite.decision.alpha
    found = (
        claim_record(payoff_model, treatment, control, alpha)
        for treatment, control in pairs
        if treatment is not None and control is not None
    )
    return tuple(claim for claim in found if claim is not None)


def case_basis(context: DecisionContext) -> CaseBasis:
    """The cases that the verdict rests on, and what was set aside or joined."""
    table, cases = context.table, context.cases
    asked = table.n_cases + len(table.set_aside)
    if cases is None:
        return CaseBasis(asked=asked, inputs_known=table.repeated is not None)
    declared = table.clusters if table.declared_clusters is None else table.declared_clusters
    return CaseBasis(
        asked=asked,
        shared=cases.n_cases,
        set_aside_leaked=len(table.set_aside),
        leaked_ids=table.set_aside[:_LEAKED_SHOWN],
        clusters_declared=int(np.unique(declared[cases.shared]).size),
        clusters=cases.n_clusters,
        merged_questions=0 if table.repeated is None else int(table.repeated[cases.shared].sum()),
        inputs_known=table.repeated is not None,
        left_out_arms=cases.left_out,
        means={name: cases.quality(name) for name in cases.scored.names},
    )


def target_check(context: DecisionContext) -> TargetCheck | None:
    """Whether the best candidate reaches the target; None where none is declared."""
    target, metric = context.suite.use_case.target, context.table.primary
    if target is None:
        return None
    found = {
        name: estimate
        for name in context.limit_checks
        if (estimate := context.summaries[name].quality.get(metric)) is not None and estimate.mean is not None
    }
    if not found:
        return TargetCheck(metric=metric, target=target, best_arm=None, best_mean=None)
    weighed, left_out = _weighed(context), () if context.cases is None else context.cases.left_out
    means = {
        name: found[name].mean if not weighed and name not in left_out else context.shared_quality(name)
        for name in found
    }
    best = max(means, key=lambda name: means[name] or 0.0)
    mean = means[best] or 0.0
    as_observed = mean == found[best].mean
    return TargetCheck(
        metric=metric,
        target=target,
        best_arm=best,
        best_mean=mean,
        low=found[best].low if as_observed else None,
        high=found[best].high if as_observed else None,
        met=mean >= target,
        missed_by=None if mean >= target else target - mean,
    )


def _weighed(context: DecisionContext) -> bool:
    """Whether cases count as they do in production, and not alike."""
    return context.cases is not None and context.cases.scored.weights is not None


def counts_of(findings: Sequence[Finding], flags: Sequence[RedFlag]) -> Counts:
    """Flags by severity and answers by what they speak for; an unknown answer counts as unknown alone."""
    return Counts(
        flags_invalid=sum(flag.severity == "invalid" for flag in flags),
        flags_warn=sum(flag.severity == "warn" for flag in flags),
        for_tuning=sum(finding.speaks_for == "tuning" for finding in findings),
        against=sum(finding.speaks_for == "against" for finding in findings),
        neither=sum(finding.speaks_for == "neither" and finding.status != "unknown" for finding in findings),
        unknown=sum(finding.status == "unknown" for finding in findings),
        blocked=sum(finding.status == "blocked" for finding in findings),
    )


def acceptability_of(payoff_model: PayoffModel, payoffs: Payoffs) -> Acceptability | None:
    """Which arm is best at each value of a right answer; None with a declared value, and with no arm.

    A wrong answer counts nothing here.
    """
    if payoffs.in_value or not payoffs.arms:
        return None
    drawn = [payoff_model.arm_draws(name) for name in payoffs.names]
    inputs = payoff_model.drawn_inputs(UNCHANGED)
    volume = input_draws(payoff_model.terms.requests_per_month, VOLUME, inputs)
    right, costs = right_answers(drawn, volume=volume), costs_over_horizon(drawn, volume=volume)
    first = acceptability_curve(right, costs, [0.0])
    flips = [piece.from_value for piece in first.frontier[1:]]
    top = 3.0 * max(flips, default=0.0) or float(costs.mean() / max(right.mean(), 1e-12))
    curve = acceptability_curve(right, costs, np.linspace(0.0, top, _POINTS))
    names = payoffs.names
    cheapest = first.frontier[0].arm
    return Acceptability(
        points=tuple(
            AcceptabilityPoint(value=float(value), shares=_by_name(names, shares))
            for value, shares in zip(curve.values, curve.shares, strict=True)
        ),
        flips_at=tuple(ValueFlip(value=piece.from_value, arm=names[piece.arm]) for piece in curve.frontier),
        cost_per_extra_right=tuple(
            _extra_right(names[at], names[cheapest], right[:, [at, cheapest]], costs[:, [at, cheapest]])
            for at in range(len(names))
            if at != cheapest
        ),
        currency=payoff_model.terms.currency,
    )


def _extra_right(treatment: str, control: str, right: FloatArray, costs: FloatArray) -> CostPerExtraRight:
    more, dearer = right[:, 0] - right[:, 1], costs[:, 0] - costs[:, 1]
    weighed = (more > 0.0) & (dearer > 0.0)
    low, high = None, None
    if weighed.any():
        low, high = (float(end) for end in np.percentile(dearer[weighed] / more[weighed], _CENTRAL))
    mean_right, mean_cost = right.mean(axis=0), costs.mean(axis=0)
    return CostPerExtraRight(
        treatment=treatment,
        control=control,
        estimate=cost_per_extra_right_answer(
            (float(mean_right[0]), float(mean_right[1])), (float(mean_cost[0]), float(mean_cost[1]))
        ),
        low=low,
        high=high,
        share_dearer_and_better=float(weighed.mean()),
    )


def _by_name(names: Sequence[str], shares: FloatArray) -> dict[str, float]:
    return {name: float(share) for name, share in zip(names, shares, strict=True)}
