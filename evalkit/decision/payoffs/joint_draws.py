"""The joint draws of a run: what each candidate's quality and cost may be, all arms in one draw together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.comparison.settings import generator
from evalkit.comparison.table import TOKEN_KINDS, BoolArray, FloatArray, IntArray
from evalkit.decision.shared_cases import ABSTAINED, DEVICE_S, OWN, STATED, DecisionCases
from evalkit.economics.ledger import ArmCosts, Terms
from evalkit.economics.lifetime import Lifetime, retunes
from evalkit.economics.request_cost import TokenColumns
from evalkit.economics.triangular import TriangularRange
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.pricing.fixed_costs import is_retune, without_training
from evalkit.records.arm import ArmFacts
from evalkit.stats.bayesian_bootstrap import JointMeans, joint_means
from evalkit.stats.scored_cases import ScoredCases
from evalkit.stats.training_runs import (
    Deploy,
    TrainingPlan,
    over_the_life,
    training_offsets,
    wrong_after,
)
from evalkit.stats.training_spread import TrainingSpread, measured_spread, training_spread


@dataclass(frozen=True, slots=True, eq=False)
class DrawnAnswers:
    """One candidate in every draw; each array has shape (n_draws,).

    Attributes:
        quality: Mean primary score of the measured trainings, as the cases leave it possible, in [0, 1].
        offset: By how much the trainings of production differ from it; 0 for an untuned arm.
        own: Mean score of the training that is deployed as measured.
        plan: How the tuned models of production come about; None for an untuned arm.
        abstained: Share of requests that it declined to answer.
        tokens: Mean tokens of a request; NaN where none were counted.
        device_s: Mean device seconds; NaN for hosted models.
        stated: Mean money of a request as its answers came with it; NaN where none did.
    """

    quality: FloatArray
    offset: FloatArray
    own: FloatArray
    plan: TrainingPlan | None
    abstained: FloatArray
    tokens: TokenColumns
    device_s: FloatArray
    stated: FloatArray

    def over_life(self, shift: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Quality and share of wrong answers over the arm's life, each of shape (n_draws,).

        Args:
            shift: By how much the measured quality is taken to be higher.
        """
        quality, wrong = self._measured(self.quality, shift)
        if self.plan is None:
            return quality, wrong
        moved = np.clip(quality + self.offset, 0.0, 1.0)
        later = wrong_after(wrong, quality, moved - quality)
        if self.plan.deploy == "fresh":
            return moved, later
        first, first_wrong = self._measured(self.own, shift)
        return over_the_life(first, moved, self.plan), over_the_life(first_wrong, later, self.plan)

    def _measured(self, quality: FloatArray, shift: float) -> tuple[FloatArray, FloatArray]:
        shifted = quality if shift == 0.0 else np.clip(quality + shift, 0.0, 1.0)
        return shifted, np.maximum(0.0, 1.0 - shifted - self.abstained)


@dataclass(frozen=True, slots=True, eq=False)
class JointDraws:
    """What the decision is made from, in every draw.

    Attributes:
        primary: Name of the metric that carries the decision.
        arms: The candidates.
        cases: The shared cases behind the draws.
        answers: By name of the arm, its quality and use in every draw.
        cost_models: By name of the arm.
        terms: Volume, value and horizon.
        lives: By name of the arm, how long its model answers inside the horizon.
        inputs: Uncertain inputs by name, each of shape (n_draws,). Each has a source of chance of its own, so that
            an input that becomes certain leaves the draws of the others as they are.
        ranges: By name of the input, the range that it is drawn from.
        column_of: Shape (n_arms,), equal numbers for arms that are one and the same score column.
        constant_difference: Shape (n_arms, n_arms), pairs whose difference shows no spread.
        n_draws: How many draws.
        draw_again: Makes so many times the draws, from fresh sources of chance.
        plan: What they were made from.
    """

    primary: str
    arms: tuple[ArmFacts, ...]
    cases: DecisionCases
    answers: Mapping[str, DrawnAnswers]
    cost_models: Mapping[str, ArmCostModel]
    terms: Terms
    lives: Mapping[str, Lifetime]
    inputs: Mapping[str, FloatArray]
    ranges: Mapping[str, TriangularRange]
    column_of: IntArray
    constant_difference: BoolArray
    n_draws: int
    draw_again: Callable[[int], JointDraws]
    plan: DrawPlan

    def costs(self, arm: str) -> ArmCosts:
        """Ledger lines of an arm; the training of a model that is deployed as measured is sunk."""
        costs, plan = self.cost_models[arm].costs, self.answers[arm].plan
        return costs if plan is None or plan.deploy == "fresh" else without_training(costs)

    @property
    def n_cases(self) -> int:
        """Cases that the draws rest on."""
        return self.cases.n_cases

    @property
    def n_clusters(self) -> int:
        """Clusters that those cases lie in."""
        return self.cases.n_clusters


@dataclass(frozen=True, slots=True, eq=False)
class DrawPlan:
    """All that joint draws are made from.

    Attributes:
        primary: Name of the metric that carries the decision.
        arms: The candidates whose costs are known, with at least one.
        cases: The shared cases, of these arms at least.
        cost_models: By name of the arm.
        terms: Volume, value and horizon.
        lives: By name of the arm, how long its model answers inside the horizon.
        seed: The suite's.
        n_draws: How many draws.
        seed_sd: Standard deviation between trainings that the suite declares; None for the default.
        deploy: Whether the first model of production is trained anew or one that was measured.
    """

    primary: str
    arms: tuple[ArmFacts, ...]
    cases: DecisionCases
    cost_models: Mapping[str, ArmCostModel]
    terms: Terms
    lives: Mapping[str, Lifetime]
    seed: int
    n_draws: int
    seed_sd: float | None = None
    deploy: Deploy = "fresh"


def draw_jointly(plan: DrawPlan, times: int = 1) -> JointDraws:
    """Draw quality, use and uncertain inputs of all candidates together, as the cases leave them possible.

    Args:
        plan: What they are made from.
        times: Makes so many times the draws of the plan; each number has sources of chance of its own.
    """
    again = () if times == 1 else (f"times {times}",)
    n_draws = plan.n_draws * times
    columns = [plan.cases.column(arm.name) for arm in plan.arms]
    scored = _of_arms(plan, columns)
    means = joint_means(scored, generator(plan.seed, "joint draws", *again), n_draws=n_draws)
    plans = [training_plan(plan, arm) for arm in plan.arms]
    offsets = training_offsets(
        means.quality, plans, means.column_of, generator(plan.seed, "trainings", *again)
    )
    known = _known_means(plan, columns)
    ranges = uncertain_inputs(plan.cost_models, plan.terms)
    return JointDraws(
        primary=plan.primary,
        arms=plan.arms,
        cases=plan.cases,
        answers={
            arm.name: _answers(means, known, at, offsets[:, at], plans[at])
            for at, arm in enumerate(plan.arms)
        },
        cost_models={arm.name: plan.cost_models[arm.name] for arm in plan.arms},
        terms=plan.terms,
        lives=plan.lives,
        inputs={
            name: span.draw(generator(plan.seed, "input", name, *again), n_draws)
            for name, span in ranges.items()
        },
        ranges=ranges,
        column_of=means.column_of,
        constant_difference=means.constant_difference,
        n_draws=n_draws,
        draw_again=lambda more: draw_jointly(plan, more),
        plan=plan,
    )


def deployed_otherwise(draws: JointDraws, deploy: Deploy) -> JointDraws:
    """The same draws of cases and inputs with tuned models that come about in the other way.

    Args:
        draws: Of the first round.
        deploy: Whether the first model of production is trained anew or one that was measured.
    """
    plan = replace(draws.plan, deploy=deploy)
    quality = np.stack([draws.answers[arm.name].quality for arm in draws.arms], axis=1)
    plans = [training_plan(plan, arm) for arm in plan.arms]
    offsets = training_offsets(quality, plans, draws.column_of, generator(plan.seed, "trainings"))
    answers = {
        arm.name: replace(draws.answers[arm.name], offset=offsets[:, at], plan=plans[at])
        for at, arm in enumerate(draws.arms)
    }
    return replace(draws, answers=answers, plan=plan, draw_again=lambda more: draw_jointly(plan, more))


def training_plan(plan: DrawPlan, arm: ArmFacts) -> TrainingPlan | None:
    """How the models of a tuned candidate come about in production; None for an untuned one."""
    if not arm.tuned:
        return None
    cases = plan.cases
    scores = cases.seed_scores[arm.name]
    spread = spread_of(scores, cases.clusters, plan.seed_sd)
    life = plan.lives[arm.name]
    return TrainingPlan(spread, retunes(life.months, retune_months(plan.cost_models[arm.name])), plan.deploy)


def spread_of(seed_scores: FloatArray, clusters: IntArray, seed_sd: float | None) -> TrainingSpread:
    """The spread between trainings, updated by the measured ones; not updated where all cases are one cluster."""
    if seed_scores.shape[1] == 1 or np.unique(clusters).size < 2:
        return training_spread([float(seed_scores[:, 0].mean())], prior_sd=seed_sd)
    return measured_spread(seed_scores, clusters, seed_sd)


def retune_months(cost_model: ArmCostModel) -> Decimal | None:
    """Months between two tunings of an arm, as its ledger has them; None where it is trained once."""
    return next((renewal.every_months for renewal in cost_model.costs.renewals if is_retune(renewal)), None)


def uncertain_inputs(cost_models: Mapping[str, ArmCostModel], terms: Terms) -> dict[str, TriangularRange]:
    """The ranges behind the ledger lines and the terms, by name; what is known exactly is left out.

    Raises:
        ValueError: One name stands for two different ranges.
    """
    ranges = dict(terms.inputs)
    for factor in (
        factor for model in cost_models.values() for item in model.costs.items for factor in item.factors
    ):
        if factor.value is None or factor.value.is_point:
            continue
        if ranges.setdefault(factor.source, factor.value) != factor.value:
            raise ValueError(f"the input {factor.source!r} stands for two different ranges")
    return {name: ranges[name] for name in sorted(ranges) if not ranges[name].is_point}


def _of_arms(plan: DrawPlan, columns: Sequence[int]) -> ScoredCases:
    """The scores of the arms with what varies from case to case and has a part in a cost or an answer."""
    scored = plan.cases.scored
    known = _known_means(plan, columns)
    return replace(
        scored,
        names=tuple(scored.names[at] for at in columns),
        kinds=tuple(scored.kinds[at] for at in columns),
        scores=scored.scores[:, columns],
        averaged=tuple(scored.averaged[at] for at in columns),
        alongside={name: scored.alongside[name][:, columns] for name in _used(plan) if name not in known},
    )


def _used(plan: DrawPlan) -> tuple[str, ...]:
    """Names of what prices some arm's requests, of abstentions, and of the scores of a training that is deployed."""
    models = plan.cost_models.values()
    used = [ABSTAINED, *(name for name in (OWN,) if name in plan.cases.scored.alongside)]
    used += TOKEN_KINDS if any(model.row is not None for model in models) else ()
    used += [DEVICE_S] if any(model.row is None and model.hour_price is not None for model in models) else []
    used += [STATED] if any(model.stated is not None for model in models) else []
    return tuple(used)


def _known_means(plan: DrawPlan, columns: Sequence[int]) -> dict[str, FloatArray]:
    """By name, shape (n_arms,), the means of what is the same in every case of an arm, or known in none."""
    found = {}
    for name in _used(plan):
        table = plan.cases.scored.alongside[name][:, columns]
        has = np.isfinite(table)
        low = np.where(has, table, np.inf).min(axis=0)
        high = np.where(has, table, -np.inf).max(axis=0)
        if (low >= high).all():
            found[name] = np.where(np.isfinite(low), low, np.nan)
    return found


def _answers(
    means: JointMeans,
    known: Mapping[str, FloatArray],
    at: int,
    offset: FloatArray,
    plan: TrainingPlan | None,
) -> DrawnAnswers:
    quality = means.quality[:, at]
    unknown = np.full(quality.shape, np.nan)

    def mean(name: str) -> FloatArray:
        if name in known:
            return np.full(quality.shape, known[name][at])
        return means.alongside[name][:, at] if name in means.alongside else unknown

    return DrawnAnswers(
        quality=quality,
        offset=offset,
        own=mean(OWN) if OWN in means.alongside or OWN in known else quality,
        plan=plan,
        abstained=np.nan_to_num(mean(ABSTAINED)),
        tokens=TokenColumns(**{kind: mean(kind) for kind in TOKEN_KINDS}),
        device_s=mean(DEVICE_S),
        stated=mean(STATED),
    )
