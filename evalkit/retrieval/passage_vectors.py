"""The vectors of one corpus under one embedder, made once for every retriever that compares them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from evalkit.calls.embedded_texts import EmbeddedTexts
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.digest import digest_of
from evalkit.embeddings.protocol import Vectors
from evalkit.records.case import Passage

T = TypeVar("T")
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where indexes are kept between runs.

    Attributes:
        folder: The user's own: an index on disk is trusted.
        reuse: Whether one that is there is taken.
    """

    folder: Path
    reuse: bool = True


class PassageVectors:
    """Chunks, and their vectors, which are made when they are first needed.

    Args:
        chunks: What is searched, with text.
        corpus: As the suite names it.
        documents: How many there were before cutting.
        embedder: Its name in the suite.
    """

    def __init__(self, chunks: Sequence[Passage], *, corpus: str, documents: int, embedder: str) -> None:
        self.chunks = chunks
        self.corpus = corpus
        self.documents = documents
        self.embedder = embedder
        self._connected: tuple[EmbeddingCaller, IndexPlace] | None = None
        self._embedded: EmbeddedTexts | None = None
        self._making: asyncio.Lock | None = None

    def connect(self, caller: EmbeddingCaller, place: IndexPlace) -> None:
        """Set who embeds and where indexes are kept. Must come before anything is embedded."""
        self._connected = caller, place
        self._making = asyncio.Lock()

    @property
    def caller(self) -> EmbeddingCaller:
        """Who embeds."""
        return self._both[0]

    @property
    def place(self) -> IndexPlace:
        """Where indexes are kept."""
        return self._both[1]

    @cached_property
    def digest(self) -> str:
        """Digest of the chunks (and so of corpus and chunking) and of everything that decides a vector."""
        texts = digest_of([[chunk.id, chunk.text, chunk.start, chunk.end] for chunk in self.chunks])
        return digest_of([_FORMAT, texts, self.caller.identity])

    async def embedded(self, progress: Callable[[int], None]) -> EmbeddedTexts:
        """The vectors of all chunks, shape (n_chunks, dimensions); embedded on the first call.

        Args:
            progress: Called with the number of chunks that each step has embedded.

        Raises:
            CallError: A request found no answer; what was embedded before it is kept.
            HaltedError: The run stopped meanwhile.
        """
        async with prepared(self._making):
            if self._embedded is None:
                self._embedded = await self.caller.passages(
                    [chunk.text or "" for chunk in self.chunks], progress
                )
            else:
                progress(len(self.chunks))
        return self._embedded

    async def query(self, text: str) -> EmbeddedTexts:
        """The vector of a question, shape (1, dimensions)."""
        return await self.caller.query(text)

    def passage(self, position: int, score: float) -> Passage:
        """The chunk at a position of the corpus, with the score that a search gave it."""
        return replace(self.chunks[position], score=score)

    @property
    def _both(self) -> tuple[EmbeddingCaller, IndexPlace]:
        return prepared(self._connected)


def prepared(part: T | None) -> T:
    """``part``, which an earlier step must have made.

    Raises:
        RuntimeError: The steps were not taken in order.
    """
    if part is None:
        raise RuntimeError("connect and prepare come before searching")
    return part


def nearest(vectors: Vectors, question: Vectors, k: int) -> tuple[list[int], list[float]]:
    """Positions and cosines of the ``k`` nearest rows, by comparing with each: exact search.

    Rows that are equally near keep their order.

    Args:
        vectors: Shape (n, dimensions), of length 1.
        question: Shape (dimensions,), of length 1.
        k: At least 1.
    """
    scores = vectors @ question
    if k < len(scores):
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        near = np.flatnonzero(scores >= edge)
    else:
        near = np.arange(len(scores))
    best = near[np.argsort(-scores[near], kind="stable")][:k]
    return best.tolist(), scores[best].tolist()
