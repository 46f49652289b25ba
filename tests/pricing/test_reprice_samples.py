"""Samples at other prices: from their own usage and timing, and nothing else of them changes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from evalkit.arms.expand import expand_arms
from evalkit.errors import SuiteError
from evalkit.pricing.prices_in_force import price_table
from evalkit.pricing.reprice_samples import check_rows, reprice_samples
from evalkit.records.sample import Cost, Sample, Status, Timing, Usage
from evalkit.suite.load import load_suite, with_prices
from evalkit.suite.price_override import read_price_override

SUITE = """\
name: priced
cases: cases.jsonl
models:
  base: {type: embedded, device_hour: 0.08}
  chat: {type: openai, model: gpt-4o-mini-2024-07-18, price: gpt-4o-mini}
  stated: {type: recorded, path: answers.jsonl}
arms:
  local: {model: base}
  hosted: {model: chat}
  brought: {model: stated}
metrics: [exact_match]
"""


@pytest.fixture
def priced(tmp_path):
    """The suite under a price file."""
    (tmp_path / "suite.yaml").write_text(SUITE)

    def under(text: str):
        (tmp_path / "new.yaml").write_text(text)
        return with_prices(load_suite(tmp_path), tmp_path / "new.yaml")

    return under


def sample(arm: str, **fields) -> Sample:
    return Sample(
        case_id="c", arm=arm, status=Status.OK, prompt_digest="", request_digest="", output="x", **fields
    )


def again(suite, *samples: Sample) -> list[Sample]:
    return list(reprice_samples(samples, expand_arms(suite), suite, price_table(suite)))


def test_a_device_hour_prices_device_seconds(priced):
    """A minute at 0.60 an hour is 0.01."""
    before = sample(
        "local", timing=Timing(device_s=60.0), cost=Cost(model=Decimal("0.00133"), currency="USD")
    )
    (after,) = again(priced("device_hour: {base: 0.60}"), before)
    assert after.cost is not None
    assert after.cost.model == Decimal("0.01")
    assert replace(after, cost=None) == replace(before, cost=None)


def test_tokens_are_priced_by_kind_and_other_parts_stay(priced):
    row = "{input: 1, output: 10, input_cache_read: 0.1, as_of: 2027-02-01, source: x}"
    before = sample(
        "hosted",
        usage=Usage(input=100, cache_read=1000, output=10),
        cost=Cost(model=Decimal(1), retrieval=Decimal("0.5"), judge=Decimal("0.25"), currency="USD"),
    )
    (after,) = again(priced(f"prices: {{gpt-4o-mini: {row}}}"), before)
    expected = Cost(model=Decimal("0.0003"), retrieval=Decimal("0.5"), judge=Decimal("0.25"), currency="USD")
    assert after.cost == expected


def test_what_nothing_prices_keeps_its_cost_and_a_missing_part_is_unknown(priced):
    suite = priced("prices: {gpt-4o-mini: {input: 1, as_of: 2027-02-01, source: x}}")
    brought = sample("brought", usage=Usage(input=1, output=1), cost=Cost(model=Decimal(3), currency="USD"))
    hosted = sample("hosted", usage=Usage(input=1, output=1), cost=Cost(model=Decimal(3), currency="USD"))
    same, unknown = again(suite, brought, hosted)
    assert same == brought
    assert unknown.cost is not None
    assert unknown.cost.model is None


def test_rows_that_price_nothing_are_named_and_bad_ones_refused(priced, tmp_path):
    suite = priced("prices: {gpt-4o: {input: 1, output: 1, as_of: 2027-02-01, source: x}}")
    assert check_rows(*read_price_override(tmp_path / "new.yaml"), suite) == ("gpt-4o",)
    suite = priced("prices:\n  gpt-4o-mini: {input: 1, currency: EUR, as_of: 2027-02-01, source: x}\n")
    with pytest.raises(SuiteError, match=r"new\.yaml:2: .*the suite counts in USD"):
        check_rows(*read_price_override(tmp_path / "new.yaml"), suite)
