"""Dense search: the passages whose vectors are nearest to the question's, found by comparing with every one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from evalkit.calls.embedded_texts import EmbeddedTexts
from evalkit.errors import InputError
from evalkit.records.retrieval import IndexFacts
from evalkit.records.sample import RetrievalUse
from evalkit.retrieval.passage_vectors import PassageVectors, nearest, prepared
from evalkit.retrieval.protocol import Found


class VectorsInMemory:
    """The vectors of all chunks, compared with one by one: what dense and hybrid search stand on.

    Args:
        vectors: What is searched.
        method: How the index is named in the report.
    """

    embeds: ClassVar[bool] = True

    def __init__(self, vectors: PassageVectors, method: str) -> None:
        self.vectors = vectors
        self._method = method
        self._index: EmbeddedTexts | None = None
        self._facts: IndexFacts | None = None

    @property
    def facts(self) -> IndexFacts | None:
        """What is searched and what building it took; None before ``prepare``."""
        return self._facts

    async def prepare(self, progress: Callable[[int], None]) -> None:
        """Embed the chunks, where that was not done yet.

        Args:
            progress: Called with the number of chunks that each step has embedded.
        """
        if self._index is None:
            began = time.perf_counter()
            self._index = await self.vectors.embedded(progress)
            self._facts = index_facts(self._method, self.vectors, self._index, time.perf_counter() - began)

    def close(self) -> None:
        """Forget the vectors."""
        self._index = None


class DenseRetriever(VectorsInMemory):
    """Exact search by cosine, in memory. Up to some hundred thousand chunks it needs no index.

    Args:
        vectors: What is searched.
        options: There are none.

    Raises:
        InputError: An option was given.
    """

    def __init__(self, vectors: PassageVectors, *, options: Mapping[str, object] | None = None) -> None:
        if options:
            raise InputError(f"dense retrieval has no options (given: {', '.join(map(repr, options))})")
        super().__init__(vectors, "dense")

    async def find(self, query: str, k: int) -> Found:
        """The ``k`` nearest chunks with their cosines."""
        index = prepared(self._index)
        question = await self.vectors.query(query)
        began = time.perf_counter()
        best, scores = nearest(index.vectors, question.vectors[0], k)
        search_s = time.perf_counter() - began
        passages = tuple(map(self.vectors.passage, best, scores))
        return Found(passages, use_of(question, search_s))


def index_facts(method: str, vectors: PassageVectors, index: EmbeddedTexts, seconds: float) -> IndexFacts:
    """What an index in memory holds, and what building it took: ``seconds`` in all."""
    return IndexFacts(
        digest=vectors.digest,
        method=method,
        embedder=vectors.embedder,
        corpus=vectors.corpus,
        documents=vectors.documents,
        chunks=len(vectors.chunks),
        dimensions=index.vectors.shape[1],
        tokens=index.tokens,
        embed_s=index.service_s,
        seconds=seconds,
        cost=vectors.caller.price(index.tokens, index.service_s),
        reused=index.replayed == len(vectors.chunks),
    )


def use_of(question: EmbeddedTexts, search_s: float) -> RetrievalUse:
    """Tokens and seconds of one question: embedding it, and searching for ``search_s`` seconds."""
    return RetrievalUse(
        tokens=question.tokens,
        embed_s=question.service_s,
        search_s=search_s,
        replayed=question.replayed > 0,
    )
