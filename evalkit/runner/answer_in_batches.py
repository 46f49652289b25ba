"""Answering in batches on this machine, and which cells share one.

The plan depends on the whole cell list only, never on what is already answered: a row's low bits may depend on
its neighbours, so a resumed run must compute the batches an undisturbed run would have computed. A shard answers some
batches of the same plan; see :mod:`evalkit.runner.shard`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from evalkit.calls.caller import HaltedError
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.errors import AccessError, CallError
from evalkit.records.case import Case
from evalkit.retrieval.protocol import Found
from evalkit.runner.cells import ArmTask, Cell, answered_sample, compose_cell, failed_sample, unfound_sample
from evalkit.runner.session import AnswerCounts, JournalEntry, Session, journal_rows
from evalkit.runner.shard import holds_batch, holds_case

CHUNK = 1024
"""Cells that are sorted together. Prompts of one chunk are in memory at a time, whatever the number of cases."""

_QUESTIONS_AT_ONCE = 16


def plan_batches(cells: Sequence[Cell], max_batch: int) -> Iterator[list[Cell]]:
    """Cells of one chunk in batches, those of one prefix together, by length.

    What does not fill a batch is answered together with the rest of other prefixes, those of one prefix still side by
    side: a model that shares more than one prefix in a batch then runs few small batches, and each prefix once.

    Args:
        cells: One chunk.
        max_batch: Rows a batch may have.
    """
    groups: dict[tuple[object, ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.request.messages[:-1]].append(cell)
    rests: list[list[Cell]] = []
    for group in groups.values():
        ordered = sorted(group, key=_length)
        full = len(ordered) // max_batch * max_batch
        yield from _sliced(ordered[:full], max_batch)
        if full < len(ordered):
            rests.append(ordered[full:])
    rests.sort(key=lambda rest: _length(rest[-1]))
    yield from _sliced([cell for rest in rests for cell in rest], max_batch)


def _length(cell: Cell) -> int:
    return sum(len(message.content) for message in cell.request.messages)


def _sliced(cells: list[Cell], max_batch: int) -> Iterator[list[Cell]]:
    for start in range(0, len(cells), max_batch):
        yield cells[start : start + max_batch]


async def answer_in_batches(
    task: ArmTask, cells: Iterator[tuple[Case, int]], total: int, session: Session, counts: AnswerCounts
) -> None:
    """Ask one arm for every cell it owes, in batches that this machine computes.

    Args:
        task: The arm and who answers for it.
        cells: All of them, the answered ones too; read once, held one chunk at a time.
        total: How many, for the progress.
        session: What the arms share.
        counts: Counted into.
    """
    model = task.caller.batch_model
    if model is None:
        raise TypeError("answering in batches needs a model that answers batches")
    session.progress.start(task.name, total)
    for place in itertools.count():
        if not (chunk := list(itertools.islice(cells, CHUNK))):
            return
        chunk = _without_others(chunk, task, session)
        owed = {
            (case.id, repeat) for case, repeat in chunk if session.journal.owes(case.id, task.name, repeat)
        }
        session.progress.advance(task.name, ok=len(chunk) - len(owed))
        if not owed:
            continue
        try:
            composed, unfound = await _composed(task, chunk, session)
        except HaltedError:
            return
        except AccessError as error:
            counts.refused = error
            return
        if unfound_owed := [row for row in unfound if (row[0].case_id, row[0].repeat) in owed]:
            journal_rows(session, task, counts, unfound_owed)
        for number, batch in enumerate(plan_batches(composed, model.max_batch), start=place):
            missing = [cell for cell in batch if (cell.case_id, cell.repeat) in owed]
            if not missing:
                continue
            if session.stop.requested:
                return
            if _is_of_another_shard(number, task, session):
                session.progress.advance(task.name, ok=len(missing))
                continue
            rows = await _answer_batch(task, batch, missing)
            journal_rows(session, task, counts, rows)


def _without_others(chunk: list[tuple[Case, int]], task: ArmTask, session: Session) -> list[tuple[Case, int]]:
    """The chunk without what goes to other shards by its case; for the progress that counts as done."""
    if session.shard is None or task.arm.searcher is None:
        return chunk
    own = [(case, repeat) for case, repeat in chunk if holds_case(session.shard, case.id)]
    session.progress.advance(task.name, ok=len(chunk) - len(own))
    return own


def _is_of_another_shard(number: int, task: ArmTask, session: Session) -> bool:
    """Whether a batch of the whole run's plan is answered elsewhere; batches of a shard's own cells never are."""
    if session.shard is None or task.arm.searcher is not None:
        return False
    return not holds_batch(session.shard, task.name, number)


async def _composed(
    task: ArmTask, chunk: list[tuple[Case, int]], session: Session
) -> tuple[list[Cell], list[JournalEntry]]:
    """The cells of a chunk, and the rows of those whose passages could not be found.

    Questions are embedded some at a time.

    Raises:
        AccessError: No question will be embedded.
        HaltedError: The run stopped meanwhile.
    """
    if task.arm.searcher is None:
        return [compose_cell(task, case, repeat, seed=session.seed) for case, repeat in chunk], []
    cells: list[Cell] = []
    unfound: list[JournalEntry] = []
    for start in range(0, len(chunk), _QUESTIONS_AT_ONCE):
        part = chunk[start : start + _QUESTIONS_AT_ONCE]
        retrieved = await asyncio.gather(*(_found(task, case) for case, _ in part), return_exceptions=True)
        for (case, repeat), passages in zip(part, retrieved, strict=True):
            if isinstance(passages, CallError) and not isinstance(passages, AccessError):
                unfound.append((unfound_sample(task, case, repeat, str(passages)), ()))
            elif isinstance(passages, BaseException):
                raise passages
            else:
                cells.append(compose_cell(task, case, repeat, seed=session.seed, retrieved=passages))
    return cells, unfound


async def _found(task: ArmTask, case: Case) -> Found | None:
    with ONE_REQUEST:
        return await task.arm.find(case)


async def _answer_batch(task: ArmTask, batch: list[Cell], missing: list[Cell]) -> list[JournalEntry]:
    """The rows of ``missing``; the whole batch is computed, as an undisturbed run would have done."""
    try:
        answers = await task.caller.call_batch([cell.request for cell in batch])
    except CallError as error:
        return [(failed_sample(task, cell, str(error)), cell.request.messages) for cell in missing]
    missing_keys = {(cell.case_id, cell.repeat) for cell in missing}
    return [
        (answered_sample(task, cell, answered), cell.request.messages)
        for cell, answered in zip(batch, answers, strict=True)
        if (cell.case_id, cell.repeat) in missing_keys
    ]
