"""All scores of a run as arrays: arms x cases x repeats, paired by case id, a hole where a score is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.comparison.abstention import is_abstention
from evalkit.comparison.pooled_counts import Counts, CountsBuilder
from evalkit.errors import RunError
from evalkit.records.arm import ArmFacts
from evalkit.records.case import Case
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.sample import Sample, Status
from evalkit.records.score import ScoreRow

FloatArray = npt.NDArray[np.float64]
SmallFloats = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8]

TOKEN_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
SECONDS = ("service_s", "ttft_s", "device_s", "prefill_s", "batch_size")
FINISH_REASONS = ("", "stop", "length", "content_filter", "tool_calls", "context_limit", "unknown")

OWED, OK, ERROR, LIMIT = range(4)
_MOST_TAGS = 200
_STATUS = {Status.OK: OK, Status.ERROR: ERROR, Status.LIMIT: LIMIT}


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
        counts: Metric name to the counts of its scores. A metric with counts and no values is one of the whole corpus.
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
    counts: Mapping[str, Counts]

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

    def scores(self, arm: str, metric: str | None = None) -> FloatArray:
        """Shape (n_cases,): the mean over repeats of each case's scores, NaN where there is none.

        Args:
            arm: Name of the arm.
            metric: Default: the primary one.
        """
        name = self.primary if metric is None else metric
        if name not in self.values:
            return np.full(self.n_cases, np.nan)
        return mean_over_repeats(self.values[name][self.row(arm)])

    def is_binary(self, metric: str | None = None) -> bool:
        """Whether every case's score is 0 or 1, which decides the tests; a mean of differing repeats is not."""
        name = self.primary if metric is None else metric
        if name not in self.values:
            return False
        cells = self.values[name]
        if cells.shape[2] > 1:
            cells = np.stack([mean_over_repeats(arm) for arm in cells])
        return bool(((cells == 0.0) | (cells == 1.0) | np.isnan(cells)).all())


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
    known = np.isfinite(cells)
    count = known.sum(axis=1)
    mean = np.full(cells.shape[0], np.nan)
    np.divide(np.where(known, cells, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    return mean


def build_table(
    manifest: Manifest,
    cases: Iterable[Case | CaseFacts],
    samples: Iterable[Sample],
    scores: Iterable[ScoreRow],
    primary_metric: str,
) -> ScoreTable:
    """Read a run into one table; rows are streamed and a cell's last row counts.

    Args:
        manifest: Names the arms and the number of repeats.
        cases: All cases of the run.
        samples: Rows of ``samples.jsonl``, in file order.
        scores: Rows of ``scores.jsonl``, in file order.
        primary_metric: Name of the metric that carries the decision.

    Raises:
        RunError: A row names a case, an arm or a repeat that the run does not have.
    """
    builder = _Builder(manifest, cases)
    for sample in samples:
        builder.add_sample(sample)
    for score in scores:
        builder.add_score(score)
    return builder.finish(primary_metric)


def _facts(case: Case | CaseFacts) -> CaseFacts:
    return CaseFacts(id=case.id, cluster=case.cluster, tags=case.tags)


class _Builder:
    """Arrays of the full size, filled by assignment, so that a later row of a cell replaces an earlier one."""

    def __init__(self, manifest: Manifest, cases: Iterable[Case | CaseFacts]) -> None:
        self._arms = manifest.arms
        self._arm_rows = {arm.name: index for index, arm in enumerate(manifest.arms)}
        self._columns: dict[str, int] = {}
        cluster_codes: dict[str, int] = {}
        codes: list[int] = []
        tagged: dict[str, list[int]] = {}
        # Sums and draws follow the columns: the same cases in another order make the same table.
        for case in sorted(map(_facts, cases), key=lambda facts: facts.id):
            for tag in dict.fromkeys(case.tags):
                if tag in tagged or len(tagged) < _MOST_TAGS:
                    tagged.setdefault(tag, []).append(len(codes))
            self._columns[case.id] = len(self._columns)
            codes.append(cluster_codes.setdefault(case.cluster, len(cluster_codes)))
        self._clusters = np.array(codes, dtype=np.int64)
        self._tags: dict[str, BoolArray] = {}
        for tag, places in tagged.items():
            self._tags[tag] = np.zeros(len(codes), dtype=bool)
            self._tags[tag][places] = True
        shape = (len(self._arms), len(self._columns), manifest.repeats)
        self._shape = shape
        self._status = np.full(shape, OWED, dtype=np.uint8)
        self._finish = np.zeros(shape, dtype=np.uint8)
        self._abstained = np.zeros(shape, dtype=bool)
        self._replayed = np.zeros(shape, dtype=bool)
        self._tokens = np.full((*shape, len(TOKEN_KINDS)), np.nan, dtype=np.float32)
        self._seconds = np.full((*shape, len(SECONDS)), np.nan, dtype=np.float32)
        self._cost = np.full(shape, np.nan)
        self._currency: str | None = None
        self._embeds = [arm.embedder is not None for arm in manifest.arms]
        self._values: dict[str, FloatArray] = {}
        self._judges: dict[str, str] = {}
        self._counts: dict[str, CountsBuilder] = {}
        self._reasons: dict[tuple[str, tuple[int, int, int]], str] = {}

    def add_sample(self, sample: Sample) -> None:
        at = self._cell(sample.case_id, sample.arm, sample.repeat)
        self._status[at] = _STATUS[sample.status]
        if sample.status is not Status.OK:
            return
        self._finish[at] = FINISH_REASONS.index(sample.finish_reason or "unknown")
        self._abstained[at] = is_abstention(sample.output or "", sample.finish_reason)
        self._replayed[at] = sample.replayed is not None
        if sample.usage is not None:
            self._tokens[at] = [getattr(sample.usage, kind) for kind in TOKEN_KINDS]
        if sample.timing is not None:
            figures = [getattr(sample.timing, name) for name in SECONDS]
            self._seconds[at] = [np.nan if figure is None else figure for figure in figures]
        if sample.cost is not None and sample.cost.model is not None:
            self._currency = sample.cost.currency
            if self._embeds[at[0]] and sample.cost.retrieval is None:
                return  # what its passages cost is not known, so neither is the whole
            # A judge's bill is the evaluation's, not the arm's.
            self._cost[at] = float(sample.cost.model + (sample.cost.retrieval or 0))

    def add_score(self, score: ScoreRow) -> None:
        at = self._cell(score.case_id, score.arm, score.repeat)
        if score.metric not in self._values:
            self._values[score.metric] = np.full(self._shape, np.nan)
        if score.judge is not None:
            self._judges[score.metric] = score.judge
        key = (score.metric, at)
        self._values[score.metric][at] = np.nan if score.value is None else score.value
        if score.stats is not None and score.metric not in self._counts:
            self._counts[score.metric] = CountsBuilder(self._shape)
        if score.metric in self._counts:
            self._counts[score.metric].set(at, score.stats)
        if score.value is None and score.stats is None:
            self._reasons[key] = score.reason or "no reason given"
        else:
            self._reasons.pop(key, None)

    def finish(self, primary_metric: str) -> ScoreTable:
        unscored = self._status != OK
        for cells in self._values.values():
            cells[unscored] = np.nan
        for name in self._counts:
            if not np.isfinite(self._values[name]).any():
                del self._values[name]
        return ScoreTable(
            arms=self._arms,
            case_ids=tuple(self._columns),
            clusters=self._clusters,
            tags=self._tags,
            primary=primary_metric,
            values=self._values,
            status=self._status,
            finish=self._finish,
            abstained=self._abstained,
            replayed=self._replayed,
            tokens=self._tokens,
            seconds=self._seconds,
            cost=self._cost,
            currency=self._currency,
            missing_reasons=dict(sorted(Counter(self._missing()).items())),
            judges=self._judges,
            counts={name: builder.finish(~unscored) for name, builder in self._counts.items()},
        )

    def _missing(self) -> Iterator[str]:
        for (metric, at), reason in self._reasons.items():
            if self._status[at] == OK:
                yield f"{metric}: {reason}"

    def _cell(self, case_id: str, arm: str, repeat: int) -> tuple[int, int, int]:
        try:
            row, column = self._arm_rows[arm], self._columns[case_id]
        except KeyError as unknown:
            raise RunError(
                f"the run holds a row for case {case_id!r} and arm {arm!r}, but {unknown} is not in its manifest "
                "or cases; were the cases changed after the run? Run it again"
            ) from None
        if not 0 <= repeat < self._shape[2]:
            raise RunError(
                f"the run holds repeat {repeat} of case {case_id!r}, but has {self._shape[2]} repeats"
            )
        return row, column, repeat
