"""Retrieval without a network: the hashed embedder over a small corpus, as a run would connect it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from evalkit.calls.budget import Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.embeddings.hashed import HashedEmbedder
from evalkit.records.case import Passage
from evalkit.retrieval.passage_vectors import IndexPlace, PassageVectors
from evalkit.suite.retrieval import HashedEmbedderConfig

SUBJECTS = ("router", "pump", "oven", "printer", "lift", "路由器", "水泵", "烤箱", "印表機", "電梯")
FAULTS = ("blinks red", "is loud", "stops at night", "smells burnt", "亮紅燈", "太吵", "半夜停機", "有焦味")


def corpus() -> list[Passage]:
    """80 passages, one for each subject and fault."""
    pairs = [(subject, fault) for subject in SUBJECTS for fault in FAULTS]
    return [
        Passage(id=f"p{number}", text=f"When the {subject} {fault}, call line {number}.")
        for number, (subject, fault) in enumerate(pairs)
    ]


def questions() -> list[str]:
    """Ten questions in two languages."""
    return [f"{subject} {fault}" for subject, fault in zip(SUBJECTS, FAULTS + FAULTS[:2], strict=True)]


class Counting(HashedEmbedder):
    """The hashed embedder, which counts the texts that it is asked for and tells a token a word."""

    def __init__(self, dimensions: int) -> None:
        super().__init__(HashedEmbedderConfig(type="hashed", dimensions=dimensions), folder=Path())
        self.passages = self.queries = 0

    async def embed(self, texts, purpose):
        found = await super().embed(texts, purpose)
        if purpose == "query":
            self.queries += len(texts)
        else:
            self.passages += len(texts)
        return type(found)(found.vectors, sum(len(text.split()) for text in texts), found.service_s)


class Bench:
    """Makes connected passage vectors, each as a run of its own would.

    Attributes:
        embedder: Of the vectors made last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = corpus()
        self.questions = questions()

    def vectors(
        self, passages: Sequence[Passage] | None = None, *, dimensions: int = 64, reuse: bool = True
    ) -> PassageVectors:
        self.embedder = Counting(dimensions)
        chunks = self.corpus if passages is None else passages
        vectors = PassageVectors(chunks, corpus="made up", documents=len(chunks), embedder="hashed")
        caller = EmbeddingCaller(self.embedder, spending=Spending(), price=lambda tokens, seconds: Decimal(0))
        vectors.connect(caller, IndexPlace(self.folder, reuse))
        return vectors


def nothing(steps: int) -> None:
    """Told of progress."""


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path / "indexes")
