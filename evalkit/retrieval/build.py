"""From the suite's ``retrieval`` section to a retriever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from evalkit.records.case import Passage
from evalkit.registry import RETRIEVERS
from evalkit.retrieval.protocol import Retriever
from evalkit.suite.schema import RetrievalConfig


class _MakesRetrievers(Protocol):
    def __call__(self, passages: Sequence[Passage], *, options: dict[str, object]) -> Retriever: ...


def build_retriever(config: RetrievalConfig, passages: Sequence[Passage]) -> Retriever:
    """The retriever that ``config.method`` names, over ``passages``.

    What the method stands for is called as ``Class(passages, options=...)``, a third party's as well.

    Raises:
        InputError: The method is unknown or refuses its options.
        DataError: The corpus cannot be searched.
    """
    make = cast(_MakesRetrievers, RETRIEVERS.load(config.method))
    return make(passages, options=dict(config.options))
