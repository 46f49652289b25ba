"""Pooled metrics (macro F1, BLEU): counts summed over cases, aggregated in every resample, paired by case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from evalkit.comparison.pairwise import claimed
from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import FloatArray, ScoreTable
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import Difference, Estimate
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
    statistic = _statistic(counts.names, aggregate)
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


def _difference(
    table: ScoreTable,
    pair: tuple[str, str],
    metric: str,
    aggregate: Aggregate,
    settings: ComparisonSettings,
) -> Difference:
    treatment, control = pair
    counts = table.pooled_counts[metric]
    left, right = counts.per_case(table.rows(treatment)), counts.per_case(table.rows(control))
    both = ~(np.isnan(left).any(axis=1) | np.isnan(right).any(axis=1))
    left, right, clusters = left[both], right[both], table.clusters[both]
    record = partial(
        Difference,
        treatment=treatment,
        control=control,
        metric=metric,
        family="descriptive",
        n=int(both.sum()),
        n_clusters=int(np.unique(clusters).size),
        claim="no_claim",
    )
    without_interval = partial(record, low=None, high=None, p_value=None, method="none")
    if not both.any():
        return without_interval(estimate=None, note="no case has counts of both arms")
    statistic = _statistic(counts.names, aggregate)
    try:
        result = paired_pooled_difference(
            left,
            right,
            clusters,
            statistic,
            alpha=settings.alpha,
            rng=generator(settings.seed, treatment, control, metric),
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


def _statistic(names: tuple[str, ...], aggregate: Aggregate) -> Statistic:
    """The metric's own function, which takes one mapping, applied to sums of any leading shape."""

    def statistic(sums: FloatArray) -> FloatArray:
        rows = sums.reshape(-1, len(names)).tolist()
        values = [aggregate(dict(zip(names, row, strict=True))) for row in rows]
        return np.array(values, dtype=np.float64).reshape(sums.shape[:-1])

    return statistic
