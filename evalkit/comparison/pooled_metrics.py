"""Metrics of the whole corpus (macro F1, BLEU): summed counts, aggregated in every resample, paired by case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from evalkit.comparison.pairwise import claimed, generator
from evalkit.comparison.table import FloatArray, ScoreTable
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import Difference, Estimate
from evalkit.stats.bootstrap import Statistic
from evalkit.stats.pooled_metrics import corpus_metric, paired_corpus_difference


def corpus_estimate(
    table: ScoreTable, arm: str, metric: str, aggregate: Aggregate, *, alpha: float, seed: int
) -> Estimate:
    """One arm on one corpus metric, with its bootstrap interval or the reason why there is none.

    Args:
        table: The run; it holds counts of the metric.
        arm: Name of the arm.
        metric: Name of the metric.
        aggregate: From summed counts to the metric.
        alpha: Two-sided error rate.
        seed: The suite's.
    """
    counts = table.counts[metric]
    stats = counts.per_case(table.row(arm))
    known = ~np.isnan(stats).any(axis=1)
    clusters = table.clusters[known]
    n, n_clusters = int(known.sum()), int(np.unique(clusters).size)
    found = partial(Estimate, n=n, n_clusters=n_clusters)
    if n == 0:
        return found(mean=None, low=None, high=None, method="no score")
    statistic = _statistic(counts.names, aggregate)
    try:
        interval = corpus_metric(
            stats[known], clusters, statistic, alpha=alpha, rng=generator(seed, arm, metric)
        )
    except ValueError as error:
        mean = float(statistic(stats[known].sum(axis=0)))
        return found(mean=mean, low=None, high=None, method=f"no interval: {error}")
    return found(mean=interval.mean, low=interval.low, high=interval.high, method=interval.method)


def corpus_differences(
    table: ScoreTable,
    pairs: Iterable[tuple[str, str]],
    aggregates: Mapping[str, Aggregate],
    *,
    alpha: float,
    margin: float,
    seed: int,
) -> tuple[Difference, ...]:
    """Treatment minus control for each pair on each corpus metric, by paired bootstrap; p-values are not adjusted.

    Args:
        table: The run.
        pairs: Treatment and control, by name.
        aggregates: By metric; a metric without counts in this run is passed over.
        alpha: Two-sided error rate.
        margin: The loss that would not matter.
        seed: The suite's.
    """
    found = []
    distinct = tuple(dict.fromkeys(pairs))
    for metric, aggregate in aggregates.items():
        if metric not in table.counts:
            continue
        for treatment, control in distinct:
            record = _difference(table, treatment, control, metric, aggregate, alpha, seed)
            found.append(claimed(record, alpha=alpha, margin=margin))
    return tuple(found)


def _difference(
    table: ScoreTable,
    treatment: str,
    control: str,
    metric: str,
    aggregate: Aggregate,
    alpha: float,
    seed: int,
) -> Difference:
    counts = table.counts[metric]
    left, right = counts.per_case(table.row(treatment)), counts.per_case(table.row(control))
    both = ~(np.isnan(left).any(axis=1) | np.isnan(right).any(axis=1))
    left, right, clusters = left[both], right[both], table.clusters[both]
    found = partial(
        Difference,
        treatment=treatment,
        control=control,
        metric=metric,
        family="descriptive",
        n=int(both.sum()),
        n_clusters=int(np.unique(clusters).size),
        claim="no_claim",
    )
    nothing = partial(found, low=None, high=None, p_value=None, method="none")
    if not both.any():
        return nothing(estimate=None, note="no case has counts of both arms")
    statistic = _statistic(counts.names, aggregate)
    try:
        result = paired_corpus_difference(
            left,
            right,
            clusters,
            statistic,
            alpha=alpha,
            rng=generator(seed, treatment, control, metric),
        )
    except ValueError as error:
        gap = statistic(left.sum(axis=0)) - statistic(right.sum(axis=0))
        return nothing(estimate=float(gap), note=str(error))
    return found(
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
