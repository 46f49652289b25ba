"""What a decision starts from: the arms with their costs, the joint draws, and the pair of arms in question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from evalkit.comparison.differences import best_untuned, mean_score, tuned_candidates
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import OK, ScoreTable
from evalkit.decision.claims import Claims
from evalkit.decision.context import ComparedRun, DecisionContext
from evalkit.decision.limits import LimitCheck, check_limits
from evalkit.decision.payoffs.joint_draws import draw_jointly
from evalkit.decision.payoffs.payoff_model import PayoffModel
from evalkit.economics.prices import PriceTable
from evalkit.pricing.arm_costs import ArmCostModel, arm_cost_model, terms_of
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import price_table
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.stats.arrays import mean_of
from evalkit.suite.schema import LATENCY_LIMITS, OTHER_LIMITS, Suite

_UNDECLARED = (
    "declare `economics` with at least requests_per_month: what an answer costs and is worth is not known"
)
_NO_SHARED_CASE = "no case has a score of every candidate: run the cells that are owed"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDecision:
    """What the checklist and the verdict start from.

    Attributes:
        context: The run, what its arms cost, the pair of arms.
        payoff_model: Payoffs in every draw; None where they cannot be worked out.
        missing: Why they cannot, and what to declare; empty where they can.
    """

    context: DecisionContext
    payoff_model: PayoffModel | None
    missing: tuple[str, ...]


def prepare_decision(
    suite: Suite, run: ComparedRun, *, prices: PriceTable | None = None, seed: int | None = None
) -> PreparedDecision:
    """Price the arms, draw what the cases leave possible, and find the best arm of each family.

    Args:
        suite: Economics, limits, margin, alpha.
        run: The compared run.
        prices: In force; default: the shipped ones with the suite's own over them.
        seed: Of every draw; default: the suite's.

    Raises:
        SuiteError: Economics are declared and the price of a model is not known.
    """
    table, seed = run.table, suite.run.seed if seed is None else seed
    summaries = {summary.name: summary for summary in run.comparison.arms}
    scored = [arm for arm in table.candidates if mean_score(table, arm.name) is not None]
    cost_models = _cost_models(suite, run, summaries, prices)
    missing = tuple(_missing(suite, table, scored, cost_models))
    payoff_model = None if missing else _payoff_model(suite, table, scored, summaries, cost_models, seed)
    if payoff_model is None and not missing:
        missing = (_NO_SHARED_CASE,)
    tuned, untuned = _best_pair(table, payoff_model)
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
        wrong={arm.name: _share_wrong(table, arm.name) for arm in scored},
        limit_checks={
            arm.name: _limit_check(suite, summaries[arm.name], cost_models.get(arm.name)) for arm in scored
        },
        tuned=tuned,
        untuned=untuned,
        today=date.fromisoformat(run.manifest.started_at[:10]),
    )
    return PreparedDecision(context, payoff_model, missing)


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
        elif arm.name in cost_models:
            yield from cost_models[arm.name].unknown


def _payoff_model(
    suite: Suite,
    table: ScoreTable,
    scored: Sequence[ArmFacts],
    summaries: Mapping[str, ArmSummary],
    cost_models: Mapping[str, ArmCostModel],
    seed: int,
) -> PayoffModel | None:
    """None where no case has a score of every candidate."""
    limits = suite.decision.limits
    draws = draw_jointly(
        table,
        scored,
        {arm.name: cost_models[arm.name] for arm in scored},
        None if suite.economics is None else terms_of(suite.economics),
        n_draws=suite.decision.draws,
        seed=seed,
        limit_metrics=[
            name for name in limits if name not in (*LATENCY_LIMITS, *OTHER_LIMITS, table.primary)
        ],
    )
    return None if draws is None else PayoffModel(draws, limits, suite.decision.margin, summaries)


def _best_pair(table: ScoreTable, payoff_model: PayoffModel | None) -> tuple[str | None, str | None]:
    """The best tuned and the best untuned candidate: of lowest expected regret where money is known, else by mean."""
    means = {name: mean for name in tuned_candidates(table) if (mean := mean_score(table, name)) is not None}
    tuned, untuned = max(means, key=lambda name: means[name], default=None), best_untuned(table)
    if payoff_model is None:
        return tuned, untuned
    payoffs = payoff_model.at()
    if not payoffs.names:
        return tuned, untuned
    best_tuned, best_other = payoffs.best_of(payoffs.tuned), payoffs.best_of(~payoffs.tuned)
    return (
        tuned if best_tuned is None else payoffs.names[best_tuned],
        untuned if best_other is None else payoffs.names[best_other],
    )


def _share_wrong(table: ScoreTable, arm: str) -> float:
    """Share of answers that are neither right nor declined; a graded score counts as that much right."""
    scores = table.scores(arm)
    has_score = np.isfinite(scores)
    answered = table.status[table.row(arm)] == OK
    declined = (table.abstained[table.row(arm)] & answered).mean(axis=1)
    return mean_of(np.maximum(0.0, 1.0 - scores - declined)[has_score])


def _limit_check(suite: Suite, summary: ArmSummary, cost_model: ArmCostModel | None) -> LimitCheck:
    unit_cost = None if cost_model is None else cost_model.costs.unit_cost
    return check_limits(summary, None if unit_cost is None else float(unit_cost), suite.decision.limits)
