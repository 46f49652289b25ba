"""From a table of scores to ``comparison.json``: the contents page of this floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.arm_summaries import summarise_arms
from evalkit.comparison.config_diff import config_differences
from evalkit.comparison.confusion import confusions
from evalkit.comparison.curves import curves
from evalkit.comparison.differences import all_differences, best_untuned, oracle
from evalkit.comparison.extra_cases import extra_sets
from evalkit.comparison.failures import FORM_CHECKS, AnswerFacts
from evalkit.comparison.pooled_metrics import corpus_differences, corpus_estimate
from evalkit.comparison.slices import slices
from evalkit.comparison.table import OK, ScoreTable
from evalkit.metrics.protocol import Aggregate
from evalkit.records.comparison import ArmSummary, Comparison
from evalkit.records.digits import rounded
from evalkit.records.sample import LatencyRow
from evalkit.records.tuning import TuningReport
from evalkit.text.number_format import points

if TYPE_CHECKING:
    from evalkit.suite.schema import Suite


def form_metrics(suite: Suite) -> tuple[str, ...]:
    """Names of the metrics that check the form of an answer: those of type ``regex`` and ``json_schema``."""
    return tuple(metric.name for metric in suite.metrics if metric.type in FORM_CHECKS)


def compare(
    suite: Suite,
    table: ScoreTable,
    *,
    latency: Sequence[LatencyRow] = (),
    facts: Mapping[str, AnswerFacts] | None = None,
    chance: Mapping[str, float] | None = None,
    prefix_tokens: Mapping[str, float] | None = None,
    tuning: TuningReport | None = None,
    aggregates: Mapping[str, Aggregate] | None = None,
    extra: Mapping[str, ScoreTable] | None = None,
) -> Comparison:
    """Summarise every arm and hold the candidates against each other.

    The same input gives the same record, bit for bit, on every processor and in whatever order the cases come.

    Args:
        suite: Margin, alpha, reference arm, seed, prompts.
        table: The run.
        latency: Rows of the isolated pass.
        facts: By arm, from ``failures.read_answers``; left out, no failures and no recall are given.
        chance: By arm, the primary metric with references shuffled between clusters (negative control).
        prefix_tokens: By arm, counted tokens of the prompt prefix that all its requests share.
        tuning: Turns fractions into rows for the learning curve.
        aggregates: By corpus metric, from summed counts to the metric; left out, no corpus metric is given.
        extra: By extra task set, its scores; they stay apart from the main ones.
    """
    decision, seed = suite.decision, suite.run.seed
    alpha, margin, reference = decision.alpha, decision.margin, suite.reference_arm
    summaries = summarise_arms(
        table,
        latency=latency,
        facts=facts or {},
        chance=chance or {},
        prefix_tokens=prefix_tokens or {},
        alpha=alpha,
        seed=seed,
    )
    summaries = _with_counts(table, summaries, aggregates or {}, alpha=alpha, seed=seed)
    differences = all_differences(table, reference=reference, alpha=alpha, margin=margin, seed=seed)
    differences += corpus_differences(
        table,
        ((found.treatment, found.control) for found in differences),
        aggregates or {},
        alpha=alpha,
        margin=margin,
        seed=seed,
    )
    found = Comparison(
        primary_metric=table.primary,
        binary=table.is_binary(),
        alpha=alpha,
        margin=margin,
        reference_arm=reference,
        n_cases=table.n_cases,
        n_clusters=table.n_clusters,
        arms=summaries,
        differences=differences,
        curves=curves(table, summaries, tuning, alpha=alpha, margin=margin, seed=seed),
        oracle_best_of_arms=oracle(table),
        config_differences=config_differences(suite, table.arms, reference),
        missing_reasons=dict(table.missing_reasons),
        notes=_notes(table),
        extra=extra_sets(suite, extra or {}),
        slices=slices(table, alpha=alpha, margin=margin, seed=seed, reference=reference),
    )
    return rounded(found)


def _with_counts(
    table: ScoreTable,
    summaries: Sequence[ArmSummary],
    aggregates: Mapping[str, Aggregate],
    *,
    alpha: float,
    seed: int,
) -> tuple[ArmSummary, ...]:
    """The summaries with their corpus metrics and confusion matrices."""
    matrices = confusions(table)
    return tuple(
        replace(
            summary,
            quality=summary.quality
            | {
                metric: corpus_estimate(table, summary.name, metric, aggregate, alpha=alpha, seed=seed)
                for metric, aggregate in aggregates.items()
                if metric in table.counts
            },
            confusion=matrices.get(summary.name),
        )
        for summary in summaries
    )


def _notes(table: ScoreTable) -> tuple[str, ...]:
    notes = ["Differences on metrics other than the primary one are not adjusted for their number."]
    if table.primary not in table.values:
        notes.append(f"No sample has a score of the primary metric {table.primary!r}.")
    control = best_untuned(table)
    if control is not None and any(arm.tuned for arm in table.candidates):
        notes.append(
            f"Tuned candidates are held against {control}, the untuned candidate of the highest mean."
        )
    owed = int((table.status != OK).sum())
    if owed:
        notes.append(
            f"{owed} of {table.status.size} cells have no answer; arms are compared on the cases both answered."
        )
    if table.status.shape[2] > 1 and (spread := _repeat_spread(table)) is not None:
        notes.append(
            f"Between repeats of one case the primary score varies by {points(spread).removeprefix('+')} points "
            "(standard deviation)."
        )
    return tuple(notes)


def _repeat_spread(table: ScoreTable) -> float | None:
    """Root mean variance between repeats of one case and arm; None where no cell has two."""
    cells = table.values.get(table.primary)
    if cells is None:
        return None
    cells = cells.reshape(-1, cells.shape[2])
    cells = cells[np.isfinite(cells).all(axis=1)]
    return float(np.sqrt(cells.var(axis=1, ddof=1).mean())) if cells.size else None
