"""The indexes of a run: ``retrieval.json``."""

from __future__ import annotations

from decimal import Decimal

from evalkit.records.record import Record


class IndexFacts(Record, frozen=True, kw_only=True):
    """What one index holds and what building it took. A reused one keeps the figures of its building.

    Attributes:
        digest: Of corpus, chunking and embedder; an index is reused under the same digest only.
        method: ``dense``, ``hybrid`` or ``qdrant``.
        embedder: Its name in the suite.
        corpus: As the suite names it.
        documents: Before cutting.
        chunks: Vectors.
        tokens: Embedding tokens of all chunks, whether paid now or earlier; None where they were not reported.
        embed_s: Service seconds of embedding them, summed over requests; None where they were not measured.
        seconds: Wall time until it could be searched, in this run.
        cost: Money of embedding it at the prices of its building; None where it is not known.
        reused: Nothing was built or embedded in this run.
        recall: Mean share of the passages of an exact search that the index gives; None where it was not compared.
        compared: Questions that it was compared on.
    """

    digest: str
    method: str
    embedder: str
    corpus: str
    documents: int
    chunks: int
    dimensions: int
    tokens: int | None = None
    embed_s: float | None = None
    seconds: float
    cost: Decimal | None = None
    reused: bool = False
    recall: float | None = None
    compared: int = 0


class RetrievalReport(Record, frozen=True, kw_only=True):
    """``retrieval.json``: by arm, what it searched."""

    format_version: int = 1
    indexes: dict[str, IndexFacts] = {}
