"""What one answer costs: the journal's figure is that of the ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.prices import PriceRow, PriceTable, Rates
from evalkit.economics.request_cost import Tokens, request_cost
from evalkit.pricing.prices_in_force import pricer
from evalkit.records.sample import Usage
from evalkit.suite.load import load_suite

SUITE = """
name: s
cases: cases.jsonl
models: {m: {type: openai, model: hosted, base_url: "http://127.0.0.1:1/v1"}}
arms: {a: {model: m}}
metrics: [exact_match]
"""
RATES = Rates(
    input=Decimal("0.15"), output=Decimal("0.60"), input_cache_read=Decimal("0.075"), reasoning=Decimal("0.9")
)
LONG = Rates(input=Decimal("0.30"), output=Decimal("1.20"))
ROWS = {
    "plain": {"rates": Rates(input=Decimal("3"), output=Decimal("15"))},
    "with-caches": {"rates": RATES},
    "long-context": {"rates": RATES, "long_context": LONG, "long_context_above": 500},
    "no-output-price": {"rates": Rates(input=Decimal("3"))},
}
counts = st.integers(min_value=0, max_value=1000)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "suite.yaml").write_text(SUITE)
    return load_suite(folder)


@pytest.mark.parametrize("kind", list(ROWS))
@given(fresh=counts, read=counts, written=counts, output=counts, reasoning=counts)
def test_an_answer_costs_what_the_ledger_says(suite, kind, fresh, read, written, output, reasoning):
    """The quick way of the runner and the worded way of ``economics`` agree to the last digit."""
    row = PriceRow("hosted", "USD", date(2026, 11, 1), "a test", **ROWS[kind])
    reasoning = min(reasoning, output)
    usage = Usage(input=fresh, cache_read=read, cache_write=written, output=output, reasoning=reasoning)
    tokens = Tokens(fresh, output, cache_read=read, cache_write=written, reasoning=reasoning)
    cost = pricer(suite, "m", PriceTable({"hosted": row}, "USD"))(usage, None)
    assert cost.model == request_cost(tokens, row)


def test_what_was_not_counted_has_no_price(suite):
    row = PriceRow("hosted", "USD", date(2026, 11, 1), "a test", **ROWS["plain"])
    assert pricer(suite, "m", PriceTable({"hosted": row}, "USD"))(None, None) is None
    assert pricer(suite, "m", PriceTable({}, "USD"))(Usage(input=1, output=1), None) is None
