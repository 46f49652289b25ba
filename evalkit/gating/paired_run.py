"""A run in question and its baseline on the cases of both, as arrays in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from evalkit.comparison.pooled_metrics import PairedCounts, statistic_of
from evalkit.comparison.table import BoolArray, FloatArray, IntArray, Pairs
from evalkit.gating.measured_run import MeasuredRun
from evalkit.metrics.protocol import Aggregate
from evalkit.records.baseline import Baseline, BaselineMetric
from evalkit.stats.arrays import mean_of

Asked = Mapping[tuple[str, str, str], tuple[float, ...]]
"""Every score of a case that was asked again, the run's own first, by arm, metric and case id."""


@dataclass(frozen=True, eq=False)
class PairedRun:
    """Baseline and run, case by case.

    Attributes:
        run: The run in question.
        now: The run, read as a baseline.
        ids: The cases of both, sorted; every array has them in this order.
        aggregates: By pooled metric, from summed counts to the metric.
        quarantine: Ids of cases that take no part in tests.
        asked: Scores after confirmation; they stand in place of the run's own by their median.
    """

    baseline: Baseline
    run: MeasuredRun
    now: Baseline
    ids: tuple[str, ...]
    aggregates: Mapping[str, Aggregate]
    quarantine: frozenset[str] = frozenset()
    asked: Asked | None = None
    _own: dict[tuple[bool, str, str], FloatArray] = field(default_factory=dict, repr=False)

    def with_asked(self, asked: Asked) -> PairedRun:
        """The same after some cases were asked again."""
        return replace(self, asked=asked)

    @cached_property
    def clusters(self) -> IntArray:
        """Shape (n_cases,), the cluster of each case as the run has it."""
        return np.asarray(self.run.table.clusters[self._at(self.now)])

    @cached_property
    def tested(self) -> BoolArray:
        """Shape (n_cases,), False for cases in quarantine."""
        return np.array([case_id not in self.quarantine for case_id in self.ids], dtype=bool)

    def tagged(self, tag: str | None) -> BoolArray:
        """Shape (n_cases,), the cases that a rule about this tag is judged on; of all tags where it is None."""
        if tag is None:
            return self.tested
        of_all = self.run.table.tags.get(tag)
        return (
            np.zeros(len(self.ids), dtype=bool)
            if of_all is None
            else self.tested & of_all[self._at(self.now)]
        )

    def metric(self, name: str) -> BaselineMetric:
        """How a metric of the run scores."""
        return next(metric for metric in self.now.metrics if metric.name == name)

    def scores(self, side: Baseline, arm: str, metric: str) -> FloatArray:
        """Shape (n_cases,), scores of an arm on one side, NaN where there is none; the run's after confirmation."""
        key = (side is self.now, arm, metric)
        if key not in self._own:
            self._own[key] = self._own_scores(side, arm, metric)
        values = self._own[key].copy()
        if side is self.now and self.asked:
            for place, case_id in enumerate(self.ids):
                if asks := self.asked.get((arm, metric, case_id)):
                    values[place] = np.median(asks)
        return values

    def _own_scores(self, side: Baseline, arm: str, metric: str) -> FloatArray:
        row, column = _arm(side, arm), _metric(side, metric)
        values = np.full(len(self.ids), np.nan)
        if row is None or column is None:
            return values
        for place, at in enumerate(self._at(side)):
            answer = side.cases[at].arms[row]
            if answer is not None and isinstance(score := answer.scores[column], float):
                values[place] = score
        return values

    def pairs(self, arm: str, metric: str, tag: str | None) -> tuple[Pairs | PairedCounts, IntArray]:
        """What a quality rule is judged on, and which of ``ids`` these cases are.

        Args:
            arm: Name of an arm of both.
            metric: Name of a metric of both, pooled or not.
            tag: Only cases with this tag; None for all.
        """
        keep = self.tagged(tag)
        if self.metric(metric).pooled:
            return self._counts(arm, metric, keep)
        now, before = self.scores(self.now, arm, metric), self.scores(self.baseline, arm, metric)
        keep = keep & np.isfinite(now) & np.isfinite(before)
        return Pairs(now[keep], before[keep], self.clusters[keep]), np.flatnonzero(keep)

    def figures(self, arm: str, metric: str, tag: str | None) -> tuple[FloatArray, IntArray, tuple[str, ...]]:
        """What a floor is judged on: the run's scores, or counts with their names, and their clusters."""
        keep = self.tagged(tag)
        if self.metric(metric).pooled:
            names = self.metric(metric).counts
            dense = self._dense(self.now, arm, metric, names)
            keep = keep & np.isfinite(dense).all(axis=1)
            return dense[keep], self.clusters[keep], names
        scores = self.scores(self.now, arm, metric)
        keep = keep & np.isfinite(scores)
        return scores[keep], self.clusters[keep], ()

    def mean(self, arm: str, metric: str) -> float | None:
        """The run's figure for an arm: its mean score, or the pooled metric; None where no case has a score."""
        figures, _, names = self.figures(arm, metric, None)
        if not len(figures):
            return None
        if names:
            return float(statistic_of(names, self.aggregates[metric])(figures.sum(axis=0)))
        return mean_of(figures)

    def costs(self, side: Baseline, arm: str) -> FloatArray:
        """Shape (n_cases,), money of an arm's requests for each case, NaN where it is not known."""
        if side is self.now:
            return self.run.costs(arm)[self._at(self.now)]
        row = _arm(side, arm)
        answers = [None if row is None else side.cases[at].arms[row] for at in self._at(side)]
        return np.array([np.nan if each is None or each.cost is None else each.cost for each in answers])

    def same_answers(self, arm: str) -> BoolArray:
        """Shape (n_cases,), whether an arm answered a case as in the baseline, letter by letter."""
        rows = _arm(self.baseline, arm), _arm(self.now, arm)
        if rows[0] is None or rows[1] is None:
            return np.zeros(len(self.ids), dtype=bool)
        before = (self.baseline.cases[at].arms[rows[0]] for at in self._at(self.baseline))
        now = (self.now.cases[at].arms[rows[1]] for at in self._at(self.now))
        return np.array(
            [
                one is not None and other is not None and one.answer == other.answer
                for one, other in zip(before, now, strict=True)
            ],
            dtype=bool,
        )

    def _counts(self, arm: str, metric: str, keep: BoolArray) -> tuple[PairedCounts, IntArray]:
        before = next((each for each in self.baseline.metrics if each.name == metric), None)
        names = tuple(sorted({*self.metric(metric).counts, *(() if before is None else before.counts)}))
        now = self._dense(self.now, arm, metric, names)
        then = self._dense(self.baseline, arm, metric, names)
        keep = keep & np.isfinite(now).all(axis=1) & np.isfinite(then).all(axis=1)
        statistic = statistic_of(names, self.aggregates[metric])
        return PairedCounts(now[keep], then[keep], self.clusters[keep], statistic), np.flatnonzero(keep)

    def _dense(self, side: Baseline, arm: str, metric: str, names: Sequence[str]) -> FloatArray:
        """Shape (n_cases, n_names), an arm's counts, NaN in the row of a case that has none."""
        dense = np.full((len(self.ids), len(names)), np.nan)
        row, column = _arm(side, arm), _metric(side, metric)
        if row is None or column is None:
            return dense
        position = {name: place for place, name in enumerate(names)}
        own = [position[name] for name in side.metrics[column].counts]
        for place, at in enumerate(self._at(side)):
            answer = side.cases[at].arms[row]
            counts = None if answer is None else answer.scores[column]
            if isinstance(counts, tuple):
                dense[place] = 0.0
                for name, amount in zip(counts[::2], counts[1::2], strict=True):
                    dense[place, own[int(name)]] = amount
        return dense

    def _at(self, side: Baseline) -> IntArray:
        """Positions of the cases among those of one side."""
        return self._now_at if side is self.now else self._before_at

    @cached_property
    def _now_at(self) -> IntArray:
        return _positions(self.now, self.ids)

    @cached_property
    def _before_at(self) -> IntArray:
        return _positions(self.baseline, self.ids)


def means_of(both: Pairs | PairedCounts) -> tuple[float, float] | None:
    """The figures of run and baseline: mean scores, or the pooled metric of each; None without a case."""
    if both.treatment.shape[0] == 0:
        return None
    if isinstance(both, PairedCounts):
        sums = (side.sum(axis=0) for side in (both.treatment, both.control))
        now, before = (float(both.statistic(each)) for each in sums)
        return now, before
    return mean_of(both.treatment), mean_of(both.control)


def _positions(side: Baseline, ids: Sequence[str]) -> IntArray:
    places = {case.id: place for place, case in enumerate(side.cases)}
    return np.array([places[case_id] for case_id in ids], dtype=np.int64)


def _arm(side: Baseline, name: str) -> int | None:
    return next((row for row, arm in enumerate(side.arms) if arm.name == name), None)


def _metric(side: Baseline, name: str) -> int | None:
    return next((column for column, metric in enumerate(side.metrics) if metric.name == name), None)
