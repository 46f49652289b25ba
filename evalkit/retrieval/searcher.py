"""A retriever by vectors whose index is built when the first question needs it, and never for a run that asks none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from evalkit.calls.embedding import EmbeddingCaller
from evalkit.errors import AccessError, CallError
from evalkit.records.case import Passage
from evalkit.records.retrieval import IndexFacts
from evalkit.records.sample import RetrievalUse
from evalkit.retrieval.passage_vectors import IndexPlace, PassageVectors
from evalkit.retrieval.protocol import Found, VectorRetriever

Started = Callable[[str, int], Callable[[int], None]]
"""Called with a corpus and its number of chunks when its index is begun; gives the callback for each step."""


class Searcher:
    """Finds passages; shared by all arms of one corpus, chunking, embedder, method and options.

    Args:
        retriever: Not prepared yet.
    """

    def __init__(self, retriever: VectorRetriever) -> None:
        self._retriever = retriever
        self._started: Started = lambda name, count: lambda steps: None
        self._ready = False
        self._fault: AccessError | None = None
        self._preparing: asyncio.Lock | None = None

    @property
    def embedder(self) -> str:
        """The embedder's name in the suite."""
        return self._retriever.vectors.embedder

    @property
    def facts(self) -> IndexFacts | None:
        """What is searched and what building it took; None before the first question."""
        return self._retriever.facts

    @property
    def vectors(self) -> PassageVectors:
        """The vectors that are searched; one object for all methods over the same corpus, chunking and embedder."""
        return self._retriever.vectors

    def price(self, use: RetrievalUse) -> Decimal | None:
        """Money of one question's passages; None where it is not known."""
        return self._retriever.vectors.caller.price(use.tokens, use.embed_s)

    def connect(self, caller: EmbeddingCaller, place: IndexPlace, started: Started) -> None:
        """Set who embeds, where indexes are kept, and what is called when building one begins."""
        self._retriever.vectors.connect(caller, place)
        self._started = started
        self._preparing = asyncio.Lock()

    async def find(self, query: str, k: int) -> Found:
        """At most ``k`` passages, best first.

        Raises:
            AccessError: There is no index, and no question will find one.
            CallError: This question could not be embedded or searched for.
            HaltedError: The run stopped meanwhile.
        """
        if not self._ready:
            await self._prepare()
        return await self._retriever.find(query, k)

    def stand_ins(self, number: int, k: int) -> tuple[Passage, ...]:
        """``k`` passages from anywhere in the corpus, others for each number; estimates need only lengths."""
        chunks = self._retriever.vectors.chunks
        return tuple(chunks[(number * k + place) % len(chunks)] for place in range(min(k, len(chunks))))

    def close(self) -> None:
        """Close the index and free its memory and connections."""
        self._retriever.close()
        self._ready = False

    async def _prepare(self) -> None:
        if self._preparing is None:
            raise RuntimeError("connect comes before searching")
        async with self._preparing:
            if self._fault is not None:
                raise self._fault
            if self._ready:
                return
            vectors = self._retriever.vectors
            progress = self._started(vectors.corpus, len(vectors.chunks))
            try:
                await self._retriever.prepare(progress)
            except CallError as error:
                self._fault = AccessError(f"the index of {vectors.corpus} was not built: {error}")
                raise self._fault from error
            self._ready = True
