"""What the primary metric gives on shuffled references: measured while scoring, read while comparing.

    negative_control.json    by candidate, the mean of the primary metric

It is part of scoring because a metric may ask a model, and no comparison may.
"""

from __future__ import annotations

from evalkit.metrics.protocol import is_async
from evalkit.pipeline.prepare import Prepared
from evalkit.records.score import NegativeControl
from evalkit.scoring.metric_loop import MetricLoop
from evalkit.scoring.score import negative_control
from evalkit.store.run_folder import RunFolder

CONTROL_FILE = "negative_control.json"


def write_control(prepared: Prepared, run: RunFolder, loop: MetricLoop) -> None:
    """Samples -> the primary metric of each candidate with its references shuffled, kept in the run folder."""
    run.write(CONTROL_FILE, _measured(prepared, run, loop))


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
