"""Answering: every owed cell of every arm, into the journal."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from evalkit.calls.caller import HaltedError
from evalkit.calls.event_loop_lag import EventLoopMonitor
from evalkit.errors import AccessError, CallError
from evalkit.records.case import Case, Message
from evalkit.records.run_observations import EventLoopLag
from evalkit.records.sample import Sample
from evalkit.runner.batches import CHUNK, plan_batches
from evalkit.runner.cells import (
    ArmTask,
    Cell,
    all_cells,
    answered_sample,
    compose_cell,
    failed_sample,
    unfound_sample,
)
from evalkit.runner.journal import Journal
from evalkit.runner.progress import Progress
from evalkit.runner.stop_signal import StopSignal


@dataclass(slots=True)
class AnswerCounts:
    """What one arm's session came to.

    Attributes:
        reasons: Count of errors by what they say.
        finish_reasons: Count of answers by how they ended.
        refused: Why the endpoint answers nobody, where it does not.
        loop: How often our own event loop was late: the client was the bottleneck. Service times are taken at the
            socket and do not grow by it, waiting for a turn does. No beats where batches were answered here.
    """

    ok: int = 0
    errors: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    finish_reasons: dict[str, int] = field(default_factory=dict)
    refused: AccessError | None = None
    loop: EventLoopLag = field(default_factory=EventLoopLag)

    def count(self, sample: Sample) -> None:
        """Count one journaled sample."""
        if sample.error is None:
            self.ok += 1
            reason = sample.finish_reason or "unknown"
            self.finish_reasons[reason] = self.finish_reasons.get(reason, 0) + 1
        else:
            self.errors += 1
            self.reasons[sample.error] = self.reasons.get(sample.error, 0) + 1


@dataclass(frozen=True, slots=True)
class Session:
    """What all arms of a run share while they are answered.

    Attributes:
        seed: The run's; repeat r is asked with ``seed + r``.
        concurrency: Requests in flight to a hosted model.
    """

    journal: Journal
    progress: Progress
    stop: StopSignal
    seed: int
    repeats: int
    concurrency: int


async def answer_arm(work: ArmTask, cases: Iterable[Case], n_cases: int, session: Session) -> AnswerCounts:
    """Ask one arm for every cell it owes.

    A failed call is journaled as an error and the arm goes on. A refusal that holds for every request (a wrong
    key) stops the arm at once and journals nothing, so that a plain ``--resume`` asks again.

    Args:
        work: The arm and who answers for it.
        cases: In the order of the suite; read once, held one chunk at a time.
        n_cases: How many, for the progress.
        session: What is shared.
    """
    tally = AnswerCounts()
    total = n_cases * session.repeats
    cells = all_cells(cases, session.repeats)
    if work.caller.batch_model is not None:
        await _answer_in_batches(work, cells, total, session, tally)
    else:
        await _answer_one_by_one(work, cells, total, session, tally)
    session.progress.finish(work.name)
    return tally


async def _answer_one_by_one(
    work: ArmTask, cells: Iterator[tuple[Case, int]], total: int, session: Session, tally: AnswerCounts
) -> None:
    session.progress.start(work.name, total)
    rows = _JournalBuffer(session, work, tally)

    async def worker() -> None:
        for case, repeat in cells:  # one iterator shared by all workers
            if session.stop.asked or tally.refused is not None:
                return
            if not session.journal.owes(case.id, work.name, repeat):
                session.progress.advance(work.name)
                continue
            cell: Cell | None = None
            try:
                found = await work.arm.find(case) if work.arm.searcher is not None else None
                cell = compose_cell(work, case, repeat, seed=session.seed, found=found)
                answered = await work.caller.call(cell.request)
            except HaltedError:
                return
            except AccessError as error:
                tally.refused = error
                return
            except CallError as error:
                sample = (
                    unfound_sample(work, case, repeat, str(error))
                    if cell is None
                    else failed_sample(work, cell, str(error))
                )
            else:
                sample = answered_sample(work, cell, answered)
            rows.add(sample, () if cell is None else cell.request.messages)

    with EventLoopMonitor(work.caller.reduce_concurrency) as lag:
        workers = [asyncio.create_task(worker()) for _ in range(session.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:  # where one failed, the others must not go on asking
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            rows.flush()
    if (
        work.caller.answered and not work.caller.model.answers_by_case
    ):  # replays and recorded answers ask nobody
        tally.loop = lag.counted


_ROWS_A_WRITE = 256
_QUESTIONS_AT_ONCE = 16


class _JournalBuffer:
    """Journals the cells that finish in one turn of the event loop in one write, before the loop turns again."""

    def __init__(self, session: Session, work: ArmTask, tally: AnswerCounts) -> None:
        self._session, self._work, self._tally = session, work, tally
        self._rows: list[tuple[Sample, tuple[Message, ...]]] = []
        self._fault: BaseException | None = None

    def add(self, sample: Sample, messages: tuple[Message, ...]) -> None:
        """Journal a finished cell.

        Raises:
            RunError: An earlier write failed; nothing more is to be asked.
        """
        if self._fault is not None:
            raise self._fault
        self._rows.append((sample, messages))
        if len(self._rows) == _ROWS_A_WRITE:  # replayed answers never wait, so their turn has no end
            self.flush()
        elif len(self._rows) == 1:
            asyncio.get_running_loop().call_soon(self._write)

    def flush(self) -> None:
        """Write what is left.

        Raises:
            RunError: The disk is full.
        """
        self._write()
        if self._fault is not None:
            raise self._fault

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if not rows or self._fault is not None:
            return
        try:
            _journal(self._session, self._work, self._tally, rows)
        except BaseException as error:  # noqa: BLE001 - raised where a worker sees it
            self._fault = error


async def _answer_in_batches(
    work: ArmTask, cells: Iterator[tuple[Case, int]], total: int, session: Session, tally: AnswerCounts
) -> None:
    model = work.caller.batch_model
    if model is None:
        raise TypeError("answering in batches needs a model that answers batches")
    session.progress.start(work.name, total)
    while chunk := list(itertools.islice(cells, CHUNK)):
        owed = {
            (case.id, repeat) for case, repeat in chunk if session.journal.owes(case.id, work.name, repeat)
        }
        session.progress.advance(work.name, ok=len(chunk) - len(owed))
        if not owed:
            continue
        try:
            composed, unfound = await _composed(work, chunk, session)
        except HaltedError:
            return
        except AccessError as error:
            tally.refused = error
            return
        if lost := [row for row in unfound if (row[0].case_id, row[0].repeat) in owed]:
            _journal(session, work, tally, lost)
        for batch in plan_batches(composed, model.max_batch):
            missing = [cell for cell in batch if (cell.case_id, cell.repeat) in owed]
            if not missing:
                continue
            if session.stop.asked:
                return
            rows = await _answer_batch(work, batch, missing)
            _journal(session, work, tally, rows)


async def _composed(
    work: ArmTask, chunk: list[tuple[Case, int]], session: Session
) -> tuple[list[Cell], list[tuple[Sample, tuple[Message, ...]]]]:
    """The cells of a chunk, and the rows of those whose passages could not be found.

    Questions are embedded some at a time.

    Raises:
        AccessError: No question will be embedded.
        HaltedError: The run stopped meanwhile.
    """
    if work.arm.searcher is None:
        return [compose_cell(work, case, repeat, seed=session.seed) for case, repeat in chunk], []
    cells: list[Cell] = []
    unfound: list[tuple[Sample, tuple[Message, ...]]] = []
    for start in range(0, len(chunk), _QUESTIONS_AT_ONCE):
        part = chunk[start : start + _QUESTIONS_AT_ONCE]
        finds = await asyncio.gather(*(work.arm.find(case) for case, _ in part), return_exceptions=True)
        for (case, repeat), found in zip(part, finds, strict=True):
            if isinstance(found, CallError) and not isinstance(found, AccessError):
                unfound.append((unfound_sample(work, case, repeat, str(found)), ()))
            elif isinstance(found, BaseException):
                raise found
            else:
                cells.append(compose_cell(work, case, repeat, seed=session.seed, found=found))
    return cells, unfound


async def _answer_batch(
    work: ArmTask, batch: list[Cell], missing: list[Cell]
) -> list[tuple[Sample, tuple[Message, ...]]]:
    """The rows of ``missing``; the whole batch is computed, as an undisturbed run would have done."""
    try:
        answers = await work.caller.call_batch([cell.request for cell in batch])
    except CallError as error:
        return [(failed_sample(work, cell, str(error)), cell.request.messages) for cell in missing]
    wanted = {(cell.case_id, cell.repeat) for cell in missing}
    return [
        (answered_sample(work, cell, answered), cell.request.messages)
        for cell, answered in zip(batch, answers, strict=True)
        if (cell.case_id, cell.repeat) in wanted
    ]


def _journal(
    session: Session, work: ArmTask, tally: AnswerCounts, rows: list[tuple[Sample, tuple[Message, ...]]]
) -> None:
    session.journal.add(rows)
    errors = 0
    for sample, _ in rows:
        tally.count(sample)
        errors += sample.error is not None
    session.progress.advance(work.name, ok=len(rows) - errors, errors=errors)
