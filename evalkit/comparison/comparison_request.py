"""Differences of one run by request: on further metrics, or of one pair of arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.comparison.pairwise import difference
from evalkit.comparison.pooled_metrics import pooled_differences
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import ScoreTable
from evalkit.errors import InputError, did_you_mean
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import Comparison, Difference
from evalkit.records.comparison_result import ComparisonResult
from evalkit.records.manifest import Manifest

Pair = tuple[str, str]
"""Control and treatment: a difference is the second minus the first."""


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """What is compared.

    Attributes:
        metrics: Names of metrics besides the primary one.
        arms: One pair, or None for all pairs that the run compares.
    """

    metrics: Sequence[str] = ()
    arms: Pair | None = None


def requested_differences(
    manifest: Manifest,
    table: ScoreTable,
    comparison: Comparison,
    aggregates: Mapping[str, Aggregate],
    request: ComparisonRequest,
    *,
    seed: int,
) -> ComparisonResult:
    """The two Holm families of a run, or one pair, on the primary metric and on others.

    A pair that the run already compared keeps its Holm-adjusted p-value; one that it did not is compared now, and its
    p-value is not adjusted.

    Args:
        manifest: Of the run.
        table: Its scores.
        comparison: Its differences, with the error rate and margin that they were judged by.
        aggregates: By pooled metric, from summed counts to the metric.
        request: The metrics and the pair.
        seed: The suite's.

    Raises:
        InputError: A metric or an arm has another name.
    """
    settings = ComparisonSettings(comparison.alpha, comparison.margin, seed)
    metrics = check_metrics(request.metrics, table)
    differences: list[Difference] = []
    if request.arms is None:
        differences = [
            item
            for metric in metrics
            for item in comparison.differences
            if item.metric == metric and (metric != table.primary or item.family in ("reference", "tuned"))
        ]
        notes = (
            ()
            if differences
            else ("This run has fewer than two candidates with scores: nothing to compare.",)
        )
    else:
        control, treatment = check_arms(request.arms, table)
        for metric in metrics:
            differences += _compared_before(comparison, treatment, control, metric) or [
                *pair_on(table, treatment, control, metric, aggregates, settings)
            ]
        alone = any(item.p_adjusted is None for item in differences if item.metric == table.primary)
        notes = ("This pair is in no family of the run: its p-value is not adjusted.",) if alone else ()
    return ComparisonResult(
        run=manifest.run_id,
        primary_metric=table.primary,
        alpha=settings.alpha,
        margin=settings.margin,
        n_cases=table.n_cases,
        differences=tuple(differences),
        notes=notes,
    )


def check_metrics(metrics: Sequence[str], table: ScoreTable) -> tuple[str, ...]:
    """The primary metric and the requested ones, each once.

    Raises:
        InputError: The run has no scores of one of them.
    """
    scored = [*table.metrics, *(name for name in table.pooled_counts if name not in table.values)]
    for name in metrics:
        if name not in scored:
            raise InputError(f"there are no scores of {name!r}. {did_you_mean(name, scored)}")
    return tuple(dict.fromkeys((table.primary, *metrics)))


def check_arms(arms: Pair, table: ScoreTable) -> Pair:
    """The pair as it was given, once both names are those of arms of the run.

    Raises:
        InputError: No arm has one of the names, or both names are the same.
    """
    names = [facts.name for facts in table.arms]
    for name in arms:
        if name not in names:
            raise InputError(f"--arms: no arm is called {name!r}. {did_you_mean(name, names)}")
    if arms[0] == arms[1]:
        raise InputError(f"--arms: {arms[0]!r} cannot be compared with itself; name two arms, or two runs")
    return arms


def pair_on(
    table: ScoreTable,
    treatment: str,
    control: str,
    metric: str,
    aggregates: Mapping[str, Aggregate],
    settings: ComparisonSettings,
) -> tuple[Difference, ...]:
    """Treatment minus control on one metric, whether of single answers or pooled; the p-value is not adjusted."""
    if metric in aggregates and metric in table.pooled_counts:
        return pooled_differences(table, [(treatment, control)], {metric: aggregates[metric]}, settings)
    return (difference(table, treatment, control, metric, settings, family="descriptive"),)


def _compared_before(comparison: Comparison, treatment: str, control: str, metric: str) -> list[Difference]:
    return [
        item
        for item in comparison.differences
        if (item.treatment, item.control, item.metric) == (treatment, control, metric)
    ]
