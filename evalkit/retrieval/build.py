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


def compares_vectors(method: str, *, plugins: bool = False) -> bool:
    """Whether a method searches with an embedder: its class says ``embeds = True``.

    Args:
        method: Name of a retriever.
        plugins: Whether code that the suite names may be loaded.

    Raises:
        InputError: The method is unknown, or may not be loaded.
    """
    return bool(getattr(RETRIEVERS.load(method, plugins=plugins), "embeds", False))


def build_retriever(
    config: RetrievalConfig, passages: Sequence[Passage], *, plugins: bool = False
) -> Retriever:
    """The retriever that ``config.method`` names, over ``passages``.

    What the method stands for is called as ``Class(passages, options=...)``, a third party's as well.

    Raises:
        InputError: The method is unknown or refuses its options.
        DataError: The corpus cannot be searched.
    """
    make = cast(_MakesRetrievers, RETRIEVERS.load(config.method, plugins=plugins))
    return make(passages, options=dict(config.options))


def build_searcher(config: RetrievalConfig, vectors: PassageVectors, *, plugins: bool = False) -> Searcher:
    """The searcher of a method that compares vectors; its class is called as ``Class(vectors, options=...)``.

    Args:
        config: Names the method and its options.
        vectors: What is searched.
        plugins: Whether code that the suite names may be loaded.

    Raises:
        InputError: The method refuses its options, or its extra is missing.
        DataError: The corpus cannot be searched.
    """
    make = cast(_MakesVectorRetrievers, RETRIEVERS.load(config.method, plugins=plugins))
    return Searcher(make(vectors, options=dict(config.options)))
