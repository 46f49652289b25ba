"""The joint draws of a run: what each candidate's quality and cost may be, all arms in one draw together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.comparison.settings import generator
from evalkit.comparison.table import (
    SECONDS,
    TOKEN_KINDS,
    FloatArray,
    IntArray,
    ScoreTable,
    mean_over_repeats,
)
from evalkit.economics.ledger import Terms
from evalkit.economics.request_cost import TokenColumns
from evalkit.economics.triangular import TriangularRange
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.records.arm import ArmFacts
from evalkit.stats.draws import joint_draws

_ABSTAINED = "abstained"
_DEVICE_S = "device_s"


@dataclass(frozen=True, slots=True, eq=False)
class DrawnAnswers:
    """One candidate in every draw; each array has shape (n_draws,).

    Attributes:
        quality: Mean primary score, in [0, 1].
        abstained: Share of requests that it declined to answer.
        tokens: Mean tokens of a request; NaN where none were counted.
        device_s: Mean device seconds; NaN for hosted models.
        other: Further metrics that a limit is set on, by name.
    """

    quality: FloatArray
    abstained: FloatArray
    tokens: TokenColumns
    device_s: FloatArray
    other: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class JointDraws:
    """What the decision is made from, in every draw.

    Attributes:
        primary: Name of the metric that carries the decision.
        arms: The candidates.
        answers: By name of the arm, its quality and use in every draw.
        cost_models: By name of the arm; empty where no economics are declared.
        terms: Volume, value and horizon; None where no economics are declared.
        inputs: Uncertain inputs by name, each of shape (n_draws,). Each has a source of chance of its own, so that
            an input that becomes certain leaves the draws of the others as they are.
        ranges: By name of the input, the range that it is drawn from.
        n_cases: Cases that every candidate has a score for; the draws rest on these.
        n_clusters: Clusters that those cases lie in.
        n_draws: How many draws.
    """

    primary: str
    arms: tuple[ArmFacts, ...]
    answers: Mapping[str, DrawnAnswers]
    cost_models: Mapping[str, ArmCostModel]
    terms: Terms | None
    inputs: Mapping[str, FloatArray]
    ranges: Mapping[str, TriangularRange]
    n_cases: int
    n_clusters: int
    n_draws: int


def draw_jointly(
    table: ScoreTable,
    arms: Sequence[ArmFacts],
    cost_models: Mapping[str, ArmCostModel],
    terms: Terms | None,
    *,
    n_draws: int,
    seed: int,
    limit_metrics: Sequence[str] = (),
) -> JointDraws | None:
    """Draw quality, use and uncertain inputs of all candidates together, as the cases leave them possible.

    All candidates are drawn on the cases that all of them have a score for, so that a case that one arm failed to
    answer favours none.

    Args:
        table: The run.
        arms: The candidates; each has at least one score.
        cost_models: By name of the arm; empty where no economics are declared.
        terms: Volume and value; None where no economics are declared.
        n_draws: How many draws.
        seed: The suite's.
        limit_metrics: Metrics other than the primary one that a limit is set on.

    Returns:
        None when no case has a score of every candidate.
    """
    scores = {arm.name: table.scores(arm.name) for arm in arms}
    shared = np.isfinite(np.stack(list(scores.values()))).all(axis=0)
    if not shared.any():
        return None
    codes = np.unique(table.clusters[shared], return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(codes).astype(np.float64)
    quality = np.stack([np.bincount(codes, weights=scores[arm.name][shared]) for arm in arms], axis=1)
    columns = [
        _ClusterSums.of(arm.name, name, values[shared], codes)
        for arm in arms
        for name, values in _alongside(table, arm.name, limit_metrics).items()
    ]
    measured = [column for column in columns if column.counts.sum() > 0]
    sampled = joint_draws(
        quality,
        sizes,
        generator(seed, "joint draws"),
        n_draws=n_draws,
        alongside=np.stack([column.sums for column in measured], axis=1),
        alongside_counts=np.stack([column.counts for column in measured], axis=1),
    )
    means = {
        (column.arm, column.quantity): sampled.alongside[:, index] for index, column in enumerate(measured)
    }
    ranges = {} if terms is None else uncertain_inputs(cost_models, terms)
    return JointDraws(
        primary=table.primary,
        arms=tuple(arms),
        answers={
            arm.name: _answers(arm.name, sampled.quality[:, index], means, limit_metrics)
            for index, arm in enumerate(arms)
        },
        cost_models=dict(cost_models),
        terms=terms,
        inputs={name: span.draw(generator(seed, "input", name), n_draws) for name, span in ranges.items()},
        ranges=ranges,
        n_cases=int(shared.sum()),
        n_clusters=sampled.n_clusters,
        n_draws=n_draws,
    )


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


def _alongside(table: ScoreTable, arm: str, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """What is averaged over the same weights as quality, per case; NaN where unknown."""
    row = table.row(arm)
    tokens, seconds = table.tokens[row].astype(np.float64), table.seconds[row].astype(np.float64)
    quantities = {kind: mean_over_repeats(tokens[..., index]) for index, kind in enumerate(TOKEN_KINDS)}
    quantities[_DEVICE_S] = mean_over_repeats(seconds[..., SECONDS.index("device_s")])
    # A declined answer that the metric counts as right (a case whose reference is "unknown") is not an abstention.
    declined = mean_over_repeats(table.abstained[row].astype(np.float64))
    quantities[_ABSTAINED] = np.minimum(declined, 1.0 - table.scores(arm))
    return quantities | {metric: table.scores(arm, metric) for metric in metrics}


@dataclass(frozen=True, slots=True, eq=False)
class _ClusterSums:
    """One quantity of one arm, summed in each cluster.

    Attributes:
        arm: Name of the arm.
        quantity: Name of the quantity.
        sums: Shape (n_clusters,), sum of the values that are known.
        counts: Shape (n_clusters,), how many are known.
    """

    arm: str
    quantity: str
    sums: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, arm: str, quantity: str, values: FloatArray, codes: IntArray) -> _ClusterSums:
        """From values of shape (n_cases,), NaN where unknown, and the number of each case's cluster."""
        finite = np.isfinite(values)
        sums, counts = (
            np.bincount(codes, weights=column) for column in (np.where(finite, values, 0.0), finite * 1.0)
        )
        return cls(arm, quantity, sums.astype(np.float64), counts.astype(np.float64))


def _answers(
    arm: str, quality: FloatArray, means: Mapping[tuple[str, str], FloatArray], metrics: Sequence[str]
) -> DrawnAnswers:
    unknown = np.full(quality.shape, np.nan)

    def mean(name: str) -> FloatArray:
        return means.get((arm, name), unknown)

    return DrawnAnswers(
        quality=quality,
        abstained=mean(_ABSTAINED),
        tokens=TokenColumns(**{kind: mean(kind) for kind in TOKEN_KINDS}),
        device_s=mean(_DEVICE_S),
        other={metric: mean(metric) for metric in metrics},
    )
