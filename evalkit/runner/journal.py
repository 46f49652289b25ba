"""The journal of a run: what has been answered, and where finished cells are appended."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from evalkit.records.case import Message
from evalkit.records.sample import Sample, Status
from evalkit.store.jsonl import Appender, JsonLines
from evalkit.store.run_folder import PromptRow, RunFolder


class Journal:
    """Appends samples and remembers which cells need no asking.

    Memory: two hashes of 8 bytes a cell, not the rows.

    Args:
        run: An existing run folder, locked by this process.
        retry_errors: Whether cells whose last row is ``error`` or ``limit`` are owed again.
    """

    def __init__(self, run: RunFolder, *, retry_errors: bool = False) -> None:
        self._settled: set[int] = set()
        for sample in JsonLines(run.samples_file, Sample):
            if sample.status is Status.OK or not retry_errors:
                self._settled.add(hash(sample.key))
            else:
                self._settled.discard(hash(sample.key))
        self._prompts = {hash(row.digest) for row in JsonLines(run.prompts_file, PromptRow)}
        self._sample_file = Appender(run.samples_file)
        self._prompt_file = Appender(run.prompts_file)

    def owes(self, case_id: str, arm: str, repeat: int) -> bool:
        """Whether that cell is still to be answered."""
        return hash((case_id, arm, repeat)) not in self._settled

    def add(self, rows: Iterable[tuple[Sample, tuple[Message, ...]]]) -> None:
        """Journal finished cells, their prompts first, in one write each.

        Raises:
            RunError: The disk is full; nothing of these rows counts as answered.
        """
        rows = list(rows)
        prompts = []
        for sample, messages in rows:
            if sample.prompt_digest and hash(sample.prompt_digest) not in self._prompts:
                self._prompts.add(hash(sample.prompt_digest))
                turns = tuple({"role": message.role, "content": message.content} for message in messages)
                prompts.append(PromptRow(digest=sample.prompt_digest, messages=turns))
        if prompts:
            self._prompt_file.append(prompts)
        self._sample_file.append(sample for sample, _ in rows)
        self._settled.update(hash(sample.key) for sample, _ in rows)

    def close(self) -> None:
        """Flush and close both files."""
        self._sample_file.close()
        self._prompt_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
