"""Put together what a decision is made from: prices, draws, the pair of arms in question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from evalkit.comparison.differences import best_untuned, mean_score, tuned_candidates
from evalkit.comparison.table import OK, ScoreTable
from evalkit.decision.claims import Claims
from evalkit.decision.context import DecisionContext
from evalkit.decision.limits import LimitCheck, standing
from evalkit.decision.payoffs.joint_draws import draw_world
from evalkit.decision.payoffs.payoff_model import PayoffModel
from evalkit.economics.ledger import Terms
from evalkit.economics.prices import PriceTable
from evalkit.pricing.arm_costs import ArmMoney, arm_money, check_prices, terms_of
from evalkit.pricing.prices_in_force import price_table
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Comparison
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile
from evalkit.records.run_observations import RunObservations
from evalkit.records.tuning import TuningReport
from evalkit.stats.arrays import mean_of
from evalkit.suite.schema import LATENCY_LIMITS, OTHER_LIMITS, Suite

_UNDECLARED = (
    "declare `economics` with at least requests_per_month: what an answer costs and is worth is not known"
)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the checklist and the ladder start from.

    Attributes:
        context: The run, its money, the pair of arms.
        payoff_model: Payoffs in every draw; None where they cannot be worked out.
        missing: Why not, and what to declare; empty where they can.
    """

    context: DecisionContext
    payoff_model: PayoffModel | None
    missing: tuple[str, ...]


def gather(
    suite: Suite,
    manifest: Manifest,
    table: ScoreTable,
    comparison: Comparison,
    profile: Profile,
    tuning: TuningReport | None,
    *,
    prices: PriceTable | None,
    seed: int,
    answering: RunObservations | None = None,
) -> Gathered:
    """Price the arms, draw, and find the best arm of each family.

    Raises:
        SuiteError: Economics are declared and the price of a model is not known.
    """
    summaries = {summary.name: summary for summary in comparison.arms}
    candidates = [arm for arm in table.candidates if mean_score(table, arm.name) is not None]
    terms, money = _priced(suite, table, summaries, tuning, prices)
    missing = tuple(_missing(suite, table, candidates, money))
    payoff_model = None if missing else _outlooks(suite, table, candidates, summaries, money, terms, seed)
    if payoff_model is None and not missing:
        missing = ("no case has a score of every candidate: run the cells that are owed",)
    tuned, untuned = _pair(table, payoff_model)
    context = DecisionContext(
        suite=suite,
        manifest=manifest,
        table=table,
        comparison=comparison,
        profile=profile,
        tuning=tuning,
        arms={arm.name: arm for arm in table.arms},
        summaries=summaries,
        money=money,
        terms=terms,
        claims=Claims(table, comparison, alpha=suite.decision.alpha, margin=suite.decision.margin, seed=seed),
        wrong={arm.name: _share_wrong(table, arm.name) for arm in candidates},
        standing={arm.name: _standing(suite, summaries[arm.name], money.get(arm.name)) for arm in candidates},
        tuned=tuned,
        untuned=untuned,
        today=date.fromisoformat(manifest.started_at[:10]),
        answering=answering or RunObservations(),
    )
    return Gathered(context, payoff_model, missing)


def _priced(
    suite: Suite,
    table: ScoreTable,
    summaries: Mapping[str, ArmSummary],
    tuning: TuningReport | None,
    prices: PriceTable | None,
) -> tuple[Terms | None, dict[str, ArmMoney]]:
    economics = suite.economics
    if economics is None:
        return None, {}
    in_force = price_table(suite) if prices is None else prices
    check_prices(suite, in_force)
    money = {
        arm.name: arm_money(suite, economics, arm, summaries[arm.name], tuning, in_force)
        for arm in table.arms
    }
    return terms_of(economics), money


def _missing(
    suite: Suite, table: ScoreTable, candidates: Sequence[ArmFacts], money: Mapping[str, ArmMoney]
) -> Iterator[str]:
    if candidates and not any(not arm.tuned for arm in candidates):
        yield "no untuned candidate was measured: add one, so that there is something to hold tuning against"
    if suite.economics is None:
        yield _UNDECLARED
    scored = {arm.name for arm in candidates}
    for arm in table.candidates:
        if arm.name not in scored:
            yield f"{arm.name} has no score: run its owed cells, or take the arm out"
        elif arm.name in money:
            yield from money[arm.name].unknown


def _outlooks(
    suite: Suite,
    table: ScoreTable,
    candidates: Sequence[ArmFacts],
    summaries: Mapping[str, ArmSummary],
    money: Mapping[str, ArmMoney],
    terms: Terms | None,
    seed: int,
) -> PayoffModel | None:
    limits = suite.decision.limits
    others = [name for name in limits if name not in (*LATENCY_LIMITS, *OTHER_LIMITS, table.primary)]
    world = draw_world(
        table,
        candidates,
        {arm.name: money[arm.name] for arm in candidates},
        terms,
        n_draws=suite.decision.draws,
        seed=seed,
        limit_metrics=others,
    )
    return None if world is None else PayoffModel(world, limits, suite.decision.margin, summaries)


def _pair(table: ScoreTable, payoff_model: PayoffModel | None) -> tuple[str | None, str | None]:
    """The best tuned and the best untuned candidate: of lowest expected regret where money is known, else by mean."""
    means = {name: mean_score(table, name) for name in tuned_candidates(table)}
    known = {name: mean for name, mean in means.items() if mean is not None}
    tuned, untuned = max(known, key=lambda name: known[name], default=None), best_untuned(table)
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
    known = np.isfinite(scores)
    answered = table.status[table.row(arm)] == OK
    declined = (table.abstained[table.row(arm)] & answered).mean(axis=1)
    return mean_of(np.maximum(0.0, 1.0 - scores - declined)[known])


def _standing(suite: Suite, summary: ArmSummary, money: ArmMoney | None) -> LimitCheck:
    unit = None if money is None else money.costs.unit_cost
    return standing(summary, None if unit is None else float(unit), suite.decision.limits)
