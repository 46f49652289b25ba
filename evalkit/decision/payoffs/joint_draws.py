"""The joint draws of a run: what each candidate's quality and cost may be, all arms in one draw together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.comparison.pairwise import generator
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
from evalkit.pricing.arm_costs import ArmMoney
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
        answers: By arm.
        money: By arm; empty where no economics are declared.
        terms: None likewise.
        drawn: Uncertain inputs by name, each of shape (n_draws,). Each has a source of chance of its own, so that
            an input that becomes certain leaves the draws of the others as they are.
        ranges: The ranges they are drawn from.
        n_cases: Cases that every candidate has a score for; the draws rest on these.
        n_clusters: Clusters they lie in.
        n_draws: How many draws.
    """

    primary: str
    arms: tuple[ArmFacts, ...]
    answers: Mapping[str, DrawnAnswers]
    money: Mapping[str, ArmMoney]
    terms: Terms | None
    drawn: Mapping[str, FloatArray]
    ranges: Mapping[str, TriangularRange]
    n_cases: int
    n_clusters: int
    n_draws: int


def draw_world(
    table: ScoreTable,
    arms: Sequence[ArmFacts],
    money: Mapping[str, ArmMoney],
    terms: Terms | None,
    *,
    n_draws: int,
    seed: int,
    limit_metrics: Sequence[str] = (),
) -> JointDraws | None:
    """Draw what the cases leave possible.

    All candidates are drawn on the cases that all of them have a score for, so that a case that one arm failed to
    answer favours none.

    Args:
        table: The run.
        arms: The candidates; each has at least one score.
        money: By arm, or empty.
        terms: Volume and value, or None.
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
        (arm.name, name, *_cluster_sums(values[shared], codes))
        for arm in arms
        for name, values in _alongside(table, arm.name, limit_metrics).items()
    ]
    known = [column for column in columns if column[3].sum() > 0]
    draws = joint_draws(
        quality,
        sizes,
        generator(seed, "joint draws"),
        n_draws=n_draws,
        alongside=np.stack([column[2] for column in known], axis=1),
        alongside_counts=np.stack([column[3] for column in known], axis=1),
    )
    drawn_means = {(arm, name): draws.alongside[:, index] for index, (arm, name, _, _) in enumerate(known)}
    ranges = {} if terms is None else uncertain_inputs(money, terms)
    return JointDraws(
        primary=table.primary,
        arms=tuple(arms),
        answers={
            arm.name: _answers(arm.name, draws.quality[:, index], drawn_means, limit_metrics)
            for index, arm in enumerate(arms)
        },
        money=dict(money),
        terms=terms,
        drawn={name: span.draw(generator(seed, "input", name), n_draws) for name, span in ranges.items()},
        ranges=ranges,
        n_cases=int(shared.sum()),
        n_clusters=draws.n_clusters,
        n_draws=n_draws,
    )


def uncertain_inputs(money: Mapping[str, ArmMoney], terms: Terms) -> dict[str, TriangularRange]:
    """The ranges behind the ledger lines and the terms, by name; what is known exactly is left out.

    Raises:
        ValueError: One name stands for two different ranges.
    """
    ranges = dict(terms.inputs)
    for factor in (
        factor for entry in money.values() for item in entry.costs.items for factor in item.factors
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


def _cluster_sums(values: FloatArray, codes: IntArray) -> tuple[FloatArray, FloatArray]:
    """Sum of the known values in each cluster, and how many there are."""
    known = np.isfinite(values)
    sums, counts = (
        np.bincount(codes, weights=column) for column in (np.where(known, values, 0.0), known * 1.0)
    )
    return sums.astype(np.float64), counts.astype(np.float64)


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
