"""From a provider's usage to money: cached, reasoning and batch tokens of four providers, each sum written out.

The prices are made up but for those of "ft:gpt-4o-mini", which are OpenAI's; what counts is which token meets which
price, and that none meets two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from evalkit.economics.price_file import price_row, shipped_prices
from evalkit.economics.prices import PriceRow
from evalkit.economics.request_cost import Tokens, request_cost
from evalkit.models.token_usage import read_usage
from evalkit.pricing.prices_in_force import price_table, pricer
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

D = Decimal


def priced(**prices: object) -> PriceRow:
    return price_row("m", {**prices, "as_of": date(2026, 11, 1), "source": "made up"}, currency="USD")


TUNED_MINI = shipped_prices().lookup("ft:gpt-4o-mini")
REASONER = priced(input="2.00", input_cache_read="0.50", output="8.00", batch_discount="0.5")
AZURE_REASONER = priced(
    input="1.10", input_cache_read="0.55", output="4.40", batch={"input": "0.55", "output": "2.20"}
)
GEMINI = priced(input="0.30", input_cache_read="0.075", output="2.50", reasoning="3.50", batch_discount="0.5")
CLAUDE = priced(
    input="3.00", input_cache_read="0.30", input_cache_write="3.75", output="15.00", batch_discount="0.5"
)


@dataclass(frozen=True)
class Sum:
    """A payload, its price row, and the sum by hand in millionths of a dollar."""

    payload: dict[str, object]
    row: PriceRow
    millionths: Decimal
    batch: bool = False


SUMS = {
    # OpenAI counts cached tokens inside prompt_tokens: 1200 - 1024 = 176 are not.
    "openai-cached": Sum(
        {
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 1024},
        },
        TUNED_MINI,
        # 176 x 0.30 =  52.80
        # 1024 x 0.15 = 153.60
        # 300 x 1.20 = 360.00
        D("52.80") + D("153.60") + D("360.00"),
    ),
    # ... and reasoning inside completion_tokens, at the price of output.
    "openai-reasoning": Sum(
        {
            "prompt_tokens": 100,
            "completion_tokens": 500,
            "total_tokens": 600,
            "completion_tokens_details": {"reasoning_tokens": 450},
        },
        REASONER,
        # 100 x 2.00 =  200.00
        # 500 x 8.00 = 4000.00, the 450 reasoned among them
        D("200.00") + D("4000.00"),
    ),
    "openai-batch": Sum(
        {
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 1024},
        },
        TUNED_MINI,
        # rows of their own: 176 x 0.15 = 26.40; 1024 x 0.075 = 76.80; 300 x 0.60 = 180.00
        D("26.40") + D("76.80") + D("180.00"),
        batch=True,
    ),
    # Azure words it like OpenAI, null details included.
    "azure-cached": Sum(
        {
            "prompt_tokens": 2048,
            "completion_tokens": 10,
            "total_tokens": 2058,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": None,
        },
        AZURE_REASONER,
        # 128 x 1.10 = 140.80; 1920 x 0.55 = 1056.00; 10 x 4.40 = 44.00
        D("140.80") + D("1056.00") + D("44.00"),
    ),
    "azure-reasoning": Sum(
        {
            "prompt_tokens": 50,
            "completion_tokens": 1000,
            "total_tokens": 1050,
            "completion_tokens_details": {"reasoning_tokens": 960},
        },
        AZURE_REASONER,
        # 50 x 1.10 = 55.00; 1000 x 4.40 = 4400.00
        D("55.00") + D("4400.00"),
    ),
    # A batch row without a price for cached tokens takes the batch's price of input for them.
    "azure-batch": Sum(
        {
            "prompt_tokens": 2048,
            "completion_tokens": 10,
            "total_tokens": 2058,
            "prompt_tokens_details": {"cached_tokens": 1920},
        },
        AZURE_REASONER,
        # 128 x 0.55 = 70.40; 1920 x 0.55 = 1056.00; 10 x 2.20 = 22.00
        D("70.40") + D("1056.00") + D("22.00"),
        batch=True,
    ),
    # Gemini counts cached tokens inside promptTokenCount: 1000 - 800 = 200 are not.
    "gemini-cached": Sum(
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "candidatesTokenCount": 40,
            "totalTokenCount": 1040,
        },
        GEMINI,
        # 200 x 0.30 = 60.00; 800 x 0.075 = 60.00; 40 x 2.50 = 100.00
        D("60.00") + D("60.00") + D("100.00"),
    ),
    # ... and thoughts beside candidatesTokenCount; a price of their own replaces output's for them only.
    "gemini-reasoning": Sum(
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 40,
            "thoughtsTokenCount": 600,
            "totalTokenCount": 740,
        },
        GEMINI,
        # 100 x 0.30 = 30.00; 40 x 2.50 = 100.00; 600 x 3.50 = 2100.00
        D("30.00") + D("100.00") + D("2100.00"),
    ),
    "gemini-batch": Sum(
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "candidatesTokenCount": 40,
            "thoughtsTokenCount": 600,
            "totalTokenCount": 1640,
        },
        GEMINI,
        # half of everything: 200 x 0.15 = 30.00; 800 x 0.0375 = 30.00; 40 x 1.25 = 50.00; 600 x 1.75 = 1050.00
        D("30.00") + D("30.00") + D("50.00") + D("1050.00"),
        batch=True,
    ),
    # Anthropic counts cached tokens beside input_tokens: all 50 of those are uncached.
    "anthropic-cached": Sum(
        {
            "input_tokens": 50,
            "cache_read_input_tokens": 100_000,
            "cache_creation_input_tokens": 2000,
            "output_tokens": 120,
        },
        CLAUDE,
        # 50 x 3.00 = 150.00; 100000 x 0.30 = 30000.00; 2000 x 3.75 = 7500.00; 120 x 15.00 = 1800.00
        D("150.00") + D("30000.00") + D("7500.00") + D("1800.00"),
    ),
    # ... and thinking inside output_tokens, without saying how much of it.
    "anthropic-reasoning": Sum(
        {"input_tokens": 200, "output_tokens": 3000},
        CLAUDE,
        # 200 x 3.00 = 600.00; 3000 x 15.00 = 45000.00
        D("600.00") + D("45000.00"),
    ),
    "anthropic-batch": Sum(
        {
            "input_tokens": 50,
            "cache_read_input_tokens": 100_000,
            "cache_creation_input_tokens": 2000,
            "output_tokens": 120,
        },
        CLAUDE,
        # 50 x 1.50 = 75.00; 100000 x 0.15 = 15000.00; 2000 x 1.875 = 3750.00; 120 x 7.50 = 900.00
        D("75.00") + D("15000.00") + D("3750.00") + D("900.00"),
        batch=True,
    ),
}


@pytest.mark.parametrize("name", list(SUMS))
def test_a_request_costs_what_the_sum_by_hand_says(name):
    written = SUMS[name]
    usage = read_usage(json.dumps(written.payload).encode())
    assert usage is not None
    tokens = Tokens(usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning)
    assert request_cost(tokens, written.row, batch=written.batch) == written.millionths / 1_000_000


@pytest.mark.parametrize("name", [name for name in SUMS if not SUMS[name].batch])
def test_a_sample_is_given_the_same_cost(name):
    """The runner prices answers without the ledger's lines of words; the sums are the same."""
    written = SUMS[name]
    rates = {
        rate: str(price)
        for rate in ("input", "output", "input_cache_read", "input_cache_write", "reasoning")
        if (price := getattr(written.row.rates, rate)) is not None
    }
    row = {**rates, "as_of": "2026-11-01", "source": "made up"}
    text = json.dumps(
        {
            "name": "costs",
            "cases": "cases.jsonl",
            "models": {"m": {"type": "openai", "model": "m"}},
            "arms": {"zero_shot": {"model": "m"}},
            "metrics": ["exact_match"],
            "prices": {"m": row},
        }
    )
    suite = build_suite(parse_yaml(text, file="suite.yaml", folder=Path()))
    usage = read_usage(json.dumps(written.payload).encode())
    cost = pricer(suite, "m", price_table(suite))(usage, None)
    assert cost is not None
    assert cost.model == written.millionths / 1_000_000
