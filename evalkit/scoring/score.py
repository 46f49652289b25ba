"""Every sample marked by every metric, and the check that a metric looks at the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from msgspec.structs import replace

from evalkit.data.cases import Cases
from evalkit.errors import InputError
from evalkit.metrics.protocol import Metric
from evalkit.records.case import Case
from evalkit.records.sample import Sample, Status
from evalkit.records.score import Score, ScoreRow

NO_ANSWER = "no_answer"
"""Reason of a score that is missing because the cell ended in an error or at a limit of ours."""
NO_CASE = "no_case"
"""Reason of a score whose case the task set no longer has."""


def mark(samples: Iterable[Sample], cases: Cases, metrics: Mapping[str, Metric]) -> Iterator[ScoreRow]:
    """One row for each sample and metric, in that order, as the samples come.

    Only ``ok`` samples are scored. The others give rows without a value, so that coverage can be counted.

    Raises:
        InputError: A metric gave a value outside [0, 1].
    """
    for sample in samples:
        if sample.status is not Status.OK:
            case, reason = None, NO_ANSWER
        elif sample.case_id not in cases:
            case, reason = None, NO_CASE
        else:
            case, reason = cases.get(sample.case_id), ""
        for name, metric in metrics.items():
            score = Score.missing(reason) if case is None else checked_score(name, metric, case, sample)
            yield ScoreRow(
                case_id=sample.case_id,
                arm=sample.arm,
                repeat=sample.repeat,
                metric=name,
                value=score.value,
                stats=score.stats,
                reason=score.reason,
                explanation=score.explanation,
            )


def checked_score(name: str, metric: Metric, case: Case, sample: Sample) -> Score:
    """The score of one sample, refused where it is not one: a metric may be a third party's.

    Raises:
        InputError: The value is outside [0, 1].
    """
    try:
        score = metric.score(case, sample)
    except Exception as error:
        error.add_note(f"raised by metric {name!r} on case {case.id!r}, arm {sample.arm!r}")
        raise
    if score.value is not None and not 0 <= score.value <= 1:
        raise InputError(
            f"metric {name!r} gave {score.value} for case {case.id!r}; a value must be between 0 and 1"
        )
    return score


def negative_control(samples: Iterable[Sample], cases: Cases, metric: Metric, *, seed: int) -> float | None:
    """What a metric gives when every answer is held against the reference of another cluster.

    A metric that works falls to chance: near 0 for free text, to the share of agreeing labels for few classes.
    One that stays high does not look at the answer.

    Args:
        samples: Those of one arm; read once, only ``ok`` ones count.
        cases: The task set. Every case with a reference is given the reference of a case of another cluster, in
            a way that depends on ``seed`` and their ids alone.
        metric: Most often the primary one.
        seed: Of the shuffle.

    Returns:
        The mean, in [0, 1]. None where there is nothing to shuffle: no sample with a value, fewer than two
        clusters with references, or a metric that does not use the reference.
    """
    donors = _donors(cases, seed)
    total, count = 0.0, 0
    for sample in samples:
        if sample.status is not Status.OK or sample.case_id not in donors:
            continue
        case = cases.get(sample.case_id)
        if count == 0:
            unguided = checked_score("negative control", metric, replace(case, reference=()), sample)
            if unguided.value is not None:
                return None
        borrowed = cases.get(donors[sample.case_id]).reference
        score = checked_score("negative control", metric, replace(case, reference=borrowed), sample)
        if score.value is not None:
            total += score.value
            count += 1
    return total / count if count else None


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
