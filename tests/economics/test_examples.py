"""Every example in a docstring of the economics floor gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import evalkit.economics

MODULES = [f"evalkit.economics.{module.name}" for module in pkgutil.iter_modules(evalkit.economics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_give_what_they_say(name):
    assert (
        doctest.testmod(
            importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        ).failed
        == 0
    )
