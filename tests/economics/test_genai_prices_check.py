"""Our price rows beside those of genai-prices, which is installed for the tests."""

import sys

import pytest

from evalkit.economics.genai_prices_check import compare_with_genai_prices
from evalkit.economics.price_file import price_row

WHENCE = {"as_of": "2026-11-01", "source": "contract"}


def row(model, **prices):
    return price_row(model, {**prices, **WHENCE}, currency="USD")


def test_a_row_of_the_same_prices_agrees():
    """gpt-4o-mini: 0.15 in and 0.60 out per million tokens, since July 2024."""
    found = compare_with_genai_prices("gpt-4o-mini", row("gpt-4o-mini", input="0.15", output="0.60"))
    assert found.disagreements == ()
    assert found.note.endswith(" agrees")


def test_each_price_that_differs_is_told_with_both_figures():
    found = compare_with_genai_prices("gpt-4o-mini", row("gpt-4o-mini", input="0.15", output="0.70"))
    (told,) = found.disagreements
    assert told.startswith("output: ours 0.70 (as of 2026-11-01, contract), genai-prices ")
    assert told.endswith(" 0.6")
    assert "agrees" not in found.note


def test_a_model_that_it_does_not_know_is_no_disagreement():
    found = compare_with_genai_prices("acme-1", row("acme-1", input="1"))
    assert found.disagreements == ()
    assert found.note.endswith("does not know acme-1")


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert "pip install" in compare_with_genai_prices("gpt-4o-mini", row("gpt-4o-mini", input="0.15")).note
