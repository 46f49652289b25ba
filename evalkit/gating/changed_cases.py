"""Which cases are answered better or worse than in the baseline, and which of those answers do not hold still."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.gating.paired_run import PairedRun
from evalkit.records.gate import ChangedCase, ChangeStatus

MOST_LETTERS = 300
"""Letters of a question or an answer that a result quotes."""
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Excerpts:
    """What changed cases ask and were answered, for people; strangers' text, cut.

    Attributes:
        inputs: By case id.
        references: By case id, the first accepted answer.
        answers: By arm and case id, what the run's arm wrote first.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, arm: str, case_id: str) -> dict[str, str | None]:
        """The three fields of a record about a case and an arm."""
        return {
            "input": _cut(self.inputs.get(case_id)),
            "reference": _cut(self.references.get(case_id)),
            "answer": _cut(self.answers.get((arm, case_id))),
        }


def changed_ids(paired: PairedRun, arm: str, metric: str) -> list[str]:
    """Ids of the cases whose score by the run itself, before any confirmation, differs from the baseline's."""
    own = paired.with_asked({}) if paired.asked else paired
    now, before = own.scores(own.now, arm, metric), own.scores(own.baseline, arm, metric)
    differs = np.abs(now - before) > _TIE  # False where one has no score
    return [paired.ids[place] for place in np.flatnonzero(differs)]


def changed_cases(
    paired: PairedRun,
    arms: Sequence[str],
    metrics: Sequence[str],
    *,
    must_pass: Sequence[str] = (),
    excerpts: Excerpts | None = None,
) -> tuple[ChangedCase, ...]:
    """Every case of these arms that changed on one of these metrics: worse before better, larger changes first.

    Args:
        paired: Run and baseline, after confirmation where there was one.
        arms: Names of guarded arms that both sides have.
        metrics: Names of metrics of single answers.
        must_pass: Ids of the cases that have to be right.
        excerpts: What they ask and were answered.
    """
    found = [
        case
        for arm in arms
        for metric in metrics
        for case in _of_arm(paired, arm, metric, frozenset(must_pass), excerpts or Excerpts())
    ]
    return tuple(sorted(found, key=_order))


def own_asks(paired: PairedRun, arm: str, metric: str, case_id: str) -> tuple[float, ...]:
    """A case's scores of the run itself, one for each repeat, means over the arm's trainings; those that are there."""
    table = paired.run.table
    column = (
        bisect_left(table.case_ids, case_id) if metric in table.values else table.n_cases
    )  # ids are sorted
    if column >= table.n_cases or table.case_ids[column] != case_id:
        return ()
    cells = table.values[metric][table.rows(arm), column].mean(axis=0)
    return tuple(round(float(value), 6) for value in cells if np.isfinite(value))


def _of_arm(
    paired: PairedRun, arm: str, metric: str, must_pass: frozenset[str], excerpts: Excerpts
) -> Iterator[ChangedCase]:
    now, before = paired.scores(paired.now, arm, metric), paired.scores(paired.baseline, arm, metric)
    places = {case_id: place for place, case_id in enumerate(paired.ids)}
    for case_id in changed_ids(paired, arm, metric):
        place = places[case_id]
        asked = (paired.asked or {}).get((arm, metric, case_id))
        asks = asked or own_asks(paired, arm, metric, case_id)
        yield ChangedCase(
            case_id=case_id,
            arm=arm,
            metric=metric,
            baseline=float(before[place]),
            candidate=float(now[place]),
            asks=asks,
            status=_status(float(before[place]), float(now[place]), asks, confirmed=asked is not None),
            quarantined=case_id in paired.quarantine,
            must_pass=case_id in must_pass,
            **excerpts.of(arm, case_id),
        )


def _status(before: float, now: float, asks: Sequence[float], *, confirmed: bool) -> ChangeStatus:
    if confirmed and abs(now - before) <= _TIE:
        return "not_confirmed"
    if len(asks) > 1 and max(asks) - min(asks) > _TIE:
        return "unstable"
    return "confirmed" if confirmed else "changed"


def _order(case: ChangedCase) -> tuple[bool, float, str, str, str]:
    change = case.candidate - case.baseline
    return change >= 0, -abs(change), case.arm, case.metric, case.case_id


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
