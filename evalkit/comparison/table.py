"""All scores of a run as arrays: arms x cases x repeats, paired by case id, a hole where a score is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.comparison.pooled_counts import PooledCounts
from evalkit.errors import RunError
from evalkit.records.arm import ArmFacts

FloatArray = npt.NDArray[np.float64]
SmallFloats = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8]

TOKEN_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
SECONDS = ("service_s", "ttft_s", "device_s", "prefill_s", "batch_size")
FINISH_REASONS = ("", "stop", "length", "content_filter", "tool_calls", "context_limit", "unknown")

OWED, OK, ERROR, LIMIT = range(4)
_ENOUGH_ANSWERS = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """One run in memory: about 70 bytes a cell (an arm's answer to a case and repeat), and 12 for every count in it.

    Every array starts with the axes (n_arms, n_cases, n_repeats). NaN stands for a figure that is not there.

    Attributes:
        arms: In the manifest's order; row i of every array is arm i.
        case_ids: Column j of every array is this case; sorted, in whatever order the cases came.
        clusters: Shape (n_cases,), the number of each case's cluster, counted from 0.
        tags: Tag to shape (n_cases,), whether each case has it; in the order of the cases, at most 200 tags.
        primary: Name of the metric that carries the decision.
        values: Metric name to scores in [0, 1]. Only cells that ended ``ok`` have one.
        status: ``OWED``, ``OK``, ``ERROR`` or ``LIMIT``.
        finish: Position of the finish reason in ``FINISH_REASONS``.
        abstained: The arm gave no answer: nothing, or a refusal.
        replayed: The answer came from the response cache.
        tokens: Last axis is ``TOKEN_KINDS``.
        seconds: Last axis is ``SECONDS``; ``device_s`` is NaN for hosted models.
        cost: Money of the answer as the run booked it; NaN where it is not known.
        currency: Of ``cost``; None where no cost is known.
        missing_reasons: Why scores are missing, as ``metric: reason``, and how often.
        judges: Metric name to the model that gives its scores, where one does.
        pooled_counts: Metric name to the counts of its scores. A metric with counts and no values is a pooled one.
        answered_by: Position in ``answering_models`` of the model that answered; 0 where it is not known.
        answering_models: Ids as the providers said them, the first one empty; see ``build_table`` for how many.
        declared_clusters: Shape (n_cases,), the clusters as the suite declares them; ``clusters`` are these joined with
            the cases of equal input. None where they are the same.
        repeated: Shape (n_cases,), the case's input is that of a case before it; None where inputs are not known.
        set_aside: Ids of the cases that were taken out because they leaked into the training rows; sorted.
    """

    arms: tuple[ArmFacts, ...]
    case_ids: tuple[str, ...]
    clusters: IntArray
    tags: Mapping[str, BoolArray]
    primary: str
    values: Mapping[str, FloatArray]
    status: Codes
    finish: Codes
    abstained: BoolArray
    replayed: BoolArray
    tokens: SmallFloats
    seconds: SmallFloats
    cost: FloatArray
    currency: str | None
    missing_reasons: Mapping[str, int]
    judges: Mapping[str, str]
    pooled_counts: Mapping[str, PooledCounts]
    answered_by: Codes
    answering_models: tuple[str, ...]
    declared_clusters: IntArray | None = None
    repeated: BoolArray | None = None
    set_aside: tuple[str, ...] = ()

    @property
    def n_cases(self) -> int:
        """Cases of the run, answered or not."""
        return len(self.case_ids)

    @property
    def n_clusters(self) -> int:
        """Clusters those cases lie in."""
        return int(self.clusters.max()) + 1 if self.n_cases else 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics with at least one score, the primary one first."""
        return tuple(sorted(self.values, key=lambda name: name != self.primary))

    @property
    def candidates(self) -> tuple[ArmFacts, ...]:
        """The arms that may be recommended."""
        return tuple(arm for arm in self.arms if arm.role == "candidate")

    def row(self, arm: str) -> int:
        """The position of an arm.

        Raises:
            RunError: No arm of the run has that name.
        """
        for index, facts in enumerate(self.arms):
            if facts.name == arm:
                return index
        raise RunError(f"no arm of this run is called {arm!r}; it has {[facts.name for facts in self.arms]}")

    def trainings(self, arm: str) -> tuple[ArmFacts, ...]:
        """The trainings that an arm stands for: its own first, then its other training seeds on all rows.

        A candidate that evalkit tuned with several seeds is the mean of its trainings; each further one is a curve arm
        too. A training that answered less than nine tenths as many cells as the one that answered most is left out.
        Of any other arm the only training is its own.

        Raises:
            RunError: No arm of the run has that name.
        """
        own = self.arms[self.row(arm)]
        others = [each for each in self.arms if _is_further_training(each, own)]
        if not others:
            return (own,)
        answered = {each.name: int((self.status[self.row(each.name)] == OK).sum()) for each in (own, *others)}
        enough = _ENOUGH_ANSWERS * max(answered.values())
        kept = tuple(each for each in (own, *others) if answered[each.name] >= enough)
        return kept if own in kept else (own,)

    def rows(self, arm: str) -> list[int]:
        """The positions of an arm's trainings: axis 0 of any array taken at them is the training."""
        return [self.row(training.name) for training in self.trainings(arm)]

    def scores(self, arm: str, metric: str | None = None) -> FloatArray:
        """Shape (n_cases,): the mean over trainings and repeats of each case's scores, NaN where one has none.

        Args:
            arm: Name of the arm.
            metric: Default: the primary one.
        """
        trainings = [self.training_scores(each.name, metric) for each in self.trainings(arm)]
        return trainings[0] if len(trainings) == 1 else np.stack(trainings).mean(axis=0)

    def training_scores(self, arm: str, metric: str | None = None) -> FloatArray:
        """Shape (n_cases,): as ``scores``, of the arm's own training alone."""
        name = self.primary if metric is None else metric
        if name not in self.values:
            return np.full(self.n_cases, np.nan)
        return mean_over_repeats(self.values[name][self.row(arm)])

    def is_binary(self, metric: str | None = None, arms: Sequence[str] | None = None) -> bool:
        """Whether every case's score is 0 or 1, which decides the tests; a mean that differs from both is not.

        Args:
            metric: Default: the primary one.
            arms: Names of the arms whose scores, means over their trainings, are looked at; default: every training of
                every arm by itself, which says whether answers are right or wrong in this metric.
        """
        name = self.primary if metric is None else metric
        if name not in self.values:
            return False
        if arms is None:
            scores = np.stack([self.training_scores(arm.name, name) for arm in self.arms])
        else:
            scores = np.stack([self.scores(arm, name) for arm in arms])
        return bool(((scores == 0.0) | (scores == 1.0) | np.isnan(scores)).all())


def _is_further_training(arm: ArmFacts, candidate: ArmFacts) -> bool:
    """Whether an arm is another training seed of a candidate, on all training rows."""
    return (
        candidate.role == "candidate"
        and arm.parent == candidate.name
        and arm.fraction == 1.0
        and arm.seed != candidate.seed
        and arm.shots == candidate.shots
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Two arms on the cases that both have a score for, in the same order."""

    treatment: FloatArray
    control: FloatArray
    clusters: IntArray


def pairs(
    table: ScoreTable,
    treatment: str,
    control: str,
    metric: str | None = None,
    *,
    keep: BoolArray | None = None,
) -> Pairs:
    """The cases on which two arms can be compared.

    Args:
        table: The run.
        treatment: Name of an arm.
        control: Name of another.
        metric: Default: the primary one.
        keep: Shape (n_cases,), False for cases to leave out.
    """
    left, right = table.scores(treatment, metric), table.scores(control, metric)
    both = np.isfinite(left) & np.isfinite(right)
    if keep is not None:
        both &= keep
    return Pairs(left[both], right[both], table.clusters[both])


def mean_over_repeats(cells: FloatArray) -> FloatArray:
    """Shape (n_cases,) from (n_cases, n_repeats), over the repeats that have a value."""
    if cells.shape[1] == 1:
        return cells[:, 0]
    scored = np.isfinite(cells)
    count = scored.sum(axis=1)
    mean = np.full(cells.shape[0], np.nan)
    np.divide(np.where(scored, cells, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    return mean
