"""nDCG against hand-computed and independent values, and what counts as found when documents are cut."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from evalkit.records.case import Passage
from evalkit.retrieval.quality import credited, ndcg_at_k, recall_at_k, reciprocal_rank


def test_ndcg_by_hand():
    """Gold at ranks 2 and 4 of 5, both of 2: (1/log2 3 + 1/log2 5) / (1 + 1/log2 3) = 1.06161 / 1.63093."""
    value = ndcg_at_k(["x", "a", "y", "b", "z"], {"a", "b"}, 5)
    assert value == pytest.approx((1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)))
    assert value == pytest.approx(0.65092, abs=1e-5)


def test_ndcg_is_1_for_the_ideal_order_0_for_none_and_none_without_gold():
    assert ndcg_at_k(["a", "b", "x"], {"a", "b"}, 3) == 1.0
    assert ndcg_at_k(["x"], {"a"}, 3) == 0.0
    assert ndcg_at_k(["x"], set(), 3) is None


def test_with_more_gold_than_places_the_ideal_is_k_of_them():
    assert ndcg_at_k(["a", "b"], {"a", "b", "c", "d"}, 2) == 1.0


def test_ndcg_is_that_of_scikit_learn():
    """sklearn.metrics.ndcg_score with binary gains, an implementation that nobody here wrote."""
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    for _ in range(20):
        names = [str(number) for number in rng.permutation(12)]
        gold = {str(number) for number in rng.choice(12, size=rng.integers(1, 6), replace=False)}
        relevance = np.array([[float(name in gold) for name in names]])
        scores = np.arange(12, 0, -1.0)[None, :]
        k = int(rng.integers(1, 12))
        expected = metrics.ndcg_score(relevance, scores, k=k)
        assert ndcg_at_k(names, gold, k) == pytest.approx(expected)


def test_a_chunk_counts_for_its_document_and_a_document_found_twice_is_found_once():
    """Chunks a#1, a#2, b#1 for gold a and b: recall@2 is 1/2, recall@3 is 1; MRR 1; the second a gains nothing."""
    chunks = [Passage(id=f"{doc}#{part}", document=doc) for doc, part in (("a", 1), ("a", 2), ("b", 1))]
    ranked = credited(chunks, {"a", "b"})
    assert recall_at_k(ranked, {"a", "b"}, 2) == 0.5
    assert recall_at_k(ranked, {"a", "b"}, 3) == 1.0
    assert reciprocal_rank(ranked, {"b"}) == pytest.approx(1 / 3)
    assert ndcg_at_k(ranked, {"a", "b"}, 3) == pytest.approx((1 + 1 / 2) / (1 + 1 / log2(3)))


def test_gold_may_name_a_chunk_itself():
    chunks = [Passage(id="a#1", document="a"), Passage(id="a#2", document="a")]
    assert recall_at_k(credited(chunks, {"a#2"}), {"a#2"}, 1) == 0.0
    assert recall_at_k(credited(chunks, {"a#2"}), {"a#2"}, 2) == 1.0
