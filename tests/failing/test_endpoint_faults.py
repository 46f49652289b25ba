"""Faults of an endpoint: no case lost, none paid for twice, none given the answer of another, and no exit code 1.

Reduced: faults of which a class of its own is tested nearby, those that send more than 60 MB, and those that turn on
milliseconds are left to ``tests/benchmarks/endpoint_faults.py``, which runs all of them.
"""

from __future__ import annotations

import pytest

from tests.builders.endpoint_faults import FAULTS
from tests.builders.fault_run import run_with_fault

CHOSEN = (
    "deep JSON",
    "deep JSON in a stream",
    "usage of 10^400",
    "half a letter in the model's name",
    "Retry-After in the year 99999",
    "rate headers with equal limit and rest",
    "a bomb",
    "a redirection to another origin",
    "a second response at once",
    "interleaved choices",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_fault_costs_the_cell_that_it_meets_and_nothing_else(name, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")
    assert run_with_fault(FAULTS[name], tmp_path) == []


def test_there_are_forty():
    assert len(FAULTS) >= 40
