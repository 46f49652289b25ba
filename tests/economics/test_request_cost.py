"""The cost of one request from its tokens."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.price_file import shipped_prices
from evalkit.economics.prices import PriceRow, Rates
from evalkit.economics.prompt_cache import PromptCache
from evalkit.economics.request_cost import TokenColumns, Tokens, request_cost, request_costs, request_lines

PRICES = shipped_prices()
COLD = PromptCache("cold")


def row(rates: Rates, **more: object) -> PriceRow:
    return PriceRow("m", "USD", date(2026, 11, 1), "contract", rates=rates, **more)  # type: ignore[arg-type]


RICH = row(Rates(*map(Decimal, ("3", "15", "0.30", "3.75", "20"))))


def test_each_kind_of_token_has_its_own_price():
    tokens = Tokens(input=100, output=50, cache_read=1000, cache_write=200, reasoning=10)
    by_hand = Decimal(100 * 3 + 40 * 15 + 10 * 20) + 1000 * Decimal("0.30") + 200 * Decimal("3.75")
    assert request_cost(tokens, RICH) == by_hand / 1_000_000


def test_a_reasoning_price_replaces_the_output_price_for_that_part():
    plain = row(Rates(input=Decimal(1), output=Decimal(10)))
    tokens = Tokens(input=0, output=100, reasoning=60)
    assert request_cost(tokens, plain) == Decimal("0.001")
    apart = row(Rates(input=Decimal(1), output=Decimal(10), reasoning=Decimal(5)))
    assert request_cost(tokens, apart) == Decimal("0.0007")


def test_missing_cache_prices_fall_back_to_the_input_price():
    plain = row(Rates(input=Decimal(2), output=Decimal(1)))
    assert request_cost(Tokens(0, 0, cache_read=500, cache_write=500), plain) == Decimal("0.002")


@pytest.mark.parametrize(
    ("tokens", "prices"),
    [
        (Tokens(None, 5), RICH),
        (Tokens(5, None), RICH),
        (Tokens(5, 5, cache_read=None), RICH),
        (Tokens(5, 5, reasoning=None), RICH),
        (Tokens(5, 5), row(Rates(input=Decimal(1)))),
        (Tokens(5, 5), row(Rates(output=Decimal(1)))),
    ],
)
def test_an_unknown_count_or_price_makes_the_cost_unknown(tokens: Tokens, prices: PriceRow):
    assert request_cost(tokens, prices) is None


def test_reasoning_need_not_be_counted_where_it_costs_what_output_costs():
    assert request_cost(Tokens(0, 100, reasoning=None), PRICES.lookup("gpt-4o")) == Decimal("0.001")


def test_an_embedding_needs_no_output_price():
    assert request_cost(Tokens(1000, 0), row(Rates(input=Decimal("0.02")))) == Decimal("0.00002")


def test_a_request_without_tokens_has_one_line_of_zero():
    (line,) = request_lines(Tokens(0, 0), RICH)
    assert (line.name, line.amount) == ("no tokens", 0)


def test_batch_rows_win_over_the_discount_part_by_part():
    half = row(
        Rates(input=Decimal(2), output=Decimal(8), input_cache_read=Decimal(1)),
        batch=Rates(input=Decimal("0.5")),
        batch_discount=Decimal("0.5"),
    )
    tokens = Tokens(input=1_000_000, output=1_000_000, cache_read=1_000_000)
    assert request_cost(tokens, half, batch=True) == Decimal("0.5") + 4 + Decimal("0.5")


def test_shipped_batch_rows_are_used():
    tuned = PRICES.lookup("ft:gpt-4o-mini:acme::Ab12")
    tokens = Tokens(input=1_000_000, output=1_000_000, cache_read=1_000_000)
    assert request_cost(tokens, tuned) == Decimal("1.65")
    assert request_cost(tokens, tuned, batch=True) == Decimal("0.825")


def test_a_batch_without_batch_price_is_unknown():
    assert request_cost(Tokens(5, 5), PRICES.lookup("gpt-4o"), batch=True) is None


def test_a_long_prompt_is_priced_at_the_long_rates_as_a_whole():
    luna = PRICES.lookup("gpt-6-luna")
    assert request_cost(Tokens(272_000, 0), luna) == Decimal("0.0272")
    assert request_cost(Tokens(1, 0, cache_read=272_000), luna) == Decimal("0.0054402")


def test_a_long_prompt_in_a_batch_is_known_only_through_the_discount():
    long = {"long_context": Rates(Decimal(4), Decimal(4)), "long_context_above": 10}
    rates = Rates(Decimal(2), Decimal(2))
    batch = Rates(Decimal(1), Decimal(1))
    assert request_cost(Tokens(11, 0), row(rates, batch=batch, **long), batch=True) is None
    halved = row(rates, batch=batch, batch_discount=Decimal("0.25"), **long)
    assert request_cost(Tokens(11, 0), halved, batch=True) == Decimal("0.000033")


def test_the_three_scenarios_of_a_cached_prefix_by_hand():
    mini = PRICES.lookup("gpt-4o-mini")
    tokens = Tokens(input=400, output=0, cache_read=1600)
    assert request_cost(tokens, mini) == Decimal("0.00018")  # 400 x .15 + 1600 x .075
    assert request_cost(tokens, mini, cache=COLD) == Decimal("0.0003")  # 2000 x .15
    assumed = PromptCache("assumed", shared_prefix=1500, hit_rate=Decimal("0.8"))
    # 1200 of the 1500 shared tokens are expected to be read at half price, 800 cost .15
    assert request_cost(tokens, mini, cache=assumed) == Decimal("0.00021")


def test_misses_write_the_prefix_where_writing_has_a_price():
    assumed = PromptCache("assumed", shared_prefix=1000, hit_rate=Decimal("0.5"))
    by_hand = (500 * Decimal("0.30") + 500 * Decimal("3.75") + 100 * 3) / 1_000_000
    assert request_cost(Tokens(1100, 0), RICH, cache=assumed) == by_hand


def test_a_hit_rate_of_zero_is_cold():
    nobody = PromptCache("assumed", shared_prefix=1000, hit_rate=Decimal(0))
    tokens = Tokens(100, 10, cache_read=900, cache_write=200)
    assert request_cost(tokens, RICH, cache=nobody) == request_cost(tokens, RICH, cache=COLD)


def test_an_uncounted_cache_is_unknown_in_every_scenario():
    assert request_cost(Tokens(5, 5, cache_read=None), RICH, cache=COLD) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [({"hit_rate": Decimal("1.1")}, "hit rate lies in"), ({"shared_prefix": -1}, "cannot have -1 tokens")],
)
def test_an_impossible_cache_is_refused(change: dict[str, Decimal], message: str):
    with pytest.raises(ValueError, match=message):
        PromptCache("assumed", **change)  # type: ignore[arg-type]


count = st.integers(0, 400_000)
prices = st.none() | st.decimals(0, 100, places=3)
rates_of_any_kind = st.builds(Rates, prices, prices, prices, prices, prices)


@given(
    counts=st.tuples(count, st.integers(0, 5000), count, count),
    reasoning=st.integers(0, 5000),
    rates=rates_of_any_kind,
    batch_rates=st.none() | rates_of_any_kind,
    discount=st.none() | st.decimals(0, 1, places=2),
    long=st.none() | rates_of_any_kind,
    batch=st.booleans(),
    cache=st.sampled_from([COLD, PromptCache(), PromptCache("assumed", 1000, Decimal("0.8"))]),
)
def test_many_requests_at_once_cost_what_each_costs(
    counts: tuple[int, int, int, int],
    reasoning: int,
    rates: Rates,
    batch_rates: Rates | None,
    discount: Decimal | None,
    long: Rates | None,
    batch: bool,
    cache: PromptCache,
):
    fresh, output, read, write = counts
    thought = min(reasoning, output)
    model = row(
        rates,
        batch=batch_rates,
        batch_discount=discount,
        long_context=long,
        long_context_above=None if long is None else 272_000,
    )
    one = request_cost(Tokens(fresh, output, read, write, thought), model, cache=cache, batch=batch)
    columns = TokenColumns(*(np.array([float(n)]) for n in (fresh, output, read, write, thought)))
    (many,) = request_costs(columns, model, cache=cache, batch=batch).tolist()
    assert many == pytest.approx(np.nan if one is None else float(one), rel=1e-9, abs=1e-15, nan_ok=True)


def test_an_uncounted_request_is_nan_among_others():
    column = np.array([10.0, np.nan])
    zero = np.zeros(2)
    costs = request_costs(TokenColumns(column, zero, zero, zero, zero), RICH)
    assert costs[0] == pytest.approx(30 / 1e6)
    assert np.isnan(costs[1])


@given(prefix=st.integers(0, 5000), question=st.integers(0, 2000), answer=st.integers(0, 2000))
def test_tuning_saves_only_when_the_prompt_becomes_shorter_by_enough(prefix: int, question: int, answer: int):
    """The tune costs twice its base, so dropping a few-shot prefix F of a query q with o tokens out saves only if
    .30 q + 1.20 o < .15 (F + q) + .60 o, that is F > q + 4 o; with the prefix cached at .075, F > 2 q + 8 o."""
    base, tuned = PRICES.lookup("gpt-4o-mini"), PRICES.lookup("ft:gpt-4o-mini")
    short = request_cost(Tokens(question, answer), tuned)
    uncached = request_cost(Tokens(prefix + question, answer), base)
    cached = request_cost(Tokens(question, answer, cache_read=prefix), base)
    assert short is not None
    assert uncached is not None
    assert cached is not None
    assert (short < uncached) == (prefix > question + 4 * answer)
    assert (short < cached) == (prefix > 2 * question + 8 * answer)
