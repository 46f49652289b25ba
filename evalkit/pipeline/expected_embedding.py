"""What the embedders of a suite will be asked for: passages and questions, counted by the rule of thumb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalkit.arms.arm import Arm
from evalkit.economics.prices import PriceTable
from evalkit.pricing.embedding_cost import embedding_price
from evalkit.prompts.composer import render_for_case
from evalkit.records.case import Case
from evalkit.records.estimate import EmbeddingEstimate
from evalkit.suite.retrieval import HashedEmbedderConfig
from evalkit.suite.schema import Suite
from evalkit.text.token_rate import approximate_tokens

STATED = (
    "Corpora are embedded once and equal questions once; vectors and indexes that are kept already are counted all the "
    "same. Until then the passages of these arms are stand-ins from their corpus."
)


def expected_embedding(
    suite: Suite, arms: Iterable[Arm], cases: Iterable[Case], prices: PriceTable
) -> Iterator[EmbeddingEstimate]:
    """One estimate for each embedder that an arm searches with. Nothing is asked.

    Args:
        suite: Names the embedders.
        arms: Of the suite.
        cases: Read once.
        prices: In force.
    """
    searching = [arm for arm in arms if arm.searcher is not None]
    queries: dict[str, dict[str, None]] = {}
    for case in cases:
        for arm in searching:
            if arm.searcher is not None:
                asked = queries.setdefault(arm.searcher.embedder, {})
                asked[render_for_case(arm.query, case)] = None
    for name in suite.embedders_used:
        vectors = {
            id(arm.searcher.vectors): arm.searcher.vectors for arm in searching if arm.searcher is not None
        }
        texts = {
            chunk.text or "" for each in vectors.values() if each.embedder == name for chunk in each.chunks
        }
        questions = queries.get(name, {})
        hashed = isinstance(suite.embedders[name], HashedEmbedderConfig)
        tokens = None if hashed else sum(map(approximate_tokens, [*texts, *questions]))
        cost = embedding_price(suite, name, prices)(tokens, None)
        yield EmbeddingEstimate(
            embedder=name,
            chunks=len(texts),
            questions=len(questions),
            tokens=tokens,
            cost=None if cost is None else f"{cost:.8f}",
        )
