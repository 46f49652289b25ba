"""Which cases are asked again before a gate fails, and what all their asks say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.gating.changed_cases import changed_ids, own_asks
from evalkit.gating.make_baseline import SCORE_DIGITS
from evalkit.gating.paired_run import Asked, PairedRun
from evalkit.records.gate import GateResult
from evalkit.records.score import ScoreRow

Cell = tuple[str, str, int, str]
"""Training arm, case id, repeat, metric."""


@dataclass(frozen=True, slots=True)
class CasesToAsk:
    """What a failed gate asks again.

    Attributes:
        cases: By arm, ids of its cases, sorted.
        metrics: By arm, names of the metrics whose scores count.
    """

    cases: Mapping[str, tuple[str, ...]]
    metrics: Mapping[str, tuple[str, ...]]

    @property
    def pairs(self) -> int:
        """Pairs of a case and an arm."""
        return sum(map(len, self.cases.values()))


def cases_to_ask(paired: PairedRun, result: GateResult) -> CasesToAsk:
    """The cases that changed, either way, on the metric of a failed quality rule, and the must-pass cases that failed.

    Cases in quarantine block nothing and are not asked. Of a metric over all cases at once no case is.

    Args:
        paired: Run and baseline.
        result: The gate as the run's own answers make it.
    """
    cases: dict[str, set[str]] = {}
    metrics: dict[str, set[str]] = {}
    for rule in result.rules:
        if (
            rule.verdict != "fail"
            or rule.kind != "quality"
            or rule.metric is None
            or paired.metric(rule.metric).pooled
        ):
            continue
        takes_part = {paired.ids[place] for place in np.flatnonzero(paired.tagged(rule.tag))}
        changed = takes_part.intersection(changed_ids(paired, rule.arm, rule.metric))
        cases.setdefault(rule.arm, set()).update(changed)
        metrics.setdefault(rule.arm, set()).add(rule.metric)
    for case in result.must_pass:
        if case.verdict == "fail":
            cases.setdefault(case.arm, set()).add(case.case_id)
            metrics.setdefault(case.arm, set()).add(case.metric)
    return CasesToAsk(
        cases={arm: tuple(sorted(ids)) for arm, ids in cases.items() if ids},
        metrics={arm: tuple(sorted(names)) for arm, names in metrics.items() if cases.get(arm)},
    )


def asks_together(paired: PairedRun, to_ask: CasesToAsk, rows: Iterable[ScoreRow]) -> Asked:
    """Every score of the cases that were asked again: the run's own, then the further ones in the order of repeats.

    An ask of an arm with several trainings is the mean of theirs. One whose answer has no score does not count.

    Args:
        paired: Run and baseline.
        to_ask: What was asked.
        rows: Scores of the further answers, of any repeats from the run's own on.
    """
    scores: dict[Cell, float | None] = {
        (row.arm, row.case_id, row.repeat, row.metric): row.value for row in rows
    }
    repeats = sorted({cell[2] for cell in scores})
    asked: dict[tuple[str, str, str], tuple[float, ...]] = {}
    for arm, ids in to_ask.cases.items():
        trainings = paired.run.trainings(arm)
        for metric in to_ask.metrics[arm]:
            for case_id in ids:
                further = [
                    _mean([scores.get((training, case_id, repeat, metric)) for training in trainings])
                    for repeat in repeats
                ]
                own = own_asks(paired, arm, metric, case_id)
                asked[arm, metric, case_id] = (*own, *(score for score in further if score is not None))
    return asked


def upheld_pairs(paired: PairedRun, to_ask: CasesToAsk, asked: Asked) -> int:
    """Pairs of a case and an arm whose median still differs from the baseline in the direction of the run's own score.

    Args:
        paired: Run and baseline, before any confirmation.
        to_ask: What was asked.
        asked: All scores.
    """
    count = 0
    for arm, ids in to_ask.cases.items():
        places = {case_id: place for place, case_id in enumerate(paired.ids)}
        held: set[str] = set()
        for metric in to_ask.metrics[arm]:
            before = paired.scores(paired.baseline, arm, metric)
            now = paired.scores(paired.now, arm, metric)
            for case_id in ids:
                place, asks = places.get(case_id), asked[arm, metric, case_id]
                if place is None or not asks:
                    continue
                was, then = now[place] - before[place], float(np.median(asks)) - before[place]
                if was * then > 0:
                    held.add(case_id)
        count += len(held)
    return count


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), SCORE_DIGITS) if len(known) == len(values) and known else None
