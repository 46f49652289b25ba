"""Exact search and its fusion with BM25."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import numpy as np
import pytest

from evalkit.errors import InputError
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.retrieval.dense import DenseRetriever
from evalkit.retrieval.hybrid import HybridRetriever, reciprocal_rank_fusion
from evalkit.retrieval.passage_vectors import nearest


async def found(retriever, questions, k):
    await retriever.prepare(lambda steps: None)
    return [await retriever.find(question, k) for question in questions]


def test_the_nearest_rows_come_first_and_equal_ones_in_their_order():
    rows = np.array([[0, 1], [1, 0], [1, 0], [0.6, 0.8], [1, 0]], dtype=np.float32)
    question = np.array([1, 0], dtype=np.float32)
    assert nearest(rows, question, 2)[0] == [1, 2]
    positions, scores = nearest(rows, question, 10)
    assert positions == [1, 2, 4, 3, 0]
    assert scores == pytest.approx([1, 1, 1, 0.6, 0])


def test_dense_search_finds_by_shared_parts_of_words_in_english_and_chinese(bench):
    """BM25 matches whole words only, so a plural of a name finds nothing there."""
    retriever = DenseRetriever(bench.vectors(dimensions=2048))
    english, chinese = asyncio.run(found(retriever, ["routers blinking red", "路由器紅燈"], 3))
    assert english.passages[0].text == "When the router blinks red, call line 0."
    assert chinese.passages[0].text == "When the 路由器 亮紅燈, call line 44."
    assert english.passages[0].score > english.passages[-1].score


def test_each_text_is_embedded_once_whoever_asks(bench):
    vectors = bench.vectors()
    asyncio.run(found(DenseRetriever(vectors), bench.questions * 2, 3))
    asyncio.run(found(HybridRetriever(vectors), bench.questions, 3))
    assert (bench.embedder.passages, bench.embedder.queries) == (80, 10)


def test_what_finding_took_is_told_apart_from_the_model(bench):
    use = asyncio.run(found(DenseRetriever(bench.vectors()), ["router is loud"], 3))[0].use
    assert use.tokens == 3
    assert use.seconds == use.embed_s + use.search_s > 0


def test_fusion_by_hand():
    """Cormack et al. (2009): the sum of 1 / (60 + rank). b is 2nd and 1st: 1/62 + 1/61."""
    assert reciprocal_rank_fusion([["a", "b", "c"], ["b", "d"]]) == [
        ("b", 1 / 62 + 1 / 61),
        ("a", 1 / 61),
        ("d", 1 / 62),
        ("c", 1 / 63),
    ]


def test_hybrid_is_the_fusion_of_the_two_rankings_computed_apart(bench):
    vectors = bench.vectors()
    words = BM25Retriever(bench.corpus)
    dense = asyncio.run(found(DenseRetriever(vectors), bench.questions, 100))
    hybrid = asyncio.run(found(HybridRetriever(vectors), bench.questions, 5))
    for question, by_meaning, both in zip(bench.questions, dense, hybrid, strict=True):
        sums = defaultdict(float)
        for ranking in (words.search(question, 100, None), by_meaning.passages):
            for rank, passage in enumerate(ranking, start=1):
                sums[passage.id] += 1 / (60 + rank)
        order = sorted(sums, key=lambda name: (-sums[name], int(name[1:])))[:5]
        assert [passage.id for passage in both.passages] == order
        assert both.passages[0].score == pytest.approx(sums[order[0]])


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (DenseRetriever, {"ef": 3}, "dense retrieval has no options"),
        (HybridRetriever, {"dept": 3}, "hybrid has no option 'dept'.*Did you mean 'depth'"),
        (HybridRetriever, {"k": 0}, "hybrid needs k >= 1"),
        (HybridRetriever, {"k": "many"}, "hybrid's option 'k': input should be a valid integer"),
    ],
)
def test_options_are_checked_before_anything_is_embedded(bench, make, options, says):
    with pytest.raises(InputError, match=says):
        make(bench.vectors(), options=options)
    assert bench.embedder.passages == 0
