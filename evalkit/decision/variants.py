"""The verdict computed again on other cases: missing answers as wrong, another mix, the other way to deploy a tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import structs

from evalkit.comparison.table import OK
from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.payoff_model import PayoffModel
from evalkit.decision.prepare import CaseVariant, payoff_model_of
from evalkit.decision.verdict.choose_verdict import VerdictStep
from evalkit.records.decision import MissingCheck, MixCheck, TrainingSpread, Verdict
from evalkit.stats.production_mix import ReweightedSlice, reweighted_slices
from evalkit.stats.training_runs import Deploy

_MANY_MISSING = 0.02
_DIFFERENT_RATES = 0.01
_TOLERATED = 0.05
"""How far below the confidence asked the share may fall where missing answers count as wrong."""

_MIX_DRAWS = 1_000
_MOST_SLICES = 8

VerdictOf = Callable[[PayoffModel], VerdictStep]
"""The verdict on other draws."""


def missing_check(
    context: DecisionContext, step: VerdictStep, verdict_of: VerdictOf, seed: int
) -> MissingCheck | None:
    """The verdict with missing answers as wrong: of all candidates, then of the recommended arm alone.

    Args:
        context: The run.
        step: The verdict as it stands.
        verdict_of: The verdict on other draws.
        seed: Of every draw.

    Returns:
        None where no candidate misses more than 2% and their rates differ by no more than a point.
    """
    shares = share_missing(context)
    if not shares or (
        max(shares.values()) <= _MANY_MISSING
        and max(shares.values()) - min(shares.values()) <= _DIFFERENT_RATES
    ):
        return None
    check = MissingCheck(share_missing=shares)
    every = _again(context, verdict_of, seed, frozenset(shares))
    if every is None:
        return check
    alone = None if step.arm is None else _again(context, verdict_of, seed, frozenset({step.arm}))
    asked = context.suite.decision.confidence
    return structs.replace(
        check,
        verdict_all_wrong=every.verdict.value,
        arm_all_wrong=every.arm,
        confidence_all_wrong=_share(every),
        verdict_recommended_wrong=None if alone is None else alone.verdict.value,
        arm_recommended_wrong=None if alone is None else alone.arm,
        confidence_recommended_wrong=None if alone is None else _share(alone),
        changes=any(_moves(step, other, asked) for other in (every, alone) if other is not None),
    )


def share_missing(context: DecisionContext) -> dict[str, float]:
    """By candidate with a score, the share of cases, leaked ones aside, that it has no score for."""
    table = context.table
    return {
        name: 1.0 - float((table.status[table.row(name)] == OK).any(axis=1).mean())
        for name in context.limit_checks
        if table.n_cases
    }


def mix_checks(
    context: DecisionContext, step: VerdictStep, verdict_of: VerdictOf, seed: int
) -> tuple[MixCheck, ...]:
    """The declared mix, or each large slice at half and at double weight up to the first that changes the verdict.

    Both sides of the comparison are made of the same thousand draws.
    """
    if context.suite.decision.mix:
        return (MixCheck(tag="", value="", weight="declared", verdict=step.verdict.value, arm=step.arm),)
    slices = tuple(_slices(context))
    now = payoff_model_of(context, seed, CaseVariant(n_draws=_MIX_DRAWS)) if slices else None
    if now is None:
        return ()
    stands = verdict_of(now)
    checks = []
    for part in slices:
        model = payoff_model_of(context, seed, CaseVariant(weights=part.weights, n_draws=_MIX_DRAWS))
        if model is None:
            continue
        then = verdict_of(model)
        changes = (then.verdict, then.arm) != (stands.verdict, stands.arm)
        checks.append(
            MixCheck(
                tag=part.tag,
                value="",
                weight="half" if part.factor < 1.0 else "double",
                share=part.share,
                verdict=then.verdict.value,
                arm=then.arm,
                changes=changes,
            )
        )
        if changes:
            break
    return tuple(checks)


def training_spreads(
    context: DecisionContext, payoff_model: PayoffModel, verdict_of: VerdictOf
) -> dict[str, TrainingSpread]:
    """By tuned candidate, the spread between its trainings, and the verdict under the other way to deploy them."""
    cases, decision = context.cases, context.suite.decision
    tuned = [arm for arm in payoff_model.draws.arms if arm.tuned]
    if cases is None or not tuned:
        return {}
    other: Deploy = "measured" if decision.deploy == "fresh" else "fresh"
    then = verdict_of(payoff_model.deployed_otherwise(other))
    spreads = {}
    for arm in tuned:
        plan = payoff_model.draws.answers[arm.name].plan
        assert plan is not None  # noqa: S101 - every tuned arm has one
        spreads[arm.name] = TrainingSpread(
            seeds=plan.spread.n_seeds,
            seeds_known=arm.seed is not None or plan.spread.n_seeds > 1,
            prior_sd=plan.spread.prior_sd,
            sd=plan.spread.sd,
            mean_tau2=plan.spread.expected_variance,
            retunes=plan.retunes,
            assumed=plan.spread.n_seeds == 1,
            declared=decision.seed_sd is not None,
            deploy=decision.deploy,
            deploy_seed=decision.deploy_seed,
            other_deploy_verdict=then.verdict.value,
            other_deploy_arm=then.arm,
        )
    return spreads


def _again(
    context: DecisionContext, verdict_of: VerdictOf, seed: int, wrong: frozenset[str]
) -> VerdictStep | None:
    model = payoff_model_of(context, seed, CaseVariant(wrong_where_missing=wrong))
    return None if model is None else verdict_of(model)


def _share(step: VerdictStep) -> float | None:
    return None if step.confidence is None else step.confidence.found.share


def _moves(step: VerdictStep, other: VerdictStep, asked: float) -> bool:
    """Whether another side leads, or the same one much less surely than was asked."""
    share = _share(other)
    sure_before = step.verdict is not Verdict.NOT_DECIDABLE and step.confidence is not None
    return other.side != step.side or (sure_before and (share is None or share < asked - _TOLERATED))


def _slices(context: DecisionContext) -> Iterator[ReweightedSlice]:
    """The largest slices, each at half and at double weight, the commonest tag first."""
    table = context.table
    large = sorted(table.tags.items(), key=lambda item: (-int(item[1].sum()), item[0]))[:_MOST_SLICES]
    for tag, cases in large:
        yield from reweighted_slices({tag: [tag if has else None for has in cases.tolist()]})
