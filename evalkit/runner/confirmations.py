"""``confirmations.jsonl``: every further ask of a case that a gate asked again, in the run's folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from types import TracebackType
from typing import Self

from evalkit.records.case import Message
from evalkit.records.sample import Sample, Status
from evalkit.store.jsonl import Appender, JsonLines
from evalkit.store.run_folder import RunFolder

CONFIRMATIONS_FILE = "confirmations.jsonl"


class ConfirmationJournal:
    """Appends further answers and remembers which are there; takes the place of the run's journal.

    Their repeat numbers go on where the run's own end, so that the cache has none of them. Failed ones are owed again.

    Args:
        run: A finished run, locked by this process.
        repeats: Of the run itself; those cells are never owed here.
        wanted: Training arm and case id of what is to be asked.
    """

    def __init__(self, run: RunFolder, repeats: int, wanted: Collection[tuple[str, str]]) -> None:
        self._repeats = repeats
        self._wanted = frozenset(wanted)
        self._settled = {sample.key for sample in _answered(run)}
        self._file = Appender(run.file(CONFIRMATIONS_FILE))

    def owes(self, case_id: str, arm: str, repeat: int) -> bool:
        """Whether that further answer is still to be given."""
        asked_here = repeat >= self._repeats and (arm, case_id) in self._wanted
        return asked_here and (case_id, arm, repeat) not in self._settled

    def add(self, rows: Iterable[tuple[Sample, tuple[Message, ...]]]) -> None:
        """Journal finished cells in one write; their prompts stand in the run's own file.

        Raises:
            RunError: The disk is full; nothing of these rows counts as answered.
        """
        samples = [sample for sample, _ in rows]
        self._file.append(samples)
        self._settled.update(sample.key for sample in samples)

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def further_answers(run: RunFolder, repeats: range, wanted: Collection[tuple[str, str]]) -> list[Sample]:
    """The further answers that there are, each cell once.

    Args:
        run: The run.
        repeats: The repeat numbers that count.
        wanted: Training arm and case id of those that count.
    """
    pairs = frozenset(wanted)
    kept = {
        sample.key: sample
        for sample in _answered(run)
        if sample.repeat in repeats and (sample.arm, sample.case_id) in pairs
    }
    return list(kept.values())


def _answered(run: RunFolder) -> Iterator[Sample]:
    rows = JsonLines(run.file(CONFIRMATIONS_FILE), Sample)
    return (sample for sample in rows if sample.status is Status.OK)
