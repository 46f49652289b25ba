"""A finished run as the gate looks at it: its scores, what was answered letter by letter, and the requests it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.comparison.table import BoolArray, FloatArray, IntArray, ScoreTable
from evalkit.digest import digest_bytes
from evalkit.records.manifest import Manifest
from evalkit.records.sample import LatencyRow, Sample, Status
from evalkit.records.tuning import TuningReport
from evalkit.suite.gate import GateConfig
from evalkit.suite.schema import Suite

_MOST_ATTEMPTS = 255


class AnswerLog:
    """What the cells of a run answered, as digests, and the attempts that each took; 5 bytes a cell.

    Args:
        arms: Names of all arms of the run.
        case_ids: Ids of all its cases.
        repeats: Answers to each case.
    """

    def __init__(self, arms: Sequence[str], case_ids: Sequence[str], repeats: int) -> None:
        self._rows = {arm: row for row, arm in enumerate(arms)}
        self._columns = {case_id: column for column, case_id in enumerate(case_ids)}
        shape = (len(self._rows), len(self._columns), repeats)
        self._answers: npt.NDArray[np.uint32] = np.zeros(shape, dtype=np.uint32)
        self._answered = np.zeros(shape, dtype=bool)
        self._attempts: npt.NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self.owed: dict[str, int] = {}

    def add(self, sample: Sample) -> None:
        """Take note of one sample; a later one of the same cell replaces it."""
        row, column = self._rows.get(sample.arm), self._columns.get(sample.case_id)
        if row is None or column is None or sample.repeat >= self._answers.shape[2]:
            return  # the table says what is wrong with such a row
        at = (row, column, sample.repeat)
        if sample.status is not Status.OK:
            reason = sample.error or str(sample.status)
            self.owed[reason] = self.owed.get(reason, 0) + 1
            return
        digest = digest_bytes((sample.output or "").encode("utf-8", "surrogatepass"))
        self._answers[at], self._answered[at] = int(digest[:8], 16), True
        if sample.replayed is None and sample.timing is not None:
            self._attempts[at] = min(sample.timing.attempts, _MOST_ATTEMPTS)

    @property
    def n_owed(self) -> int:
        """Cells without an answer, be there a row that says why or not."""
        return int((~self._answered).sum())

    def answers(self, arms: Sequence[str], case_ids: Sequence[str]) -> list[str | None]:
        """By case, 8 hex digits for the answers of an arm's trainings over all repeats; None where one is missing.

        Args:
            arms: Names of the arm's trainings.
            case_ids: The cases.
        """
        cells = np.ix_([self._rows[arm] for arm in arms], [self._columns[case_id] for case_id in case_ids])
        digests = self._answers[cells]
        answered: list[bool] = np.asarray(self._answered[cells].all(axis=(0, 2))).tolist()
        if digests.shape[0] * digests.shape[2] == 1:
            found = [f"{digest:08x}" for digest in digests.ravel().tolist()]
        else:
            together = np.ascontiguousarray(digests.transpose(1, 0, 2).astype(">u4"))
            found = [digest_bytes(of_case.tobytes())[:8] for of_case in together]
        return [digest if known else None for digest, known in zip(found, answered, strict=True)]

    def requests(self, arms: Sequence[str], case_ids: Sequence[str]) -> tuple[BoolArray, IntArray]:
        """One entry for each request that was made now: whether it failed on the way, and the position of its case.

        Args:
            arms: Names of an arm's trainings.
            case_ids: The cases that count.
        """
        columns = [self._columns[case_id] for case_id in case_ids]
        attempts = self._attempts[np.ix_([self._rows[arm] for arm in arms], columns)].astype(np.int64)
        per_case = attempts.sum(axis=(0, 2))
        answered = (attempts > 0).sum(axis=(0, 2))
        of_case = np.repeat(np.arange(len(columns)), per_case)
        first = np.repeat(np.cumsum(per_case) - per_case, per_case)
        return np.arange(of_case.size) - first < np.repeat(per_case - answered, per_case), of_case


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRun:
    """A finished run, all that the gate asks of it.

    Attributes:
        table: Without the cases that stand in its training rows.
        log: What was answered.
        contents: By case id, the digest of what the case asks and accepts; None where it is not known.
        latency: Rows of the isolated pass.
        tuning: Its trainings, where it made some.
        text_rule: By which its texts were compared; None where it has no scores.
    """

    manifest: Manifest
    suite: Suite
    table: ScoreTable
    log: AnswerLog
    contents: Mapping[str, str | None]
    latency: Sequence[LatencyRow] = ()
    tuning: TuningReport | None = None
    text_rule: int | None = None

    @property
    def gate(self) -> GateConfig:
        """The suite's gate; one of all defaults where it declares none."""
        return self.suite.gate or GateConfig()

    def trainings(self, arm: str) -> list[str]:
        """Names of the arms whose mean an arm is."""
        return [each.name for each in self.table.trainings(arm)]

    def costs(self, arm: str) -> FloatArray:
        """Shape (n_cases,), as in the table: mean money of an arm's answers to each case, NaN where one is unknown."""
        return np.asarray(self.table.cost[self.table.rows(arm)].mean(axis=(0, 2)))
