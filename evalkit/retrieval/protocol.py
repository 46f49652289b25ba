"""What every retriever can do."""

from __future__ import annotations

from typing import Protocol

from evalkit.records.case import Case, Passage


class Retriever(Protocol):
    """Finds passages for a question. Built once per corpus and method; ``search`` is called per case."""

    def search(self, query: str, k: int, case: Case) -> list[Passage]:
        """At most ``k`` passages with text and score, best first.

        Args:
            query: What to search for.
            k: At least 1.
            case: Only the gold retriever may read more of it than its id.
        """
        ...
