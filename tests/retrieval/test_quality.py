"""Figures of retrieval itself."""

from evalkit.retrieval.quality import recall_at_k, reciprocal_rank


def test_recall_counts_distinct_gold_passages_among_the_first_k():
    assert recall_at_k(["a", "b", "c"], ["a", "c"], 2) == 0.5
    assert recall_at_k(["a", "b", "c"], ["a", "c", "a"], 3) == 1.0
    assert recall_at_k([], ["a"], 3) == 0.0


def test_reciprocal_rank_is_of_the_first_gold_passage():
    assert reciprocal_rank(["x", "a", "b"], ["b", "a"]) == 0.5
    assert reciprocal_rank(["x"], ["a"]) == 0.0


def test_without_gold_passages_there_is_no_figure_rather_than_zero():
    assert recall_at_k(["a"], [], 3) is None
    assert reciprocal_rank(["a"], []) is None
