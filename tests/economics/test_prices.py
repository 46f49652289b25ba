"""Price rows and how an id finds its row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from evalkit.economics.price_file import price_row, shipped_prices
from evalkit.economics.prices import PriceError, PriceRow, PriceTable, Rates, is_tune

DATED: dict[str, Any] = {"as_of": "2026-11-01", "source": "contract"}


def own_prices(written: dict[str, dict[str, Any]], *, currency: str) -> list[PriceRow]:
    """The rows of a suite's ``prices``."""
    return [price_row(model, keys, currency=currency) for model, keys in written.items()]


@pytest.mark.parametrize(
    ("model_id", "found"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("openai:gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("ft:gpt-4o-mini", "ft:gpt-4o-mini"),
        ("ft:gpt-4o-mini:acme::Ab12", "ft:gpt-4o-mini"),
        ("ft:gpt-4o-mini-2024-07-18:acme:support:Ab12", "ft:gpt-4o-mini"),
        ("ft:gpt-3.5-turbo-0125:acme::Ab12", "ft:gpt-3.5-turbo"),
        ("openai/ft:gpt-4o-mini:acme::Ab12", "ft:gpt-4o-mini"),
        ("azure/ft:gpt-4o-mini", "azure/ft:gpt-4o-mini"),
        ("azure:ft:gpt-4o-mini:acme::Ab12", "azure/ft:gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18.ft-0a1b2c", "azure/ft:gpt-4o-mini"),
        ("azure/gpt-4o-mini.ft-0a1b2c", "azure/ft:gpt-4o-mini"),
        ("vertex/ft:gemini-2.0-flash", "vertex/ft:gemini-2.0-flash"),
    ],
)
def test_an_id_finds_its_row(model_id: str, found: str):
    assert shipped_prices().lookup(model_id).model == found


@pytest.mark.parametrize(
    "model_id",
    [
        "ft:gpt-6-luna:acme::Ab12",
        "gpt-6-luna.ft-0a1b2c",
        "openai/ft:gpt-6-luna:acme::Ab12",
        "vertex/ft:gpt-4o-mini",
    ],
)
def test_a_tune_never_falls_back_to_its_base_or_to_another_provider(model_id: str):
    with pytest.raises(PriceError, match="A tuned model needs a row of its own"):
        shipped_prices().lookup(model_id)


@pytest.mark.parametrize("model_id", ["azure/gpt-4o-mini", "gpt-4o-2024-05-13"])
def test_a_base_is_not_priced_by_another_provider_or_snapshot(model_id: str):
    with pytest.raises(PriceError, match="no price is known"):
        shipped_prices().lookup(model_id)


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(PriceError, match=r"no price is known for 'gpt-4o-mni'\. Nearest: 'gpt-4o-mini'"):
        shipped_prices().lookup("gpt-4o-mni")


def test_an_id_like_no_other_says_what_to_do():
    with pytest.raises(PriceError, match=r"no price is known for 'zzz'\. Give one under prices"):
        shipped_prices().lookup("zzz")


def test_a_suites_own_row_replaces_the_whole_shipped_row_but_its_provider():
    own = [price_row("gpt-4o-mini", DATED | {"input": 0.10, "output": 0.40}, currency="USD")]
    table = shipped_prices().over(own)
    row = table.lookup("openai/gpt-4o-mini")
    assert row.rates == Rates(input=Decimal("0.1"), output=Decimal("0.4"))
    assert (row.source, row.provider, row.sure) == ("contract", "openai", "stated")
    with pytest.raises(PriceError):
        table.lookup("azure/gpt-4o-mini")


def test_a_suites_own_row_for_one_tune_wins_over_the_row_for_tunes_of_its_base():
    own = [price_row("ft:gpt-4o-mini:acme::Ab12", DATED | {"input": 1}, currency="USD")]
    table = shipped_prices().over(own)
    assert table.lookup("ft:gpt-4o-mini:acme::Ab12").source == "contract"
    assert table.lookup("ft:gpt-4o-mini:acme::Zz99").model == "ft:gpt-4o-mini"


def test_a_suites_own_row_prices_a_new_model_whoever_serves_it():
    row = PriceRow("llama", "USD", date(2026, 11, 1), "contract")
    named = PriceRow("qwen", "USD", date(2026, 11, 1), "contract", provider="together")
    table = PriceTable({}, "USD").over([row, named])
    assert table.lookup("together/llama").model == "llama"
    assert table.lookup("together:qwen").provider == "together"


def test_mixed_currencies_are_refused():
    with pytest.raises(
        PriceError, match=r"'gpt-4o' is priced in USD \(as of 2026-11-20\) and the suite counts in EUR"
    ):
        shipped_prices("EUR").lookup("gpt-4o")


def test_a_suite_in_another_currency_prices_its_models_itself():
    own = [price_row("gpt-4o", DATED | {"input": "2.30"}, currency="EUR")]
    assert shipped_prices("EUR").over(own).lookup("gpt-4o").rates.input == Decimal("2.30")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"input": 1, "source": "x"}, "has no as_of"),
        ({"input": 1, "as_of": "soon", "source": "x"}, "has no as_of"),
        ({"input": 1, "as_of": "2026-11-01"}, "has no source"),
        (DATED | {"inptu": 1}, "unknown inptu"),
        (DATED | {"batch": {"train": 1}}, "unknown train"),
        (DATED | {"input": -1}, "input must not be negative"),
        (DATED | {"batch": {"output": "nan"}}, "output must not be negative"),
        (DATED | {"input": "cheap"}, "input must be a number"),
        (DATED | {"batch_discount": 50}, "batch_discount is a share"),
        (DATED | {"sure": "maybe"}, "sure is one of high, medium, stated"),
        (DATED | {"currency": "dollars"}, "currency must be a code"),
        (DATED | {"long_context": {"input": 1}}, "long_context needs long_context_above"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(keys: dict[str, Any], message: str):
    with pytest.raises(PriceError, match=message):
        price_row("m", keys, currency="USD")


def test_a_row_without_currency_is_refused():
    with pytest.raises(PriceError, match="has no currency"):
        price_row("m", DATED, currency="")


def test_keys_set_to_none_count_as_left_out():
    row = price_row(
        "m", DATED | {"input": None, "batch": None, "currency": None, "note": None}, currency="USD"
    )
    assert (row.rates, row.batch, row.currency) == (Rates(), None, "USD")


def test_every_shipped_row_has_a_day_and_a_source_and_prices_something():
    for row in shipped_prices().rows.values():
        assert row.source
        assert row.as_of <= date(2026, 11, 20)
        assert row.sure in ("high", "medium")
        assert row.rates != Rates() or row.train is not None


def test_shipped_prices_are_exact():
    row = shipped_prices().lookup("ft:gpt-4o")
    assert str(row.rates.output) == "15.00"
    assert row.batch == Rates(
        input=Decimal("2.225"), output=Decimal("12.50"), input_cache_read=Decimal("0.90")
    )


def test_hosting_is_charged_where_the_provider_charges_it():
    table = shipped_prices()
    assert table.lookup("azure/ft:gpt-4.1").hosting_per_hour == Decimal("1.70")
    assert table.lookup("vertex/ft:gemini-2.0-flash").hosting_per_hour == 0
    assert table.lookup("ft:gpt-4.1").hosting_per_hour is None


@pytest.mark.parametrize("model_id", ["gpt-4o", "meta-llama/Llama-3", "soft:ft"])
def test_other_ids_are_not_tunes(model_id: str):
    assert not is_tune(model_id)
