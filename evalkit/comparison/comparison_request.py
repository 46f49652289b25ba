"""The differences of one run that somebody asked for, by metric and by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.comparison.pairwise import difference
from evalkit.comparison.pooled_metrics import corpus_differences
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
        metrics: Beside the primary one.
        arms: One pair, or None for all that the run compares.
    """

    metrics: Sequence[str] = ()
    arms: Pair | None = None


def asked_differences(
    manifest: Manifest,
    table: ScoreTable,
    comparison: Comparison,
    aggregates: Mapping[str, Aggregate],
    asked: ComparisonRequest,
    *,
    seed: int,
) -> ComparisonResult:
    """The two Holm families of a run, or one pair, on the primary metric and on others.

    A pair that the run already compared keeps its Holm-adjusted p-value; one that it did not is compared now, and its
    p-value is not adjusted.

    Args:
        manifest: Of the run.
        table: Its scores.
        comparison: Its differences.
        aggregates: By corpus metric, from summed counts to the metric.
        asked: What is wanted.
        seed: The suite's.

    Raises:
        InputError: A metric or an arm has another name.
    """
    wanted = check_metrics(asked.metrics, table)
    if asked.arms is None:
        found = [
            item
            for metric in wanted
            for item in comparison.differences
            if item.metric == metric and (metric != table.primary or item.family in ("reference", "tuned"))
        ]
        notes = () if found else ("This run has fewer than two candidates with scores: nothing to compare.",)
    else:
        control, treatment = check_arms(asked.arms, table)
        found = []
        for metric in wanted:
            found += _known(comparison, treatment, control, metric) or [
                *pair_on(
                    table,
                    treatment,
                    control,
                    metric,
                    aggregates,
                    alpha=comparison.alpha,
                    margin=comparison.margin,
                    seed=seed,
                )
            ]
        alone = any(item.p_adjusted is None for item in found if item.metric == table.primary)
        notes = ("This pair is in no family of the run: its p-value is not adjusted.",) if alone else ()
    return ComparisonResult(
        run=manifest.run_id,
        primary_metric=table.primary,
        alpha=comparison.alpha,
        margin=comparison.margin,
        n_cases=table.n_cases,
        differences=tuple(found),
        notes=notes,
    )


def check_metrics(metrics: Sequence[str], table: ScoreTable) -> tuple[str, ...]:
    """The primary metric and those asked for, each once.

    Raises:
        InputError: There are no scores of one.
    """
    known = [*table.metrics, *(name for name in table.counts if name not in table.values)]
    for name in metrics:
        if name not in known:
            raise InputError(f"there are no scores of {name!r}. {did_you_mean(name, known)}")
    return tuple(dict.fromkeys((table.primary, *metrics)))


def check_arms(arms: Pair, table: ScoreTable) -> Pair:
    """The same pair.

    Raises:
        InputError: An arm has another name, or both are one.
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
    *,
    alpha: float,
    margin: float,
    seed: int,
) -> tuple[Difference, ...]:
    """Treatment minus control on one metric, of single answers or of the whole corpus; p-value not adjusted."""
    if metric in aggregates and metric in table.counts:
        chosen = {metric: aggregates[metric]}
        return corpus_differences(
            table, [(treatment, control)], chosen, alpha=alpha, margin=margin, seed=seed
        )
    family = "descriptive"
    return (
        difference(table, treatment, control, metric, family=family, alpha=alpha, margin=margin, seed=seed),
    )


def _known(comparison: Comparison, treatment: str, control: str, metric: str) -> list[Difference]:
    return [
        item
        for item in comparison.differences
        if (item.treatment, item.control, item.metric) == (treatment, control, metric)
    ]
