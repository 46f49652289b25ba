"""BM25 over words: the retriever that needs no model and no network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from evalkit.errors import DataError, InputError, did_you_mean
from evalkit.records.case import Case, Passage
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
        checked = _checked(options or {})
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
        return [
            Passage(
                id=self._passages[position].id,
                text=self._passages[position].text,
                score=float(scores[position]),
            )
            for position in best
        ]

    def rank(self, query: str) -> list[int]:
        """Positions of all passages, best first; those that share no word with the query come last."""
        return _ranked(self._scores(query))

    def _scores(self, query: str) -> np.ndarray:
        known = self._index.get_tokens_ids(self._tokenize(query))
        if not known:
            return np.zeros(len(self._passages))
        return np.asarray(self._index.get_scores(known))


def _ranked(scores: np.ndarray) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


def _checked(options: Mapping[str, object]) -> _Options:
    if unknown := [name for name in options if name not in _Options.model_fields]:
        raise InputError(
            f"BM25 has no option {unknown[0]!r}. {did_you_mean(unknown[0], _Options.model_fields)}"
        )
    try:
        checked = _Options.model_validate(dict(options))
    except ValidationError as error:
        finding = error.errors()[0]
        raise InputError(f"BM25's option {finding['loc'][0]!r}: {finding['msg'].lower()}") from None
    if checked.k1 < 0 or not 0 <= checked.b <= 1:
        raise InputError("BM25 needs k1 >= 0 and b from 0 to 1")
    return checked
