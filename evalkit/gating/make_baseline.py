"""A finished run -> its baseline: what later runs are held against, rounded so that equal answers give equal lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.table import OK, SECONDS, FloatArray, ScoreTable
from evalkit.digest import digest_of
from evalkit.economics.latency import percentiles
from evalkit.gating.arm_identity import identity_parts
from evalkit.gating.measured_run import MeasuredRun
from evalkit.records.baseline import (
    Baseline,
    BaselineAnswer,
    BaselineArm,
    BaselineCase,
    BaselineMetric,
)
from evalkit.records.sample import LatencyRow
from evalkit.suite.schema import MetricConfig

SCORE_DIGITS = 6
"""Decimals of a score. Both sides of a comparison are rounded, so that no difference comes from rounding one."""
_COST_DIGITS = 6
_ENOUGH_ALONE = 72
"""The fewest independent times whose largest is above the 95th percentile in 97.5% of all draws: 0.95^72 < 0.025."""

Scores = tuple[float | tuple[float, ...] | None, ...]
Outputs = Mapping[tuple[str, str], str]
"""What an arm wrote for a case, by arm and case id."""


def guarded_arms(run: MeasuredRun, also: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the arms that the gate looks at: those that the suite names, else all candidates.

    Args:
        run: The run.
        also: Names of arms that are guarded too where the suite names none: those of a baseline.
    """
    if run.gate.arms:
        return tuple(run.gate.arms)
    return tuple(dict.fromkeys([*(arm.name for arm in run.table.candidates), *also]))


def baseline_of(run: MeasuredRun, *, arms: Sequence[str], outputs: Outputs | None = None) -> Baseline:
    """The baseline that a run makes; a run in question is read as one too, so that both sides are alike.

    Args:
        run: A finished run.
        arms: Names of the arms that it remembers; those that the run does not have are left out.
        outputs: What they wrote, where that is kept; None keeps none.
    """
    table, manifest = run.table, run.manifest
    here = [arm for arm in arms if any(each.name == arm for each in table.arms)]
    metrics = tuple(_metric(table, metric) for metric in run.suite.metrics)
    columns = [_Column(run, arm, metrics) for arm in here]
    return Baseline(
        suite=manifest.suite,
        run_id=manifest.run_id,
        created=run_day(run),
        evalkit_version=manifest.evalkit_version,
        git_commit=manifest.git_commit,
        primary_metric=table.primary,
        text_rule=run.text_rule,
        seed=manifest.seed,
        repeats=manifest.repeats,
        prices=manifest.digests.prices,
        prices_as_of=manifest.prices_as_of,
        currency=table.currency,
        metrics=metrics,
        arms=tuple(_arm(run, arm) for arm in here),
        set_aside=table.set_aside,
        cases=tuple(
            BaselineCase(
                id=case_id,
                content=run.contents.get(case_id),
                arms=tuple(column.answer(place) for column in columns),
                outputs=() if outputs is None else tuple(outputs.get((arm, case_id)) for arm in here),
            )
            for place, case_id in enumerate(table.case_ids)
        ),
    )


def run_day(run: MeasuredRun) -> str:
    """ISO date on which a run ended, in UTC; on which it began where its end is not known."""
    stamp = run.manifest.finished_at or run.manifest.started_at
    moment = datetime.fromisoformat(stamp)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date().isoformat()


class _Column:
    """One arm's answers, read case by case.

    Args:
        run: The run.
        arm: Name of the arm.
        metrics: In the order of the scores.
    """

    def __init__(self, run: MeasuredRun, arm: str, metrics: Sequence[BaselineMetric]) -> None:
        self._answers = run.log.answers(run.trainings(arm), run.table.case_ids)
        self._scores = [_values(run.table, arm, metric) for metric in metrics]
        self._costs = _shown_costs(run, arm)

    def answer(self, place: int) -> BaselineAnswer | None:
        """What the baseline keeps of the answer to the case at a place of the table; None where there is none."""
        if (digest := self._answers[place]) is None:
            return None
        return BaselineAnswer(digest, tuple(values[place] for values in self._scores), self._costs[place])


def metric_facts(metric: MetricConfig) -> BaselineMetric:
    """How a metric scores, as far as the suite says it."""
    definition = digest_of([metric.type, metric.options])
    return BaselineMetric(name=metric.name, type=metric.type, definition=definition)


def _metric(table: ScoreTable, metric: MetricConfig) -> BaselineMetric:
    pooled = metric.name in table.pooled_counts and metric.name not in table.values
    return replace(
        metric_facts(metric),
        pooled=pooled,
        judge=table.judges.get(metric.name),
        counts=table.pooled_counts[metric.name].names if pooled else (),
    )


def _values(
    table: ScoreTable, arm: str, metric: BaselineMetric
) -> Sequence[float | tuple[float, ...] | None]:
    """One entry for each case: a score, or the counts that are not 0, as position and amount by turns."""
    if not metric.pooled:
        rounded = np.round(table.scores(arm, metric.name), SCORE_DIGITS)
        return [None if np.isnan(value) else float(value) for value in rounded]
    dense = table.pooled_counts[metric.name].per_case(table.rows(arm))
    return [None if np.isnan(row).any() else tuple(_sparse(row)) for row in dense]


def _sparse(row: FloatArray) -> Iterator[float]:
    for place in np.flatnonzero(row):
        yield float(place)
        yield round(float(row[place]), SCORE_DIGITS)


def _arm(run: MeasuredRun, name: str) -> BaselineArm:
    table = run.table
    facts = table.arms[table.row(name)]
    rows = table.rows(name)
    parts = identity_parts(run, facts)
    models = _answering_models(table, rows)
    costs = run.costs(name)
    known = costs[np.isfinite(costs)]
    seconds, source = latency_of(run, name)
    timed = percentiles(seconds)
    return BaselineArm(
        name=name,
        identity=digest_of([parts, sorted(models)]),
        parts=parts,
        answering_models=models,
        trainings=len(rows),
        p95_latency_s=None if timed.p95 is None else round(timed.p95, 4),
        n_timed=timed.n,
        latency_source=source,
        mean_cost=_significant(float(known.mean())) if known.size else None,
        cost_sd=_spread(known) if known.size > 1 else None,
        n_costed=known.size,
        cost_kept="summary" if _device_timed(table, rows) else "per_case",
    )


def latency_of(run: MeasuredRun, arm: str) -> tuple[FloatArray, str | None]:
    """Seconds of an arm's answers, NaN where one was not timed, and how they were timed.

    ``isolated``: the cases that were timed alone, where they are 72 or more, which bound a 95th percentile, or the run
    answered in batches. Else ``service`` or ``batched``, as in the run; None without any.

    Args:
        run: The run.
        arm: Name of the arm.
    """
    alone = [row.timing.service_s for row in timed_alone(run, arm)]
    rows = run.table.rows(arm)
    seconds = run.table.seconds[rows].astype(np.float64)
    service = seconds[..., SECONDS.index("service_s")].ravel()
    known = bool(np.isfinite(service).any())
    batched = bool((np.nan_to_num(seconds[..., SECONDS.index("batch_size")]) > 1).any())
    if alone and (len(alone) >= _ENOUGH_ALONE or batched or not known):
        return np.array(alone, dtype=np.float64), "isolated"
    if not known:
        return service, None
    return service, "batched" if batched else "service"


def timed_alone(run: MeasuredRun, arm: str) -> list[LatencyRow]:
    """Rows of the isolated pass with a time for an arm and a case that takes part."""
    ids = set(run.table.case_ids)
    rows = (row for row in run.latency if row.arm == arm and row.case_id in ids)
    return [row for row in rows if row.timing.service_s is not None]


def _shown_costs(run: MeasuredRun, arm: str) -> list[float | None]:
    if _device_timed(run.table, run.table.rows(arm)):
        return [None] * run.table.n_cases
    return [None if np.isnan(cost) else _significant(float(cost)) for cost in run.costs(arm)]


def _device_timed(table: ScoreTable, rows: Sequence[int]) -> bool:
    """Whether costs follow from seconds of a device of this machine, which differ each time."""
    return bool(np.isfinite(table.seconds[rows, ..., SECONDS.index("device_s")]).any())


def _answering_models(table: ScoreTable, rows: Sequence[int]) -> dict[str, int]:
    codes = table.answered_by[rows][table.status[rows] == OK]
    counts = np.bincount(codes, minlength=len(table.answering_models))
    named = zip(table.answering_models, counts, strict=True)
    return {model: int(count) for model, count in named if model and count}


def _spread(costs: FloatArray) -> float:
    """The standard deviation; 0 for equal costs, whose mean differs from them in the last bits."""
    return _significant(float(costs.std(ddof=1))) if np.ptp(costs) > 0.0 else 0.0


def _significant(value: float) -> float:
    return float(f"{value:.{_COST_DIGITS}g}")
