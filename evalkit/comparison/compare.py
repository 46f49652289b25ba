"""From a table of scores to ``comparison.json``: the contents page of this floor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.arm_summaries import ArmMeasurements, estimate, summarise_arms
from evalkit.comparison.confusion import confusions
from evalkit.comparison.curves import curves
from evalkit.comparison.differences import (
    all_differences,
    best_untuned,
    family_of,
    mean_score,
    oracle,
    tuned_candidates,
)
from evalkit.comparison.failures import FORM_CHECKS
from evalkit.comparison.pooled_metrics import pooled_differences, pooled_estimate
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.slices import slices
from evalkit.comparison.table import OK, ScoreTable
from evalkit.metrics.protocol import Aggregate
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Comparison, ExtraSet
from evalkit.records.digits import rounded
from evalkit.records.tuning import TuningReport
from evalkit.suite.schema import OptimisedPrompt, PromptConfig, Suite
from evalkit.text.number_format import points


def form_metrics(suite: Suite) -> tuple[str, ...]:
    """Names of the metrics that check the form of an answer: those of type ``regex`` and ``json_schema``."""
    return tuple(metric.name for metric in suite.metrics if metric.type in FORM_CHECKS)


def compare(
    suite: Suite,
    table: ScoreTable,
    measured: ArmMeasurements | None = None,
    *,
    tuning: TuningReport | None = None,
    aggregates: Mapping[str, Aggregate] | None = None,
    extra: Mapping[str, ScoreTable] | None = None,
) -> Comparison:
    """Summarise every arm and compare the candidates with each other.

    The same input gives the same record, bit for bit, on every processor and in whatever order the cases come.

    Args:
        suite: Margin, alpha, reference arm, seed, prompts.
        table: The run.
        measured: What was measured of the arms besides their scores; left out, no failures, no recall and no negative
            control are given.
        tuning: Turns fractions into rows for the learning curve.
        aggregates: By pooled metric, from summed counts to the metric; left out, no pooled metric is given.
        extra: By extra task set, its scores; they stay apart from the main ones.
    """
    settings, reference = ComparisonSettings.of_suite(suite), suite.reference_arm
    summaries = summarise_arms(table, settings, measured or ArmMeasurements())
    summaries = _with_counts(table, summaries, aggregates or {}, settings)
    differences = all_differences(table, settings, reference=reference)
    differences += pooled_differences(
        table, ((item.treatment, item.control) for item in differences), aggregates or {}, settings
    )
    found = Comparison(
        primary_metric=table.primary,
        binary=table.is_binary(),
        alpha=settings.alpha,
        margin=settings.margin,
        reference_arm=reference,
        n_cases=table.n_cases,
        n_clusters=table.n_clusters,
        arms=summaries,
        differences=differences,
        curves=curves(table, summaries, tuning, settings),
        oracle_best_of_arms=oracle(table),
        config_differences=config_differences(suite, table.arms, reference),
        missing_reasons=dict(table.missing_reasons),
        notes=_notes(table),
        extra=_extra_sets(suite, extra or {}, settings),
        slices=slices(table, settings, reference=reference),
    )
    return rounded(found)


def config_differences(suite: Suite, arms: tuple[ArmFacts, ...], reference: str) -> tuple[str, ...]:
    """One sentence for each candidate that differs from the reference arm in what was not meant to differ.

    Model, retrieval and declared shots are meant to differ; other settings and prompt texts could explain a
    difference as well.

    Args:
        suite: Holds the prompts.
        arms: The run's arms with the settings their models were given.
        reference: Name of the arm that the others are compared with.
    """
    by_name = {arm.name: arm for arm in arms}
    if reference not in by_name:
        return ()
    against = by_name[reference]
    sentences = []
    for arm in arms:
        if arm.role == "candidate" and arm.name != reference:
            parts = [*_settings(arm, against), *_prompts(suite, arm, against)]
            if parts:
                sentences.append(f"{arm.name} and {reference} also differ in {'; '.join(parts)}")
    return tuple(sentences)


def _with_counts(
    table: ScoreTable,
    summaries: Sequence[ArmSummary],
    aggregates: Mapping[str, Aggregate],
    settings: ComparisonSettings,
) -> tuple[ArmSummary, ...]:
    """The summaries with their pooled metrics and confusion matrices."""
    matrices = confusions(table)
    return tuple(
        replace(
            summary,
            quality=summary.quality
            | {
                metric: pooled_estimate(table, summary.name, metric, aggregate, settings)
                for metric, aggregate in aggregates.items()
                if metric in table.pooled_counts
            },
            confusion=matrices.get(summary.name),
        )
        for summary in summaries
    )


def _extra_sets(
    suite: Suite, tables: Mapping[str, ScoreTable], settings: ComparisonSettings
) -> tuple[ExtraSet, ...]:
    """Each extra task set: every tuned candidate against the reference arm, adjusted by Holm within the set."""
    sets = []
    for name, table in tables.items():
        config, metric = suite.extra_cases[name], suite.extra_metric(name)
        answered = [arm.name for arm in table.candidates if mean_score(table, arm.name) is not None]
        sets.append(
            ExtraSet(
                name=name,
                kind=config.kind,
                metric=metric,
                margin=config.margin,
                n_cases=table.n_cases,
                quality={arm: estimate(table, arm, metric, settings) for arm in answered},
                differences=family_of(
                    table,
                    [arm for arm in tuned_candidates(table) if arm in answered],
                    suite.reference_arm,
                    dataclasses.replace(settings, margin=config.margin),
                    family="extra",
                ),
            )
        )
    return tuple(sets)


def _notes(table: ScoreTable) -> tuple[str, ...]:
    notes = ["Differences on metrics other than the primary one are not adjusted for their number."]
    if table.primary not in table.values:
        notes.append(f"No sample has a score of the primary metric {table.primary!r}.")
    untuned = best_untuned(table)
    if untuned is not None and any(arm.tuned for arm in table.candidates):
        notes.append(
            f"Tuned candidates are held against {untuned}, the untuned candidate of the highest mean."
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


def _settings(arm: ArmFacts, against: ArmFacts) -> Iterator[str]:
    for key in sorted(arm.settings.keys() | against.settings.keys()):
        mine, theirs = arm.settings.get(key, "not set"), against.settings.get(key, "not set")
        if mine != theirs:
            yield f"{key}, {mine} and {theirs}"


def _prompts(suite: Suite, arm: ArmFacts, against: ArmFacts) -> Iterator[str]:
    mine, theirs = _prompt_of(suite, arm), _prompt_of(suite, against)
    if mine is None or theirs is None:
        if arm.prompt != against.prompt:
            yield f"prompt, {arm.prompt} and {against.prompt}"
        return
    fields = ["system", "user"]
    if arm.retrieval and against.retrieval:
        fields.append("passages")
    if arm.shots and against.shots:
        fields += ["answer", "examples"]
    yield from (_PROMPT_PARTS[name] for name in fields if getattr(mine, name) != getattr(theirs, name))
    own = [prompt.demonstrations if isinstance(prompt, OptimisedPrompt) else () for prompt in (mine, theirs)]
    if own[0] != own[1]:
        yield "the demonstrations of the optimised prompt"


_PROMPT_PARTS = {
    "system": "the system prompt",
    "user": "how the question is worded",
    "passages": "how passages are laid out",
    "answer": "how example answers are laid out",
    "examples": "how examples are chosen",
}
"""By part of a prompt, what two arms differ in where it is not the same text."""


def _prompt_of(suite: Suite, arm: ArmFacts) -> PromptConfig | None:
    """The prompt as the suite resolves it; None for an arm that the suite no longer has."""
    name = arm.parent or arm.name
    return suite.prompt_of(name)[1] if name in suite.arms else None
