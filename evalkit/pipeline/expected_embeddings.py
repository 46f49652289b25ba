"""What the embedders of a suite will embed: texts exactly, tokens by the rule of thumb, seconds from a probe."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.embeddings.build import build_embedder
from evalkit.pipeline.prepare import Prepared
from evalkit.pricing.embedding_cost import embedding_price
from evalkit.prompts.composer import render_for_case
from evalkit.records.estimate import EmbeddingEstimate
from evalkit.records.record import Money
from evalkit.suite.retrieval import HashedEmbedderConfig, SentenceTransformersConfig
from evalkit.text.token_rate import approximate_tokens

_PROBED_TEXTS = 32


async def expected_embeddings(prepared: Prepared, *, probe: bool) -> tuple[EmbeddingEstimate, ...]:
    """One estimate for each embedder that an arm searches with.

    Args:
        prepared: The suite, checked.
        probe: Whether embedders of this machine embed a few texts, for the time they take; no other one is asked.
    """
    return tuple([await _expected(prepared, name, probe=probe) for name in prepared.suite.embedders_used])


async def _expected(prepared: Prepared, name: str, *, probe: bool) -> EmbeddingEstimate:
    suite = prepared.suite
    texts, questions = _texts(prepared, name)
    config = suite.embedders[name]
    counted = [approximate_tokens(text) for text in (*texts, *questions)]
    tokens = None if isinstance(config, HashedEmbedderConfig) else float(sum(counted))
    seconds = None
    if probe and isinstance(config, SentenceTransformersConfig) and counted:
        seconds = await _probed_seconds(prepared, config, (*texts, *questions)) * sum(counted)
    cost = embedding_price(suite, name, prepared.prices)(tokens, seconds)
    return EmbeddingEstimate(
        embedder=name,
        chunks=len(texts),
        questions=len(questions),
        tokens=tokens,
        cost=None if cost is None else Money(f"{cost:.8f}"),
        seconds=seconds,
    )


def _texts(prepared: Prepared, name: str) -> tuple[Sequence[str], Sequence[str]]:
    """The passages and the questions of one embedder, equal ones once."""
    searching = [(arm.query, arm.searcher) for arm in prepared.arms if arm.searcher is not None]
    of_this = [(query, searcher) for query, searcher in searching if searcher.embedder == name]
    passages = dict.fromkeys(chunk.text or "" for _, searcher in of_this for chunk in searcher.vectors.chunks)
    questions = dict.fromkeys(render_for_case(query, case) for case in prepared.cases for query, _ in of_this)
    return tuple(passages), tuple(questions)


async def _probed_seconds(
    prepared: Prepared, config: SentenceTransformersConfig, texts: Sequence[str]
) -> float:
    """Seconds for each token, as ``approximate_tokens`` counts, from some of the texts, evenly spread."""
    embedder = build_embedder(config, folder=prepared.suite.folder)
    some = texts[:: max(1, len(texts) // _PROBED_TEXTS)][: min(_PROBED_TEXTS, embedder.max_batch)]
    try:
        await embedder.embed(some[:1], "passage")  # the first sets up memory
        embedded = await embedder.embed(some, "passage")
    finally:
        await embedder.close()
    return embedded.service_s / max(1, sum(map(approximate_tokens, some)))
