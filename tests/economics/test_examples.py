"""Every example in a docstring of what a life costs and brings gives what it says."""

import doctest
import importlib

import pytest

MODULES = ("acceptability", "cheapest_adequate", "lifetime", "lifetime_costs", "payoff_table")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_give_what_they_say(name):
    outcome = doctest.testmod(
        importlib.import_module(f"evalkit.economics.{name}"),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert outcome.attempted > 0
    assert outcome.failed == 0
