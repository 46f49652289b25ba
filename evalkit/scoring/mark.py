"""Every sample marked by every metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
