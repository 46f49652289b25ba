"""What every retriever can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from evalkit.records.case import Case, Passage
from evalkit.records.retrieval import IndexFacts
from evalkit.records.sample import RetrievalUse
from evalkit.retrieval.passage_vectors import PassageVectors

Told = Callable[[int], None]
"""Given the number of passages that each step has brought nearer to the index."""


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


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave.

    Attributes:
        passages: With text and score, best first.
        use: Tokens and seconds.
    """

    passages: tuple[Passage, ...]
    use: RetrievalUse


@runtime_checkable
class VectorRetriever(Protocol):
    """Finds passages by vectors that a model makes, so that building its index and searching it cost money and time.

    Its class says ``embeds = True`` and is called as ``Class(vectors, options=...)``. Nothing is embedded before
    ``prepare``.
    """

    embeds: ClassVar[bool]
    vectors: PassageVectors

    async def prepare(self, told: Told) -> None:
        """Build the index, or open the one there is. Called once more it does nothing.

        Raises:
            CallError: Passages could not be embedded or stored; what was embedded is kept.
            HaltedError: The run stopped meanwhile.
        """
        ...

    async def find(self, query: str, k: int) -> Found:
        """At most ``k`` passages; the index is ready.

        Raises:
            CallError: The question could not be embedded or searched for.
            HaltedError: The run stopped meanwhile.
        """
        ...

    @property
    def facts(self) -> IndexFacts | None:
        """What is searched and what it took; None before ``prepare``."""
        ...

    def close(self) -> None:
        """Give back connections and memory."""
        ...
