"""BM25 over a corpus."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import DataError, InputError
from evalkit.records.case import Case, Passage
from evalkit.retrieval.bm25 import BM25Retriever
from evalkit.text.words import words

CASE = Case(id="c", input="", cluster="c")


def corpus(*texts: str) -> list[Passage]:
    return [Passage(id=f"p{index}", text=text) for index, text in enumerate(texts)]


def ids(passages) -> list[str]:
    return [passage.id for passage in passages]


def test_the_score_is_lucene_s_bm25_worked_by_hand():
    """Robertson and Zaragoza (2009), eq. 3.15, in Lucene's form: tf / (tf + k1 (1 - b + b dl/avgdl)) x idf."""
    passages = corpus("pump pump stops", "pump runs", "oven glows red today")
    (first, second) = BM25Retriever(passages).search("pump", 3, CASE)
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    average = (3 + 2 + 4) / 3
    assert first.id == "p0"
    assert first.score == pytest.approx(idf * 2 / (2 + 1.5 * (0.25 + 0.75 * 3 / average)), rel=1e-5)
    assert second.score == pytest.approx(idf * 1 / (1 + 1.5 * (0.25 + 0.75 * 2 / average)), rel=1e-5)
    assert first.text == "pump pump stops"


def test_equal_passages_keep_the_order_of_the_corpus():
    passages = corpus(*["same words here"] * 50, "other")
    assert ids(BM25Retriever(passages).search("words", 10, CASE)) == [f"p{index}" for index in range(10)]


def test_a_passage_that_shares_no_word_with_the_query_is_not_given():
    passages = corpus("pump stops", "oven glows")
    retriever = BM25Retriever(passages)
    assert ids(retriever.search("pump", 5, CASE)) == ["p0"]
    assert retriever.search("zebra", 5, CASE) == []
    assert retriever.search("", 5, CASE) == []


def test_rank_orders_every_passage_with_the_unrelated_last():
    assert BM25Retriever(corpus("oven", "pump", "drone")).rank("pump") == [1, 0, 2]
    assert BM25Retriever(corpus("oven", "pump")).rank("zebra") == [0, 1]


def test_chinese_is_searched_by_characters():
    """A question that shares a character but no word with its passage finds it; Latin words stay whole."""
    passages = corpus("打印机卡纸，请打开后盖", "路由器没有信号，请重启", "相机镜头有水，VPN 无关")
    retriever = BM25Retriever(passages)
    assert ids(retriever.search("我的路由器重启以后没有信号", 1, CASE)) == ["p1"]
    assert ids(retriever.search("纸卡住了", 1, CASE)) == ["p0"]
    assert retriever.search("V P N", 1, CASE) == []
    assert BM25Retriever(passages, tokenize=words).search("纸卡住了", 1, CASE) == []


def test_options_change_the_ranking():
    """With b = 0 length does not count, so the longer passage with more hits wins."""
    passages = corpus("pump pump " + "filler " * 60, "pump")
    assert BM25Retriever(passages).rank("pump")[0] == 1
    assert BM25Retriever(passages, options={"b": 0.0}).rank("pump")[0] == 0


@pytest.mark.parametrize(
    ("options", "said"), [({"k": 1}, "no option 'k'"), ({"b": 2.0}, "0 to 1"), ({"k1": "high"}, "'k1'")]
)
def test_a_bad_option_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        BM25Retriever(corpus("a"), options=options)


@pytest.mark.parametrize("texts", [[], ["...", ""]])
def test_a_corpus_without_a_word_is_refused(texts):
    with pytest.raises(DataError, match="holds a word"):
        BM25Retriever(corpus(*texts))


@given(
    st.lists(st.text(alphabet="ab c", max_size=12), min_size=1, max_size=12),
    st.text(alphabet="ab c", max_size=6),
)
def test_search_gives_the_best_of_rank_in_falling_order(texts, query):
    retriever = BM25Retriever(corpus("b", *texts))
    found = retriever.search(query, 3, CASE)
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert ids(found) == [f"p{position}" for position in retriever.rank(query)[: len(found)]]
