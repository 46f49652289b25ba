"""BM25 over words: the retriever that needs no model and no network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from evalkit.errors import DataError
from evalkit.records.case import Case, Passage
from evalkit.retrieval.options import checked_options
from evalkit.suite.models import Strict
from evalkit.text.words import search_terms


class _Options(Strict):
    k1: float = 1.5
    b: float = 0.75


class BM25Retriever:
    """Ranks passages by the Lucene variant of BM25, computed by bm25s.

    Equal scores keep the order of the corpus, so a ranking is the same on every machine.

    Args:
        passages: With text; at least one.
        options: ``k1`` (how soon a repeated word stops counting) and ``b`` (0 to 1: how much length counts).
        tokenize: From text to the terms that count; by default words, and single characters of Chinese.

    Raises:
        DataError: There is no passage, or none with a word in it.
        InputError: An option is unknown or out of range.

    References:
        Robertson and Zaragoza (2009), Foundations and Trends in Information Retrieval 3(4):333-389.
        Kamphuis, de Vries, Boytsov and Lin (2020), ECIR, for the variants.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        options: Mapping[str, object] | None = None,
        tokenize: Callable[[str], list[str]] = search_terms,
    ) -> None:
        import bm25s  # brings scipy: half a second that only arms with retrieval should pay

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG
        checked = checked_options(
            _Options,
            options,
            "BM25",
            lambda given: given.k1 >= 0 and 0 <= given.b <= 1,
            "k1 >= 0 and b from 0 to 1",
        )
        tokens = [tokenize(passage.text or "") for passage in passages]
        if not any(tokens):
            raise DataError(f"none of the {len(passages)} passages holds a word; BM25 has nothing to search")
        self._passages = passages
        self._tokenize = tokenize
        self._index = bm25s.BM25(k1=checked.k1, b=checked.b, method="lucene")
        self._index.index(tokens, show_progress=False)

    def search(self, query: str, k: int, case: Case) -> list[Passage]:
        """The ``k`` best passages that share a word with the query, best first; see ``Retriever``."""
        scores = self._scores(query)
        best = [position for position in _ranked(scores)[:k] if scores[position] > 0]
        return [replace(self._passages[position], score=float(scores[position])) for position in best]

    def best(self, query: str, k: int) -> list[int]:
        """Positions of the ``k`` best passages that share a word with the query, best first."""
        scores = self._scores(query)
        return [position for position in _ranked(scores)[:k] if scores[position] > 0]

    def rank(self, query: str) -> list[int]:
        """Positions of all passages, best first; those that share no word with the query come last."""
        return _ranked(self._scores(query))

    def _scores(self, query: str) -> np.ndarray:
        term_ids = self._index.get_tokens_ids(self._tokenize(query))
        if not term_ids:
            return np.zeros(len(self._passages))
        return np.asarray(self._index.get_scores(term_ids))


def _ranked(scores: np.ndarray) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order
