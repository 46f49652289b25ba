"""Answers made elsewhere, read from a file by case id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.data.recorded import read_recorded
from evalkit.digest import digest_file
from evalkit.errors import RequestError
from evalkit.records.sample import Completion, Request
from evalkit.suite.models import RecordedModelConfig


class RecordedModel:
    """Replays a file of rows ``case_id, output``.

    A case without a row is missing, not wrong: asking for it is an error that is counted, never scored.

    Args:
        config: Its section of the suite.
        folder: The suite's folder.
    """

    def __init__(self, config: RecordedModelConfig, *, folder: Path) -> None:
        self._path = folder / config.path
        self._answers = read_recorded(self._path)
        self._digest = digest_file(self._path)

    @property
    def identity(self) -> Mapping[str, object]:
        """The file's content, and where columns go by other names or units than the fields', how they are read."""
        mapping = self._answers.mapping
        renamed = {name: columns for name, columns in mapping.columns.items() if columns != (name,)}
        if "cost" in mapping.columns or "input_tokens" in mapping.columns or mapping.numbered or renamed:
            return {"type": "recorded", "digest": self._digest, "columns": mapping.words()}
        return {"type": "recorded", "digest": self._digest}

    @property
    def answers_by_case(self) -> bool:
        """Yes: two cases with one wording may have two answers."""
        return True

    async def complete(self, request: Request) -> Completion:
        """The recorded answer of the request's case and repeat.

        Raises:
            RequestError: The file has no row for it, or the row records an error.
        """
        answer = self._answers.get((request.case_id, request.repeat))
        if answer is None:
            raise RequestError(f"no recorded answer in {self._path.name}")
        if answer.error is not None:
            raise RequestError(f"recorded as failed: {answer.error}")
        return answer.completion()

    async def close(self) -> None:
        """Nothing is held open."""
