"""Hybrid search: the words of BM25 and the vectors of dense search, put together by their ranks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.dense import VectorsInMemory, use_of
from evalkit.retrieval.options import checked_options
from evalkit.retrieval.passage_vectors import PassageVectors, nearest, prepared
from evalkit.retrieval.protocol import Found
from evalkit.suite.models import Strict

RANK_CONSTANT = 60
"""k of Cormack et al., who chose it in a pilot and found that other values change little."""


class _Options(Strict):
    k: int = RANK_CONSTANT
    depth: int = 100
    k1: float = 1.5
    b: float = 0.75


class HybridRetriever(VectorsInMemory):
    """Reciprocal rank fusion of BM25 and exact dense search.

    Args:
        vectors: What is searched.
        options: ``k`` (the rank constant, default 60), ``depth`` (passages taken from each side, default 100), and
            BM25's ``k1`` and ``b``.

    Raises:
        InputError: An option is unknown or out of range.
        DataError: The corpus cannot be searched.

    References:
        Cormack, Clarke and Buettcher (2009), SIGIR, 758-759.
    """

    def __init__(self, vectors: PassageVectors, *, options: Mapping[str, object] | None = None) -> None:
        checked = checked_options(
            _Options,
            options,
            "hybrid",
            lambda given: given.k >= 1 and given.depth >= 1,
            "k >= 1 and depth >= 1",
        )
        super().__init__(vectors, "hybrid")
        self._options = checked
        self._words = BM25Retriever(vectors.chunks, options={"k1": checked.k1, "b": checked.b})

    async def find(self, query: str, k: int) -> Found:
        """The ``k`` best chunks by fused rank."""
        index = prepared(self._index)
        question = await self.vectors.query(query)
        began = time.perf_counter()
        depth = max(k, self._options.depth)
        by_meaning, _ = nearest(index.vectors, question.vectors[0], depth)
        by_words = self._words.best(query, depth)
        fused = reciprocal_rank_fusion((by_words, by_meaning), k=self._options.k)[:k]
        search_s = time.perf_counter() - began
        passages = tuple(self.vectors.passage(position, score) for position, score in fused)
        return Found(passages, use_of(question, search_s))


def reciprocal_rank_fusion(
    rankings: Iterable[Sequence[int]], *, k: int = RANK_CONSTANT
) -> list[tuple[int, float]]:
    """Items with the sum of ``1 / (k + rank)`` over the rankings that hold them, best first; ranks start at 1.

    Equal sums go by the item itself.

    References:
        Cormack, Clarke and Buettcher (2009), SIGIR, 758-759.

    >>> [(item, round(score, 5)) for item, score in reciprocal_rank_fusion([[7, 8], [8, 9]])]
    [(8, 0.03252), (7, 0.01639), (9, 0.01613)]
    """
    sums: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            sums[item] = sums.get(item, 0.0) + 1.0 / (k + rank)
    return sorted(sums.items(), key=lambda each: (-each[1], each[0]))
