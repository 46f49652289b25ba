"""Samples -> scores, and what the primary metric gives on shuffled references: the negative control.

scores.jsonl             a row for each sample and metric
negative_control.json    by candidate, the mean of the primary metric; read while comparing
"""

from __future__ import annotations

from evalkit.metrics.protocol import is_async
from evalkit.pipeline.base_knowledge import record_base_knowledge
from evalkit.pipeline.extra_cases import extra_folder
from evalkit.pipeline.prepare import Prepared
from evalkit.records.score import NegativeControl
from evalkit.scoring.metric_loop import MetricLoop
from evalkit.scoring.score import negative_control, score_samples
from evalkit.store.jsonl import rewrite
from evalkit.store.run_folder import RunFolder

CONTROL_FILE = "negative_control.json"


def score(prepared: Prepared, run: RunFolder) -> int:
    """Samples -> scores. Rewrites ``scores.jsonl`` whole, and the extra sets'; gives the number of the run's rows.

    The negative control of the primary metric is part of it, since a metric may ask a model and no comparison may.
    """

    def remove_outdated() -> None:
        run.remove_derived_files()
        run.file(CONTROL_FILE).unlink(missing_ok=True)

    with MetricLoop() as loop:
        record_base_knowledge(prepared, run, loop)
        for name, cases in prepared.extra.items():
            metric, extra_run = prepared.suite.extra_metric(name), extra_folder(run, name)
            rows = score_samples(extra_run.samples(), cases, {metric: prepared.metrics[metric]}, loop=loop)
            rewrite(extra_run.scores_file, rows, before=remove_outdated)
        rows = score_samples(run.samples(), prepared.cases, prepared.metrics, loop=loop)
        written = rewrite(run.scores_file, rows, before=remove_outdated)
        run.write(CONTROL_FILE, _measured(prepared, run, loop))
    return written


def chance_scores(prepared: Prepared, run: RunFolder) -> dict[str, float]:
    """By candidate, the primary metric with references shuffled; those without one are left out.

    A run that was scored before there was such a file is measured from its samples, unless that would ask a model:
    then no candidate has one until the run is scored again.
    """
    suite = prepared.suite
    control = run.read(CONTROL_FILE, NegativeControl) if run.has(CONTROL_FILE) else None
    if control is None or (control.metric, control.seed) != (suite.primary_metric, suite.run.seed):
        if is_async(prepared.metrics[suite.primary_metric]):
            return {}
        with MetricLoop() as loop:
            control = _measured(prepared, run, loop)
    return {arm: mean for arm, mean in control.arms.items() if mean is not None}


def _measured(prepared: Prepared, run: RunFolder, loop: MetricLoop) -> NegativeControl:
    """The primary metric of each candidate with its references shuffled."""
    suite = prepared.suite
    metric = prepared.metrics[suite.primary_metric]
    candidates = [arm.name for arm in run.manifest().arms if arm.role == "candidate"]
    return NegativeControl(
        metric=suite.primary_metric,
        seed=suite.run.seed,
        arms={
            name: negative_control(
                (sample for sample in run.samples() if sample.arm == name),
                prepared.cases,
                metric,
                seed=suite.run.seed,
                loop=loop,
            )
            for name in candidates
        },
    )
