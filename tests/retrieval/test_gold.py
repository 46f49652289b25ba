"""The ceiling: passages that are known to answer."""

import asyncio

import pytest

from evalkit.errors import InputError
from evalkit.records.case import Case, Passage
from evalkit.registry import RETRIEVERS
from evalkit.retrieval.build import build_retriever, build_searcher, compares_vectors
from evalkit.retrieval.gold import GoldRetriever
from evalkit.suite.schema import RetrievalConfig

CORPUS = [Passage(id=name, text=name.upper()) for name in "abcd"]


def asks(*gold: str) -> Case:
    return Case(id="c", input="q", cluster="c", gold_passages=gold)


def test_gold_gives_what_the_case_names_in_corpus_order_at_most_k():
    retriever = GoldRetriever(CORPUS)
    assert retriever.search("anything", 3, asks("d", "a")) == [CORPUS[0], CORPUS[3]]
    assert retriever.search("anything", 1, asks("d", "a")) == [CORPUS[0]]


def test_a_case_without_gold_passages_or_with_unknown_ones_gets_none():
    assert GoldRetriever(CORPUS).search("a", 3, asks()) == []
    assert GoldRetriever(CORPUS).search("a", 3, asks("zz")) == []


def test_the_suite_s_method_is_built_and_its_options_are_checked():
    assert isinstance(build_retriever(RetrievalConfig(corpus="x", method="gold"), CORPUS), GoldRetriever)
    with pytest.raises(InputError, match="no options"):
        build_retriever(RetrievalConfig(corpus="x", method="gold", options={"k1": 1}), CORPUS)


def test_every_registered_retriever_answers_a_search(bench):
    async def find(searcher) -> list[str]:
        searcher.connect(
            searcher.vectors.caller, searcher.vectors.place, lambda corpus, chunks: lambda steps: None
        )
        try:
            return [passage.id for passage in (await searcher.find("b", 1)).passages]
        finally:
            searcher.close()

    for method in RETRIEVERS.names():
        config = RetrievalConfig(corpus="x", method=method)
        if compares_vectors(method):
            assert asyncio.run(find(build_searcher(config, bench.vectors(CORPUS)))) == ["b"]
        else:
            retriever = build_retriever(config, CORPUS)
            assert [passage.id for passage in retriever.search("b", 2, asks("b"))] == ["b"]
