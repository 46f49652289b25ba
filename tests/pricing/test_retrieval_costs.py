"""What passages cost an arm that searches by vectors: by tokens, by the hour, as declared, or not known."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from evalkit.comparison.table import TOKEN_KINDS
from evalkit.economics.request_cost import TokenColumns
from evalkit.errors import SuiteError
from evalkit.pricing.arm_costs import arm_cost_model
from evalkit.pricing.check_prices import check_prices
from evalkit.pricing.prices_in_force import price_table
from evalkit.records.arm import ArmFacts, ArmKind
from evalkit.records.comparison import ArmSummary, RetrievalSummary, TokenSummary
from evalkit.records.retrieval import IndexFacts
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml
from evalkit.suite.trust import Trust

HOSTED = {"type": "openai", "model": "acme-embed", "base_url": "https://models.acme.example/v1"}
PRICE = {"input": 0.1, "as_of": "2026-11-01", "source": "made up for a test"}
TOKENS = TokenSummary(input=1000, cache_read=0, cache_write=0, output=20, reasoning=0)


def suite_with(synthetic, embedder, **changes):
    """A RAG arm that searches with the embedder 'vectors'."""
    arms = {"few_shot": synthetic.Arm([1.0]), "rag": synthetic.Arm([1.0], kind="rag")}
    searching = {"retrieval": {"corpus": "corpus", "method": "dense", "embedder": "vectors"}}
    changes |= {"arms": {"rag": searching}, "embedders": {"vectors": embedder}}
    text = synthetic.suite_text(arms, changes)
    source = parse_yaml(text, file="suite.yaml", folder=Path())
    return build_suite(replace(source, trust=Trust(plugins="leave")))


def index(tokens=2_000_000, embed_s=1800.0):
    return IndexFacts(
        digest="d",
        method="dense",
        embedder="vectors",
        corpus="corpus",
        documents=10,
        chunks=10,
        dimensions=8,
        tokens=tokens,
        embed_s=embed_s,
        seconds=1.0,
        cost=None,
        reused=False,
    )


def money(synthetic, suite, *, tokens=50.0, seconds=0.36, found=None):
    arm = ArmFacts(
        name="rag",
        kind=ArmKind.RAG,
        role="candidate",
        model="base",
        model_type="openai",
        prompt="house",
        retrieval="dense",
        top_k=3,
        embedder="vectors",
    )
    searched = RetrievalSummary(
        method="dense",
        top_k=3,
        recall_at_k=None,
        mrr=None,
        n=0,
        query_tokens=tokens,
        embed_s=seconds,
        index=found or index(),
    )
    given = ArmSummary(
        name="rag",
        kind=ArmKind.RAG,
        role="candidate",
        model="base",
        n=1,
        ok=1,
        errors=0,
        limited=0,
        coverage=1.0,
        quality={},
        tokens=TOKENS,
        retrieval=searched,
    )
    return arm_cost_model(suite, suite.economics, arm, given, None, price_table(suite))


def amounts(lines):
    return {line.name: line.amount for line in lines}


def test_a_hosted_embedder_is_billed_by_tokens_each_request_and_once_for_the_index(synthetic):
    """50 tokens a question and 2 million for the corpus at 0.10 USD a million."""
    found = money(synthetic, suite_with(synthetic, HOSTED, prices={"acme-embed": PRICE}))
    assert amounts(found.costs.per_request["observed"])["embedding"] == Decimal("0.000005")
    assert amounts(found.costs.one_off) == {"index embedding": Decimal("0.2")}
    assert found.request_prices["embedding_per_request"] == Decimal("0.000005")
    assert found.unknown == ()


def test_an_embedder_on_our_own_machine_is_billed_by_its_seconds(synthetic):
    """0.36 s at 1 USD an hour is 0.0001 USD; half an hour for the index is 0.50."""
    own = {"type": "mine:Embedder", "device_hour": 1}
    found = money(synthetic, suite_with(synthetic, own))
    assert amounts(found.costs.per_request["observed"])["embedding"] == Decimal("0.0001")
    assert amounts(found.costs.one_off) == {"index embedding": Decimal("0.5")}


def test_what_the_suite_declares_stands_instead_of_what_was_measured(synthetic):
    declared = {"retrieval": {"embedding_per_request": 0.001}, "reindex_cost": 5}
    found = money(synthetic, suite_with(synthetic, HOSTED, economics=declared))
    assert amounts(found.costs.per_request["observed"])["embedding"] == Decimal("0.001")
    assert amounts(found.costs.one_off) == {"index building": Decimal(5)}


def test_an_embedder_that_costs_nothing_is_a_line_of_nothing_and_no_price_to_vary(synthetic):
    free = {**PRICE, "input": 0}
    found = money(synthetic, suite_with(synthetic, HOSTED, prices={"acme-embed": free}))
    assert amounts(found.costs.per_request["observed"])["embedding"] == 0
    assert "embedding_per_request" not in found.request_prices


@pytest.mark.parametrize(
    ("embedder", "given", "remedy"),
    [
        (HOSTED, {"tokens": None, "found": index(tokens=None)}, "its endpoint tells no token counts"),
        ({"type": "mine:Embedder"}, {}, "give embedders.vectors.device_hour"),
        (
            {"type": "mine:Embedder", "device_hour": 1},
            {"seconds": None, "found": index(embed_s=None)},
            "give embedders.vectors.device_hour",
        ),
    ],
    ids=["no token counts", "no hourly price", "no seconds"],
)
def test_passages_of_unknown_cost_are_never_free(synthetic, embedder, given, remedy):
    """Neither the request nor the arm in any draw has a cost then, and what to declare is said for both."""
    found = money(synthetic, suite_with(synthetic, embedder, prices={"acme-embed": PRICE}), **given)
    assert found.costs.unit_cost is None
    told = [line for line in found.unknown if remedy in line]
    assert len(told) == 2
    columns = TokenColumns(**{kind: np.zeros(3) for kind in TOKEN_KINDS})
    assert np.isnan(found.unit_costs(columns, np.zeros(3))).all()


def test_an_embedder_without_a_price_is_refused_with_its_line(synthetic):
    with pytest.raises(SuiteError, match=r"embedders\.vectors\.model: no price is known for 'acme-embed'"):
        check_prices(suite_with(synthetic, HOSTED))


def test_a_price_that_does_not_say_what_embedding_costs_is_refused(synthetic):
    row = {**PRICE, "output": 1.0}
    del row["input"]
    suite = suite_with(synthetic, {**HOSTED, "price": "vectors-price"}, prices={"vectors-price": row})
    with pytest.raises(SuiteError, match=r"embedders\.vectors\.price: .*has no `input`"):
        check_prices(suite)
    named = money(synthetic, suite)
    assert any("give the price of 'vectors-price' under `prices`" in line for line in named.unknown)


def test_where_embedding_is_declared_no_price_of_tokens_is_asked_for(synthetic):
    declared = {"retrieval": {"embedding_per_request": 0.001}}
    check_prices(suite_with(synthetic, HOSTED, economics=declared))
    hashed = suite_with(synthetic, {"type": "hashed"})
    check_prices(hashed)
    assert amounts(money(synthetic, hashed).costs.one_off) == {}


def test_an_embedder_with_a_price_of_tokens_is_accepted(synthetic):
    check_prices(suite_with(synthetic, HOSTED, prices={"acme-embed": PRICE}))
