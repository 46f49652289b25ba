"""Numbers as the report words them."""

from __future__ import annotations

import doctest
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.text import number_format as numbers

WORDERS = (
    numbers.percent,
    numbers.declared_percent,
    numbers.points,
    numbers.p_value,
    lambda value: numbers.money(value, "USD"),
    numbers.seconds,
    numbers.count,
    numbers.significant,
)


@pytest.mark.parametrize("worder", WORDERS)
@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_not_known_is_worded_unknown_and_never_zero(worder, missing):
    """None, NaN and infinity are not amounts."""
    assert worder(missing) == "unknown"


@given(st.floats(min_value=1e-9, max_value=1 - 1e-9))
def test_a_share_that_is_not_all_or_nothing_is_never_worded_as_such(share):
    """99.98% coverage is not full coverage."""
    assert numbers.percent(share) not in ("0%", "0.0%", "100%", "100.0%")


@given(st.decimals(min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=9))
def test_an_amount_keeps_its_sign_and_is_zero_only_when_it_is_zero(amount):
    """A cost below a cent is not free."""
    shown = numbers.money(amount, "USD")
    assert (shown == "$0") == (amount == 0)
    assert shown.startswith("−") == (amount < 0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_can_be_worded(value):
    """No size of number raises."""
    for worder in WORDERS:
        assert worder(value)


def test_amounts_of_a_column_share_their_decimals():
    """So that the points stand under each other."""
    amounts = [Decimal("0.00079"), Decimal("0.19091"), None]
    places = numbers.shared_decimals(amounts)
    assert [numbers.money(amount, "USD", places) for amount in amounts] == ["$0.00079", "$0.19091", "unknown"]


def test_an_unknown_currency_is_written_by_its_code():
    """No symbol is made up."""
    assert numbers.money(Decimal("12.5"), "SEK") == "SEK 12.50"


def test_the_examples_in_the_docstrings_hold():
    found = doctest.testmod(numbers)
    assert found.attempted > 0
    assert found.failed == 0
