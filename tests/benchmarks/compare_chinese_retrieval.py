"""BM25 on Traditional Chinese with words, characters and bigrams side by side: suites/zh-faq.

python tests/benchmarks/compare_chinese_retrieval.py

How to cut Chinese for BM25 was chosen on the questions of ``retrieval/choosing.jsonl`` alone, by recall@3. The others
are scored to say what the choice gives: ``retrieval/held-out.jsonl`` asks for other rules of the same corpus in the
same loose way, and the suite's cases are worded more closely to the rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from evalkit.data.corpus import read_corpus
from evalkit.records.case import Case
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.quality import recall_at_k, reciprocal_rank
from evalkit.stats.compare import paired_difference
from evalkit.stats.intervals import wilson
from evalkit.text.chinese import cut_chinese
from evalkit.text.words import search_terms

SUITE = Path(__file__).parents[2] / "suites" / "zh-faq"
CASE = Case(id="", input="", cluster="")


def bigrams(run: str) -> list[str]:
    """Neighbouring pairs of characters; a character alone is its own term."""
    return [run[start : start + 2] for start in range(len(run) - 1)] or [run]


WAYS: dict[str, Callable[[str], Iterable[str]]] = {
    "words": cut_chinese,
    "characters": list,
    "bigrams": bigrams,
    "characters and bigrams": lambda run: [*run, *(pair for pair in bigrams(run) if len(pair) == 2)],
}


def questions(name: str) -> list[tuple[str, list[str]]]:
    """Questions of one file, each with the ids of the passages that answer it."""
    rows = map(json.loads, (SUITE / name).read_text(encoding="utf-8").splitlines())
    return [(row["question"], row["docs"]) for row in rows]


def found(retriever: BM25Retriever, asked: list[tuple[str, list[str]]]) -> tuple[np.ndarray, np.ndarray]:
    """Per question: whether a passage that answers is among the first three, and 1 / its rank among ten."""
    ranked = [([passage.id for passage in retriever.search(text, 10, CASE)], gold) for text, gold in asked]
    hits = np.array([recall_at_k(ids, gold, 3) for ids, gold in ranked])
    return hits, np.array([reciprocal_rank(ids, gold) for ids, gold in ranked])


def main() -> None:
    passages = read_corpus(SUITE / "corpus" / "passages.jsonl")
    retrievers = {
        name: BM25Retriever(passages, tokenize=partial(search_terms, cut_han=way))
        for name, way in WAYS.items()
    }
    print(f"{len(passages)} passages; recall@3 with its 95% Wilson interval, reciprocal rank among ten")
    for title, file in (
        ("choosing", "retrieval/choosing.jsonl"),
        ("held out", "retrieval/held-out.jsonl"),
        ("cases", "cases.jsonl"),
    ):
        asked = questions(file)
        print(f"\n{title}: n = {len(asked)}")
        hits = {}
        for name, retriever in retrievers.items():
            hits[name], ranks = found(retriever, asked)
            bounds = wilson(int(hits[name].sum()), len(asked), 0.05)
            print(
                f"  {name:24s} recall@3 {hits[name].mean():.3f} ({bounds.low:.3f} to {bounds.high:.3f})"
                f"   reciprocal rank {ranks.mean():.3f}"
            )
        clusters = np.unique([gold[0] for _, gold in asked], return_inverse=True)[1]
        for name in ("words", "bigrams"):
            gap = paired_difference(
                hits["characters"],
                hits[name],
                clusters,
                binary=True,
                alpha=0.05,
                rng=np.random.default_rng(7),
            )
            print(
                f"  characters - {name}: {gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), "
                f"p = {gap.p_value:.2g}, {gap.n_clusters} passages asked for"
            )


if __name__ == "__main__":
    main()
