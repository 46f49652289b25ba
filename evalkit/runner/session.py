"""What the arms of a run share while they are answered: the journal, the counts, and rows on their way to disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from evalkit.errors import AccessError
from evalkit.records.case import Message
from evalkit.records.run_observations import EventLoopLag
from evalkit.records.sample import Sample
from evalkit.records.shard import Shard
from evalkit.runner.cells import ArmTask
from evalkit.runner.progress import Progress
from evalkit.runner.shard import holds_case
from evalkit.runner.stop_signal import StopSignal
from evalkit.secrets import Secrets

JournalEntry = tuple[Sample, tuple[Message, ...]]
"""A finished cell and its prompt; the prompt is empty where none was written."""

_ROWS_A_WRITE = 256


class CellJournal(Protocol):
    """Where finished cells are appended: a run's own journal, or that of cases which a gate asks again."""

    def owes(self, case_id: str, arm: str, repeat: int) -> bool:
        """Whether that cell is still to be answered."""
        ...

    def add(self, rows: Iterable[JournalEntry]) -> None:
        """Append finished cells in one write."""
        ...


@dataclass(slots=True)
class AnswerCounts:
    """How the cells of one arm ended in this session.

    Attributes:
        reasons: Count of errors by what they say.
        finish_reasons: Count of answers by how they ended.
        refused: Why the endpoint answers nobody; None where it does answer.
        loop: How often our own event loop was late: the client was the bottleneck. Service times are taken at the
            socket and do not grow by it; the wait for a turn does. No beats where batches were answered here.
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
        secrets: What no row may hold.
        shard: The part of the run that is answered here; None for all of it.
    """

    journal: CellJournal
    progress: Progress
    stop: StopSignal
    seed: int
    repeats: int
    concurrency: int
    secrets: Secrets = field(default_factory=Secrets)
    shard: Shard | None = None

    def owes(self, case_id: str, arm: str, repeat: int) -> bool:
        """Whether that cell is to be answered here and has no answer yet, where cells go by case."""
        return (self.shard is None or holds_case(self.shard, case_id)) and self.journal.owes(
            case_id, arm, repeat
        )


def journal_rows(session: Session, task: ArmTask, counts: AnswerCounts, rows: list[JournalEntry]) -> None:
    """Journal and count finished cells, and show them as progress.

    Raises:
        RunError: The disk is full.
    """
    if session.secrets:
        rows = [_without_secrets(row, session.secrets) for row in rows]
    session.journal.add(rows)
    errors = 0
    for sample, _ in rows:
        counts.count(sample)
        errors += sample.error is not None
    session.progress.advance(task.name, ok=len(rows) - errors, errors=errors)


def _without_secrets(row: JournalEntry, secrets: Secrets) -> JournalEntry:
    sample, messages = row
    said = {name: getattr(sample, name) for name in ("output", "reasoning_text", "answering_model", "error")}
    hidden = {name: None if text is None else secrets.hide(text) for name, text in said.items()}
    shown = tuple(replace(message, content=secrets.hide(message.content)) for message in messages)
    return replace(sample, **hidden), shown


class JournalBuffer:
    """Journals the cells that finish in one turn of the event loop in one write, before the loop turns again."""

    def __init__(self, session: Session, task: ArmTask, counts: AnswerCounts) -> None:
        self._session, self._task, self._counts = session, task, counts
        self._rows: list[JournalEntry] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, sample: Sample, messages: tuple[Message, ...]) -> None:
        """Journal a finished cell.

        Raises:
            RunError: An earlier write failed; nothing more is to be asked.
        """
        self._raise_earlier_fault()
        self._rows.append((sample, messages))
        if len(self._rows) == _ROWS_A_WRITE:  # replayed answers never wait, so their turn has no end
            self._write()
        elif self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_after_this_turn())

    def flush(self) -> None:
        """Write what is left.

        Raises:
            RunError: The disk is full, now or in an earlier write.
        """
        self._raise_earlier_fault()
        self._write()

    async def _write_after_this_turn(self) -> None:
        self._write()

    def _raise_earlier_fault(self) -> None:
        if self._writing is not None and self._writing.done() and not self._writing.cancelled():
            self._writing.result()

    def _write(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            journal_rows(self._session, self._task, self._counts, rows)
