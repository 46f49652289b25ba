"""Answering: every owed cell of every arm, into the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from evalkit.calls.caller import HaltedError
from evalkit.calls.event_loop_lag import EventLoopMonitor
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.errors import AccessError, CallError, EvalkitError
from evalkit.records.case import Case
from evalkit.runner.answer_in_batches import answer_in_batches
from evalkit.runner.cells import (
    ArmTask,
    Cell,
    all_cells,
    answered_sample,
    compose_cell,
    failed_sample,
    unfound_sample,
)
from evalkit.runner.session import AnswerCounts, JournalBuffer, Session


async def answer_arm(task: ArmTask, cases: Iterable[Case], n_cases: int, session: Session) -> AnswerCounts:
    """Ask one arm for every cell it owes.

    A failed call is journaled as an error and the arm goes on. A refusal that holds for every request (a wrong
    key) stops the arm at once and journals nothing, so that a plain ``--resume`` asks again.

    Args:
        task: The arm and who answers for it.
        cases: In the order of the suite; read once, held one chunk at a time.
        n_cases: How many, for the progress.
        session: What the arms share.
    """
    counts = AnswerCounts()
    total = n_cases * session.repeats
    cells = all_cells(cases, session.repeats)
    if task.caller.batch_model is not None:
        await answer_in_batches(task, cells, total, session, counts)
    else:
        await _answer_one_by_one(task, cells, total, session, counts)
    session.progress.finish(task.name)
    return counts


async def _answer_one_by_one(
    task: ArmTask, cells: Iterator[tuple[Case, int]], total: int, session: Session, counts: AnswerCounts
) -> None:
    session.progress.start(task.name, total)
    rows = JournalBuffer(session, task, counts)
    faults: list[EvalkitError] = []

    def end(error: EvalkitError) -> None:
        """Stop for a fault that is none of a request, a full disk say: the others end what they have in flight."""
        faults.append(error)
        session.stop.give_up()

    async def worker() -> None:
        for case, repeat in cells:  # one iterator shared by all workers
            if session.stop.requested or counts.refused is not None:
                return
            if not session.owes(case.id, task.name, repeat):
                session.progress.advance(task.name)
                continue
            cell: Cell | None = None
            try:
                with ONE_REQUEST:
                    passages = await task.arm.find(case) if task.arm.searcher is not None else None
                    cell = compose_cell(task, case, repeat, seed=session.seed, retrieved=passages)
                    sample = answered_sample(task, cell, await task.caller.call(cell.request))
            except HaltedError:
                return
            except AccessError as error:
                counts.refused = error
                return
            except CallError as error:
                sample = (
                    unfound_sample(task, case, repeat, str(error))
                    if cell is None
                    else failed_sample(task, cell, str(error))
                )
            except EvalkitError as error:
                end(error)
                return
            try:
                rows.add(sample, () if cell is None else cell.request.messages)
            except EvalkitError as error:
                end(error)
                return

    with EventLoopMonitor(task.caller.reduce_concurrency) as lag:
        workers = [asyncio.create_task(worker()) for _ in range(session.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:  # where one failed, the others must not go on asking
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            rows.flush()
    if faults:
        raise faults[0]
    if (
        task.caller.answered and not task.caller.model.answers_by_case
    ):  # replays and recorded answers ask nobody
        counts.loop = lag.counted
