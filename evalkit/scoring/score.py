"""Every sample scored by every metric, and the check that a metric looks at the answer."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

import numpy as np
from msgspec.structs import replace

from evalkit.data.cases import Cases
from evalkit.metrics.protocol import AnyMetric
from evalkit.records.sample import Sample, Status
from evalkit.records.score import ScoreRow
from evalkit.scoring.metric_loop import MetricLoop, ScoreTask
from evalkit.text.normalise import RULE
from evalkit.text.thoughts import split_thoughts

NO_ANSWER = "no_answer"
"""Reason of a score that is missing because the cell ended in an error or at a limit of ours."""
NO_CASE = "no_case"
"""Reason of a score whose case the task set no longer has."""


def score_samples(
    samples: Iterable[Sample],
    cases: Cases,
    metrics: Mapping[str, AnyMetric],
    *,
    loop: MetricLoop | None = None,
) -> Iterator[ScoreRow]:
    """One row for each sample and metric, in that order, as the samples come.

    Only ``ok`` samples are scored. The others give rows without a value, so that coverage can be counted.

    Args:
        samples: Read once.
        cases: The task set that they answer.
        metrics: By name.
        loop: Where asynchronous metrics run; default: one of this call's own.

    Raises:
        InputError: A metric gave a value outside [0, 1].
        AccessError: The model that a metric asks will answer nobody.
    """
    with ExitStack() as stack:
        loop = loop or stack.enter_context(MetricLoop())
        for task, score in loop.scores(_tasks(samples, cases, metrics)):
            yield ScoreRow(
                case_id=task.sample.case_id,
                arm=task.sample.arm,
                repeat=task.sample.repeat,
                metric=task.name,
                value=score.value,
                stats=score.stats,
                reason=score.reason,
                explanation=score.explanation,
                text_rule=RULE,
            )


def _tasks(samples: Iterable[Sample], cases: Cases, metrics: Mapping[str, AnyMetric]) -> Iterator[ScoreTask]:
    for sample in samples:
        if sample.status is not Status.OK:
            case, reason = None, NO_ANSWER
        elif sample.case_id not in cases:
            case, reason = None, NO_CASE
        else:
            case, reason = cases.get(sample.case_id), ""
        for name, metric in metrics.items():
            yield ScoreTask(name, metric, _with_thoughts_apart(sample), case, reason)


def _with_thoughts_apart(sample: Sample) -> Sample:
    """A sample of a run from before think blocks were set aside, as a run of today has it; any other as it is."""
    if sample.reasoning_text is not None or not sample.output:
        return sample
    split = split_thoughts(sample.output)
    if split.reasoning is None:
        return sample
    return replace(sample, output=split.answer, reasoning_text=split.reasoning)


def negative_control(
    samples: Iterable[Sample],
    cases: Cases,
    metric: AnyMetric,
    *,
    seed: int,
    loop: MetricLoop | None = None,
) -> float | None:
    """What a metric gives when every answer is compared with the reference of another cluster.

    A metric that works falls to chance: near 0 for free text, to the share of agreeing labels for few classes.
    One that stays high does not look at the answer.

    Args:
        samples: Those of one arm; read once, only ``ok`` ones count.
        cases: The task set. Every case with a reference is given the reference of a case of another cluster, in
            a way that depends on ``seed`` and their ids alone.
        metric: Most often the primary one. One that asks a model asks it once more for each sample.
        seed: Of the shuffle.
        loop: Where an asynchronous metric runs; default: one of this call's own.

    Returns:
        The mean, in [0, 1]. None where there is nothing to shuffle: no sample with a value, fewer than two
        clusters with references, or a metric that does not use the reference.
    """
    donors = _donors(cases, seed)
    answered = (
        _with_thoughts_apart(sample)
        for sample in samples
        if sample.status is Status.OK and sample.case_id in donors
    )

    def task(sample: Sample, reference: tuple[str, ...]) -> ScoreTask:
        case = replace(cases.get(sample.case_id), reference=reference)
        return ScoreTask("negative control", metric, sample, case)

    def shuffled(sample: Sample) -> ScoreTask:
        return task(sample, cases.get(donors[sample.case_id]).reference)

    with ExitStack() as stack:
        loop = loop or stack.enter_context(MetricLoop())
        values = array("d")  # summed exactly: samples come in the order in which they were answered
        for sample in answered:  # up to the first that has a value
            if loop.score(task(sample, ())).value is not None:
                return None
            if (first := loop.score(shuffled(sample)).value) is not None:
                values.append(first)
                break
        for _, score in loop.scores(map(shuffled, answered)):
            if score.value is not None:
                values.append(score.value)
    return math.fsum(values) / len(values) if values else None


def _donors(cases: Cases, seed: int) -> dict[str, str]:
    """For each case with a reference, a case of the cluster that a shuffled ring of clusters puts next to its own."""
    clusters: dict[str, list[str]] = {}
    for case_id, cluster in sorted((case.id, case.cluster) for case in cases if case.reference):
        clusters.setdefault(cluster, []).append(case_id)
    if len(clusters) < 2:
        return {}
    rng = np.random.default_rng(seed)
    members = list(clusters.values())
    ring = [members[position] for position in rng.permutation(len(members))]
    return {
        case_id: lender[int(rng.integers(len(lender)))]
        for borrower, lender in zip(ring, [*ring[1:], ring[0]], strict=True)
        for case_id in borrower
    }
