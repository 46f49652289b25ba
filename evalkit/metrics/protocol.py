"""What every metric can do, and what some can do as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeGuard

from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score

Aggregate = Callable[[Mapping[str, float]], float]
"""From counts summed over cases to the metric, in [0, 1]."""


class Metric(Protocol):
    """Scores one sample.

    A metric is built from its options in the suite, by keyword. It raises ``ValueError`` in its constructor
    for options that make no sense; ``score`` never raises for what an arm wrote.

    Two methods are optional. ``aggregate`` makes it a metric of the whole corpus, see ``CorpusMetric``.
    ``refuse(case) -> str | None`` says why it cannot score a case, if so, before any model is asked. So is an attribute
    ``needs_reference``: true where a case without a reference has no score.
    """

    @property
    def binary(self) -> bool:
        """Whether values are always 0 or 1; decides which tests apply."""
        ...

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of an ``ok`` sample.

        What the arm got wrong (an empty answer, broken JSON) is a value, usually 0. ``Score.missing`` is for
        what we lack: a case without a reference.
        """
        ...


class AsyncMetric(Protocol):
    """Scores one sample by asking a model, so that several samples are scored at a time.

    In everything else it is like ``Metric``: built from its options, registered in the same way, with the same optional
    methods. A metric has ``score`` or ``score_async``, never both. Where it has a coroutine method ``close()``, that is
    awaited once, after its last score and on the same event loop.
    """

    @property
    def binary(self) -> bool:
        """Whether values are always 0 or 1; decides which tests apply."""
        ...

    async def score_async(self, case: Case, sample: Sample) -> Score:
        """The score of an ``ok`` sample.

        A reply of the asked model that cannot be read is missing, not 0: it is no fault of the arm. A ``CallError``
        that is raised here becomes a missing score; an ``AccessError`` ends the scoring.
        """
        ...


AnyMetric = Metric | AsyncMetric


class CorpusMetric(Metric, Protocol):
    """A metric of all answers together (macro F1, BLEU): its scores carry ``stats`` and no value.

    The counts of all cases are summed, by name, and the metric is computed from the sums: once for the arm, and once
    in each of thousands of resamples. It is compared by paired bootstrap and cannot be the primary metric.
    """

    def aggregate(self, stats: Mapping[str, float]) -> float:
        """The metric from summed counts.

        Args:
            stats: Every name that any case of the run gave, with the sum over the cases at hand. Repeats of a case
                are averaged first, so that sums need not be whole.

        Returns:
            In [0, 1], and a number whatever the sums: 0 where a denominator is 0.
        """
        ...


def is_async(metric: AnyMetric) -> TypeGuard[AsyncMetric]:
    """Whether the metric asks a model."""
    return hasattr(metric, "score_async")


def aggregate_of(metric: AnyMetric) -> Aggregate | None:
    """How the metric sums up a corpus; None for metrics whose scores are averaged."""
    aggregate: Aggregate | None = getattr(metric, "aggregate", None)
    return aggregate


def refusal(metric: AnyMetric, case: Case) -> str | None:
    """Why the metric cannot score a case, whatever is answered; None where it can."""
    refuse: Callable[[Case], str | None] | None = getattr(metric, "refuse", None)
    return None if refuse is None else refuse(case)


def needs_reference(metric: AnyMetric) -> bool:
    """Whether the metric says that it cannot score cases without a reference."""
    return bool(getattr(metric, "needs_reference", False))
