"""What a decision starts from: the arms with their costs, the joint draws, and the pair of arms in question."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from msgspec import structs

from evalkit.comparison.differences import best_untuned, mean_score, tuned_candidates
from evalkit.comparison.leaked_cases import without_leaked
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import TOKEN_KINDS, BoolArray, FloatArray, ScoreTable
from evalkit.decision.claims import Claims
from evalkit.decision.context import ComparedRun, DecisionContext
from evalkit.decision.limits import LimitCheck, check_limits
from evalkit.decision.payoffs.dominated import dominated_arms
from evalkit.decision.payoffs.joint_draws import DrawPlan, draw_jointly
from evalkit.decision.payoffs.payoff_model import TUNED, UNTUNED, PayoffModel
from evalkit.decision.shared_cases import DEVICE_S, STATED, DecisionCases, decision_cases
from evalkit.decision.tuning_route import arm_life
from evalkit.economics.prices import PriceTable
from evalkit.economics.triangular import exact
from evalkit.errors import SuiteError
from evalkit.pricing.arm_costs import ArmCostModel, arm_cost_model, terms_of
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import price_table
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.stats.production_mix import mix_weights
from evalkit.suite.schema import Suite

_UNDECLARED = (
    "declare `economics` with at least requests_per_month: what an answer costs and is worth is not known"
)
_NO_SHARED_CASE = "no case has a score of every candidate: run the cells that are owed"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDecision:
    """What the checklist and the verdict start from.

    Attributes:
        context: The run, what its arms cost, the pair of arms.
        payoff_model: Payoffs in every draw of the arms whose costs are known; None where there is none.
        missing: What is not known and needed, and what to declare; empty where everything is.
    """

    context: DecisionContext
    payoff_model: PayoffModel | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CaseVariant:
    """Other cases, or other scores, than those that the verdict rests on: what is tried beside it.

    Attributes:
        wrong_where_missing: Candidates whose missing answers count as wrong.
        weights: Shape (n_cases,), weights in production in place of the declared mix; None for none.
        n_draws: How many draws; None for as many as the suite declares.
    """

    wrong_where_missing: frozenset[str] = frozenset()
    weights: FloatArray | None = None
    n_draws: int | None = None


def prepare_decision(
    suite: Suite, run: ComparedRun, *, prices: PriceTable | None = None, seed: int | None = None
) -> PreparedDecision:
    """Set leaked cases aside, price the arms, draw what the cases leave possible, and find the best arm of each side.

    Args:
        suite: Economics, limits, margin, alpha.
        run: The compared run.
        prices: In force; default: the shipped ones with the suite's own over them.
        seed: Of every draw; default: the suite's.

    Raises:
        SuiteError: Economics are declared and the price of a model is not known, `deploy_seed` names a training that
            was not measured, or the production mix does not fit the tags.
    """
    run = replace(run, table=without_leaked(run.table, run.profile))
    table, seed = run.table, suite.run.seed if seed is None else seed
    summaries = {summary.name: summary for summary in run.comparison.arms}
    scored = [arm for arm in table.candidates if mean_score(table, arm.name) is not None]
    today = date.fromisoformat(run.manifest.started_at[:10])
    lives = (
        {} if suite.economics is None else {arm.name: arm_life(suite, run, arm, today) for arm in table.arms}
    )
    _check_deployed(suite, table, scored)
    cases = _cases(suite, table, scored, CaseVariant())
    cost_models = _cost_models(suite, run, _use_on(cases, summaries), prices)
    dominated: tuple[str, ...] = ()
    if suite.economics is not None and cases is not None:
        dominated = dominated_arms(cases, cost_models, lives, terms_of(suite.economics), suite.decision.alpha)
    missing = tuple(_missing(suite, table, scored, cost_models, dominated))
    context = DecisionContext(
        suite=suite,
        run=run,
        arms={arm.name: arm for arm in table.arms},
        summaries=summaries,
        cost_models=cost_models,
        terms=None if suite.economics is None else terms_of(suite.economics),
        claims=Claims(
            table,
            run.comparison,
            ComparisonSettings(alpha=suite.decision.alpha, margin=suite.decision.margin, seed=seed),
        ),
        cases=cases,
        wrong={} if cases is None else {arm.name: cases.wrong(arm.name) for arm in scored},
        lives=lives,
        dominated=dominated,
        limit_checks={
            arm.name: _limit_check(suite, summaries[arm.name], cost_models.get(arm.name)) for arm in scored
        },
        tuned=None,
        untuned=None,
        today=today,
    )
    payoff_model = payoff_model_of(context, seed, CaseVariant())
    if payoff_model is None and not missing:
        missing = (_NO_SHARED_CASE,)
    tuned, untuned = _best_pair(table, payoff_model)
    return PreparedDecision(replace(context, tuned=tuned, untuned=untuned), payoff_model, missing)


def _check_deployed(suite: Suite, table: ScoreTable, scored: Sequence[ArmFacts]) -> None:
    """Refuse a named training that was not measured."""
    wanted = suite.decision.deploy_seed
    for arm in scored:
        seeds = [each.seed or 1 for each in table.trainings(arm.name)]
        if arm.tuned and wanted is not None and wanted not in seeds:
            listed = ", ".join(map(str, sorted(seeds)))
            problem = f"no training {wanted} of {arm.name} was measured; there are {listed}"
            raise SuiteError(suite.source.problem(("decision", "deploy_seed"), problem))


def payoff_model_of(context: DecisionContext, seed: int, variant: CaseVariant) -> PayoffModel | None:
    """Payoffs of the arms whose costs are known; None where there is none, or no case is shared.

    Args:
        context: The run, its costs and lives.
        seed: Of every draw.
        variant: Other cases or scores than those that the verdict rests on.
    """
    suite, terms = context.suite, context.terms
    arms = tuple(
        arm
        for arm in context.candidates
        if arm.name in context.limit_checks
        and arm.name in context.cost_models
        and not context.cost_models[arm.name].unknown
    )
    if terms is None or not arms or context.cases is None:
        return None
    scored = [arm for arm in context.candidates if arm.name in context.limit_checks]
    plain = variant.weights is None and not variant.wrong_where_missing
    cases = context.cases if plain else _cases(suite, context.table, scored, variant)
    if cases is None:
        return None
    plan = DrawPlan(
        primary=context.table.primary,
        arms=arms,
        cases=cases,
        cost_models={arm.name: context.cost_models[arm.name] for arm in arms},
        terms=terms,
        lives=context.lives,
        seed=seed,
        n_draws=variant.n_draws or suite.decision.draws,
        seed_sd=suite.decision.seed_sd,
        deploy=suite.decision.deploy,
    )
    return PayoffModel(draw_jointly(plan), suite.decision.limits, suite.decision.margin, context.summaries)


def _cases(
    suite: Suite, table: ScoreTable, scored: Sequence[ArmFacts], variant: CaseVariant
) -> DecisionCases | None:
    weights = variant.weights
    if weights is None and suite.decision.mix:
        weights = declared_weights(suite, table)
    if not scored:
        return None
    return decision_cases(
        table,
        scored,
        wrong_where_missing=variant.wrong_where_missing,
        weights=weights,
        deploy_seed=suite.decision.deploy_seed,
    )


def declared_weights(suite: Suite, table: ScoreTable) -> FloatArray:
    """Shape (n_cases,): the weight of each case under ``decision.mix``, mean 1.

    A case has the value ``a`` of ``type`` when it is tagged ``a``, ``type:a`` or ``type=a``.

    Raises:
        SuiteError: The shares do not fit the tags of these cases.
    """
    values: dict[str, list[str | None]] = {}
    for name, shares in suite.decision.mix.items():
        of_case: list[str | None] = [None] * table.n_cases
        for value in shares:
            for case in np.flatnonzero(_tagged(table, name, value)):
                if of_case[case] not in (None, value):
                    raise _mix_error(
                        suite, name, f"{table.case_ids[case]} is tagged both {of_case[case]} and {value}"
                    )
                of_case[case] = value
        values[name] = of_case
    try:
        mix: dict[str, dict[Hashable, float]] = {
            name: dict(shares.items()) for name, shares in suite.decision.mix.items()
        }
        return mix_weights(values, mix)
    except ValueError as error:
        raise _mix_error(suite, next(iter(suite.decision.mix)), str(error)) from error


def _tagged(table: ScoreTable, name: str, value: str) -> BoolArray:
    masks = [table.tags[tag] for tag in (value, f"{name}:{value}", f"{name}={value}") if tag in table.tags]
    return np.logical_or.reduce(masks) if masks else np.zeros(table.n_cases, dtype=bool)


def _mix_error(suite: Suite, name: str, problem: str) -> SuiteError:
    return SuiteError(suite.source.problem(("decision", "mix", name), problem))


def _use_on(cases: DecisionCases | None, summaries: Mapping[str, ArmSummary]) -> Mapping[str, ArmSummary]:
    """The summaries with what requests use averaged over the cases that the verdict rests on, as quality is.

    Else a unit cost of all answers would stand beside a quality of some of them in one sum.
    """
    if cases is None or cases.all_alike:
        return summaries
    return {
        name: _with_use(summary, cases) if name in cases.scored.names else summary
        for name, summary in summaries.items()
    }


def _with_use(summary: ArmSummary, cases: DecisionCases) -> ArmSummary:
    def mean(what: str, observed: float | None) -> float | None:
        shared = None if observed is None else cases.mean_use(summary.name, what)
        return observed if shared is None else shared

    tokens = summary.tokens
    if tokens is not None:
        kinds = {kind: mean(kind, getattr(tokens, kind)) for kind in TOKEN_KINDS}
        tokens = structs.replace(tokens, **kinds)
    stated = None if summary.unit_cost is None else float(summary.unit_cost)
    unit_cost = mean(STATED, stated)
    return structs.replace(
        summary,
        tokens=tokens,
        device_s=mean(DEVICE_S, summary.device_s),
        unit_cost=None if unit_cost is None else exact(round(unit_cost, 12)),
    )


def _cost_models(
    suite: Suite, run: ComparedRun, summaries: Mapping[str, ArmSummary], prices: PriceTable | None
) -> dict[str, ArmCostModel]:
    economics = suite.economics
    if economics is None:
        return {}
    in_force = price_table(suite) if prices is None else prices
    check_prices(suite, in_force)
    return {
        arm.name: arm_cost_model(suite, economics, arm, summaries[arm.name], run.tuning, in_force)
        for arm in run.table.arms
    }


def _missing(
    suite: Suite,
    table: ScoreTable,
    scored: Sequence[ArmFacts],
    cost_models: Mapping[str, ArmCostModel],
    dominated: Sequence[str],
) -> Iterator[str]:
    """One sentence for each thing without which payoffs cannot be worked out."""
    if scored and all(arm.tuned for arm in scored):
        yield "no untuned candidate was measured: add one, so that there is something to hold tuning against"
    if suite.economics is None:
        yield _UNDECLARED
    names = {arm.name for arm in scored}
    for arm in table.candidates:
        if arm.name not in names:
            yield f"{arm.name} has no score: run its owed cells, or take the arm out"
        elif arm.name in cost_models and arm.name not in dominated:
            yield from cost_models[arm.name].unknown


def _best_pair(table: ScoreTable, payoff_model: PayoffModel | None) -> tuple[str | None, str | None]:
    """The best tuned and the best untuned candidate: of highest expected net benefit where known, else by mean."""
    means = {name: mean for name in tuned_candidates(table) if (mean := mean_score(table, name)) is not None}
    tuned, untuned = max(means, key=lambda name: means[name], default=None), best_untuned(table)
    if payoff_model is None:
        return tuned, untuned
    payoffs = payoff_model.at()
    best_tuned, best_other = payoffs.best_of(TUNED), payoffs.best_of(UNTUNED)
    return (
        tuned if best_tuned is None else payoffs.names[best_tuned],
        untuned if best_other is None else payoffs.names[best_other],
    )


def _limit_check(suite: Suite, summary: ArmSummary, cost_model: ArmCostModel | None) -> LimitCheck:
    unit_cost = None if cost_model is None else cost_model.costs.unit_cost
    currency = "USD" if suite.economics is None else suite.economics.currency
    amount = None if unit_cost is None else float(unit_cost)
    return check_limits(summary, amount, suite.decision.limits, currency=currency)
