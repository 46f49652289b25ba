"""Nothing that users, their suites or their run folders rely on changes unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.public_lists import public_lists

BEFORE = json.loads(Path(__file__).with_name("public_lists.json").read_text("utf-8"))
"""The lists of commit f223013; `tests/public_lists.py` says how they were made."""

ADDED: dict[str, set[str]] = {}
"""What has come since, by list. An item stands here with the reason why it is public."""

GONE: dict[str, set[str]] = {
    "file names": {"generation_config.json"},  # written by the pre-training, which is under tests/ now
}
"""What has gone since: only what no user had."""


@pytest.fixture(scope="module")
def now() -> dict[str, list[str]]:
    return public_lists()


def test_the_lists_are_the_same(now):
    assert now.keys() == BEFORE.keys()


@pytest.mark.parametrize("name", BEFORE)
def test_nothing_public_changed(now, name):
    assert BEFORE[name], "an empty list would prove nothing"
    assert set(now[name]) - set(BEFORE[name]) == ADDED.get(name, set())
    assert set(BEFORE[name]) - set(now[name]) == GONE.get(name, set())
