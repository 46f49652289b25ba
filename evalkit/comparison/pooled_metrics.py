"""Pooled metrics (macro F1, BLEU): counts summed over cases, aggregated in every resample, paired by case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from evalkit.comparison.pairwise import claimed
from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import FloatArray, ScoreTable
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import Difference, Estimate
from evalkit.stats.arrays import IntArray
from evalkit.stats.bootstrap import Statistic
from evalkit.stats.pooled_metrics import paired_pooled_difference, pooled_metric


def pooled_estimate(
    table: ScoreTable, arm: str, metric: str, aggregate: Aggregate, settings: ComparisonSettings
) -> Estimate:
    """One arm on one pooled metric, with its bootstrap interval or the reason why there is none.

    Args:
        table: The run; it holds counts of the metric.
        arm: Name of the arm.
        metric: Name of the metric.
        aggregate: From summed counts to the metric.
        settings: Error rate and seed.
    """
    counts = table.pooled_counts[metric]
    stats = counts.per_case(table.rows(arm))
    counted = ~np.isnan(stats).any(axis=1)
    clusters = table.clusters[counted]
    n, n_clusters = int(counted.sum()), int(np.unique(clusters).size)
    estimate = partial(Estimate, n=n, n_clusters=n_clusters)
    if n == 0:
        return estimate(mean=None, low=None, high=None, method="no score")
    statistic = statistic_of(counts.names, aggregate)
    try:
        interval = pooled_metric(
            stats[counted],
            clusters,
            statistic,
            alpha=settings.alpha,
            rng=generator(settings.seed, arm, metric),
        )
    except ValueError as error:
        mean = float(statistic(stats[counted].sum(axis=0)))
        return estimate(mean=mean, low=None, high=None, method=f"no interval: {error}")
    return estimate(mean=interval.mean, low=interval.low, high=interval.high, method=interval.method)


def pooled_differences(
    table: ScoreTable,
    pairs: Iterable[tuple[str, str]],
    aggregates: Mapping[str, Aggregate],
    settings: ComparisonSettings,
) -> tuple[Difference, ...]:
    """Treatment minus control for each pair on each pooled metric, by paired bootstrap; p-values are not adjusted.

    Args:
        table: The run.
        pairs: Treatment and control, by name.
        aggregates: By metric, from summed counts to the metric; a metric without counts in this run is passed over.
        settings: Error rate, margin and seed.
    """
    distinct = tuple(dict.fromkeys(pairs))
    return tuple(
        claimed(_difference(table, pair, metric, aggregate, settings), settings)
        for metric, aggregate in aggregates.items()
        if metric in table.pooled_counts
        for pair in distinct
    )


@dataclass(frozen=True, slots=True, eq=False)
class PairedCounts:
    """The counts of two arms on the same cases, and how a pooled metric is made of their sums.

    Attributes:
        treatment: Shape (n_cases, n_counts).
        control: Likewise, in the same order.
        clusters: Shape (n_cases,), labels.
        statistic: From summed counts of shape (..., n_counts) to the metric, shape (...).
    """

    treatment: FloatArray
    control: FloatArray
    clusters: IntArray
    statistic: Statistic


def pooled_compared(
    both: PairedCounts,
    names: tuple[str, str, str],
    settings: ComparisonSettings,
    *,
    family: str,
    rng: np.random.Generator,
) -> Difference:
    """The record of one comparison by a pooled metric; its claim is not read yet.

    Args:
        both: Counts of the two arms on the same cases.
        names: Of treatment, control and metric.
        settings: Error rate; margin and seed are not used.
        family: As in ``pairwise.difference``.
        rng: Source of chance.

    Returns:
        A record without an estimate, and with the reason as its note, where the two cannot be compared.
    """
    left, right, statistic = both.treatment, both.control, both.statistic
    record = partial(
        Difference,
        treatment=names[0],
        control=names[1],
        metric=names[2],
        family=family,
        n=left.shape[0],
        n_clusters=int(np.unique(both.clusters).size),
        claim="no_claim",
    )
    without_interval = partial(record, low=None, high=None, p_value=None, method="none")
    if left.shape[0] == 0:
        return without_interval(estimate=None, note="no case has counts of both arms")
    try:
        result = paired_pooled_difference(
            left, right, both.clusters, statistic, alpha=settings.alpha, rng=rng
        )
    except ValueError as error:
        gap = statistic(left.sum(axis=0)) - statistic(right.sum(axis=0))
        return without_interval(estimate=float(gap), note=str(error))
    return record(
        estimate=result.estimate,
        low=result.low,
        high=result.high,
        method=result.method,
        p_value=result.p_value,
        smallest_detectable=result.smallest_detectable,
        note=result.note,
    )


def statistic_of(names: Sequence[str], aggregate: Aggregate) -> Statistic:
    """A metric's own function, which takes one mapping, applied to sums of any leading shape.

    Args:
        names: Of the counts, in the order of the last axis.
        aggregate: From summed counts to the metric.
    """

    def statistic(sums: FloatArray) -> FloatArray:
        rows = sums.reshape(-1, len(names)).tolist()
        values = [aggregate(dict(zip(names, row, strict=True))) for row in rows]
        return np.array(values, dtype=np.float64).reshape(sums.shape[:-1])

    return statistic


def _difference(
    table: ScoreTable,
    pair: tuple[str, str],
    metric: str,
    aggregate: Aggregate,
    settings: ComparisonSettings,
) -> Difference:
    counts = table.pooled_counts[metric]
    left, right = (counts.per_case(table.rows(arm)) for arm in pair)
    known = ~(np.isnan(left).any(axis=1) | np.isnan(right).any(axis=1))
    both = PairedCounts(
        left[known], right[known], table.clusters[known], statistic_of(counts.names, aggregate)
    )
    rng = generator(settings.seed, *pair, metric)
    return pooled_compared(both, (*pair, metric), settings, family="descriptive", rng=rng)
