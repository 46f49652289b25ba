"""From the suite's ``retrieval`` section to a retriever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from evalkit.records.case import Passage
from evalkit.registry import RETRIEVERS
from evalkit.retrieval.passage_vectors import PassageVectors
from evalkit.retrieval.protocol import Retriever, VectorRetriever
from evalkit.retrieval.searcher import Searcher
from evalkit.suite.schema import RetrievalConfig


class _MakesRetrievers(Protocol):
    def __call__(self, passages: Sequence[Passage], *, options: dict[str, object]) -> Retriever: ...


class _MakesVectorRetrievers(Protocol):
    def __call__(self, vectors: PassageVectors, *, options: dict[str, object]) -> VectorRetriever: ...


def compares_vectors(method: str) -> bool:
    """Whether a method searches with an embedder: its class says ``embeds = True``.

    Raises:
        InputError: The method is unknown.
    """
    return bool(getattr(RETRIEVERS.load(method), "embeds", False))


def build_retriever(config: RetrievalConfig, passages: Sequence[Passage]) -> Retriever:
    """The retriever that ``config.method`` names, over ``passages``.

    What the method stands for is called as ``Class(passages, options=...)``, a third party's as well.

    Raises:
        InputError: The method is unknown or refuses its options.
        DataError: The corpus cannot be searched.
    """
    make = cast(_MakesRetrievers, RETRIEVERS.load(config.method))
    return make(passages, options=dict(config.options))


def build_searcher(config: RetrievalConfig, vectors: PassageVectors) -> Searcher:
    """The searcher of a method that compares vectors; its class is called as ``Class(vectors, options=...)``.

    Args:
        config: Names the method and its options.
        vectors: What is searched.

    Raises:
        InputError: The method refuses its options, or its extra is missing.
        DataError: The corpus cannot be searched.
    """
    make = cast(_MakesVectorRetrievers, RETRIEVERS.load(config.method))
    return Searcher(make(vectors, options=dict(config.options)))
