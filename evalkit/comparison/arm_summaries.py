"""Each arm's figures: quality with intervals, coverage, latency, tokens, money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.failures import AnswerFacts
from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import (
    ERROR,
    FINISH_REASONS,
    LIMIT,
    OK,
    SECONDS,
    TOKEN_KINDS,
    BoolArray,
    FloatArray,
    ScoreTable,
)
from evalkit.economics.latency import Percentiles, percentiles, tpot
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Estimate, Failures, LatencySummary, TokenSummary
from evalkit.records.record import Money
from evalkit.records.sample import LatencyRow
from evalkit.stats.compare import one_arm


@dataclass(frozen=True, slots=True)
class ArmMeasurements:
    """What was measured of the arms besides their scores; an arm may be missing from each mapping.

    Attributes:
        latency: Rows of the isolated pass; they win over the service times of the run.
        latency_limit_s: Seconds of an arm's answers after which that pass times no further case; None for no limit.
        facts: By arm, failures by kind and retrieval figures, from ``failures.read_answers``.
        chance: By arm, the primary metric with references shuffled between clusters (negative control).
        prefix_tokens: By arm, counted tokens of the prompt prefix that all its requests share.
    """

    latency: Sequence[LatencyRow] = ()
    latency_limit_s: float | None = None
    facts: Mapping[str, AnswerFacts] = field(default_factory=dict)
    chance: Mapping[str, float] = field(default_factory=dict)
    prefix_tokens: Mapping[str, float] = field(default_factory=dict)


def summarise_arms(
    table: ScoreTable, settings: ComparisonSettings, measured: ArmMeasurements
) -> tuple[ArmSummary, ...]:
    """One record per arm, in the table's order.

    Args:
        table: The run.
        settings: Error rate of the intervals, and seed.
        measured: What goes into the records besides scores. Where the shared prefix of a local model's prompts was not
            counted, the tokens that came from a prefix prefilled once are taken.
    """
    return tuple(_summary(table, row, settings, measured) for row in range(len(table.arms)))


def estimate(
    table: ScoreTable,
    arm: str,
    metric: str,
    settings: ComparisonSettings,
    *,
    keep: BoolArray | None = None,
) -> Estimate:
    """The mean of one arm on one metric, with its interval or the reason why there is none.

    Args:
        table: The run.
        arm: Name of the arm.
        metric: Name of the metric.
        settings: Error rate and seed.
        keep: Shape (n_cases,), False for cases to leave out.
    """
    scores = table.scores(arm, metric)
    if keep is not None:
        scores = np.where(keep, scores, np.nan)
    return estimate_of(
        table,
        scores,
        settings,
        binary=table.is_binary(metric, (arm,)),
        rng=generator(settings.seed, arm, metric),
    )


def estimate_of(
    table: ScoreTable,
    scores: FloatArray,
    settings: ComparisonSettings,
    *,
    binary: bool,
    rng: np.random.Generator,
) -> Estimate:
    """The mean of scores of the table's cases, with its interval or the reason why there is none.

    Args:
        table: The run; its clusters are those of the cases.
        scores: Shape (n_cases,), NaN where there is none.
        settings: Error rate; the seed is not used.
        binary: Whether the scores are 0 or 1.
        rng: Source of chance.
    """
    scored = np.isfinite(scores)
    clusters = table.clusters[scored]
    n, n_clusters = int(scored.sum()), int(np.unique(clusters).size)
    if n == 0:
        return Estimate(mean=None, low=None, high=None, method="no score", n=0, n_clusters=0)
    try:
        interval = one_arm(
            scores[scored],
            clusters,
            binary=binary,
            alpha=settings.alpha,
            rng=rng,
        )
    except ValueError as error:
        return Estimate(
            mean=float(scores[scored].mean()),
            low=None,
            high=None,
            method=f"no interval: {error}",
            n=n,
            n_clusters=n_clusters,
        )
    return Estimate(
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        method=interval.method,
        n=n,
        n_clusters=n_clusters,
    )


def _summary(
    table: ScoreTable, row: int, settings: ComparisonSettings, measured: ArmMeasurements
) -> ArmSummary:
    arm = table.arms[row]
    trainings = table.trainings(arm.name)
    rows = table.rows(arm.name)
    facts = measured.facts.get(arm.name)
    status = table.status[rows]
    tokens = _tokens(table, rows)
    device_s = _finite_mean(table.seconds[rows, ..., SECONDS.index("device_s")])
    unit_cost = _finite_mean(table.cost[rows])
    prefilled = tokens.cache_read if tokens is not None and device_s is not None else None
    return ArmSummary(
        name=arm.name,
        kind=arm.kind,
        role=arm.role,
        parent=arm.parent,
        shots=arm.shots,
        fraction=arm.fraction,
        seed=arm.seed,
        model=arm.model,
        n=status.size,
        ok=int((status == OK).sum()),
        errors=int((status == ERROR).sum()),
        limited=int((status == LIMIT).sum()),
        coverage=float((status == OK).mean()) if status.size else 0.0,
        quality={metric: estimate(table, arm.name, metric, settings) for metric in table.metrics},
        worst_case=_worst_case(table, rows),
        latency=_latency(table, arm.name, measured.latency, measured.latency_limit_s),
        tokens=tokens,
        prefix_tokens=measured.prefix_tokens.get(arm.name, prefilled),
        device_s=device_s,
        prefill_s=_finite_mean(table.seconds[rows, ..., SECONDS.index("prefill_s")]) or 0.0,
        unit_cost=None if unit_cost is None else Money(repr(round(unit_cost, 12))),
        currency=None if unit_cost is None else table.currency,
        finish_reasons=_finish_reasons(table, rows),
        failures=_failures([measured.facts[each.name] for each in trainings if each.name in measured.facts]),
        retrieval=None if facts is None else facts.retrieval,
        replayed=int(table.replayed[rows].sum()),
        **training_facts(table, arm.name),
        answering_models=_answering_models(table, row),
        scorer_chance=measured.chance.get(arm.name),
    )


class TrainingFacts(TypedDict):
    """The fields of ``ArmSummary`` about an arm's trainings."""

    seeds: int | None
    seeds_known: bool
    seed_means: dict[int, float]


def training_facts(table: ScoreTable, arm: str) -> TrainingFacts:
    """How many trainings an arm is the mean of, whether that is known, and each one's mean."""
    facts, trainings = table.arms[table.row(arm)], table.trainings(arm)
    return {
        "seeds": len(trainings) if facts.tuned else None,
        "seeds_known": not facts.tuned or facts.seed is not None,
        "seed_means": _seed_means(table, trainings) if facts.role == "candidate" else {},
    }


def _seed_means(table: ScoreTable, trainings: Sequence[ArmFacts]) -> dict[int, float]:
    """Mean of the primary metric by training seed, each over the cases that it has a score for."""
    scores = {each.seed: table.training_scores(each.name) for each in trainings}
    return {
        seed: float(values[np.isfinite(values)].mean())
        for seed, values in scores.items()
        if seed is not None and np.isfinite(values).any()
    }


def _failures(facts: Sequence[AnswerFacts]) -> Failures | None:
    """Wrong answers by kind, added up over the trainings; None where no answer was looked at."""
    counts = [each.failures for each in facts if each.failures is not None]
    if len(counts) <= 1:
        return next(iter(counts), None)
    return Failures(
        **{kind: sum(getattr(each, kind) for each in counts) for kind in Failures.__struct_fields__}
    )


def _worst_case(table: ScoreTable, rows: list[int]) -> float | None:
    cells = table.values.get(table.primary)
    if cells is None or np.isfinite(cells[rows]).all():
        return None
    return float(np.nan_to_num(cells[rows], nan=0.0).mean())


def _tokens(table: ScoreTable, rows: list[int]) -> TokenSummary | None:
    means = [_finite_mean(table.tokens[rows, ..., kind]) for kind in range(len(TOKEN_KINDS))]
    measured = [mean for mean in means if mean is not None]
    if len(measured) < len(TOKEN_KINDS):
        return None
    return TokenSummary(**dict(zip(TOKEN_KINDS, measured, strict=True)))


def _finish_reasons(table: ScoreTable, rows: list[int]) -> dict[str, int]:
    counts = np.bincount(table.finish[rows][table.status[rows] == OK], minlength=len(FINISH_REASONS))
    return {reason: int(count) for reason, count in zip(FINISH_REASONS, counts, strict=True) if count}


def _answering_models(table: ScoreTable, row: int) -> dict[str, int]:
    """Answers by the model that gave them, as the providers said it; answers of which nothing is said are left out."""
    counts = np.bincount(
        table.answered_by[row][table.status[row] == OK], minlength=len(table.answering_models)
    )
    return {
        model: int(count)
        for model, count in zip(table.answering_models, counts, strict=True)
        if model and count
    }


def _latency(
    table: ScoreTable, arm: str, isolated_pass: Sequence[LatencyRow], limit_s: float | None
) -> LatencySummary | None:
    """Latency of one arm: from the isolated pass where there was one, else from the service times of the run."""
    output = table.tokens[table.row(arm), ..., TOKEN_KINDS.index("output")]
    isolated = [entry for entry in isolated_pass if entry.arm == arm and entry.timing.service_s is not None]
    if isolated:
        columns = {case_id: column for column, case_id in enumerate(table.case_ids)}
        service = _floats([entry.timing.service_s for entry in isolated])
        first = _floats([entry.timing.ttft_s for entry in isolated])
        places = [columns.get(entry.case_id) for entry in isolated]
        written = _floats([None if at is None else float(output[at, 0]) for at in places])
        summary = _latency_summary(percentiles(service), first, tpot(service, first, written), "isolated")
        over = limit_s is not None and float(np.nansum(service)) >= limit_s
        return replace(summary, alone_s=tuple(service.tolist()), limit_s=limit_s if over else None)
    rows = table.rows(arm)
    seconds, output = (
        table.seconds[rows].astype(np.float64),
        table.tokens[rows, ..., TOKEN_KINDS.index("output")],
    )
    service, first = (
        seconds[..., SECONDS.index("service_s")].ravel(),
        seconds[..., SECONDS.index("ttft_s")].ravel(),
    )
    timed = percentiles(service)
    if timed.n == 0:
        return None
    batched = bool((np.nan_to_num(seconds[..., SECONDS.index("batch_size")]) > 1).any())
    return _latency_summary(
        timed,
        first,
        tpot(service, first, output.astype(np.float64).ravel()),
        "batched" if batched else "service",
    )


def _latency_summary(
    service: Percentiles, first: FloatArray, per_token: FloatArray, source: str
) -> LatencySummary:
    to_first = percentiles(first)
    between = per_token[np.isfinite(per_token) & (per_token > 0.0)]
    return LatencySummary(
        p50=service.p50,
        p90=service.p90,
        p95=service.p95,
        p99=service.p99,
        n=service.n,
        source=source,
        ttft_p50=to_first.p50,
        ttft_p95=to_first.p95,
        tokens_per_s=float(1.0 / np.median(between)) if between.size else None,
    )


def _floats(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _finite_mean(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if finite.size else None
