"""The batched cache: read what is not yet written, written in few transactions, never in the way of a run."""

from __future__ import annotations

import sqlite3

import pytest

from evalkit.records.sample import Completion
from evalkit.store.cache import CachedCompletion, SqliteCache
from evalkit.store.write_behind import WriteBehind


def value(text: str) -> CachedCompletion:
    return CachedCompletion(completion=Completion(output=text), answered_on="2026-11-01")


def rows(path) -> int:
    with sqlite3.connect(path) as other:
        return other.execute("SELECT count(*) FROM completions").fetchone()[0]


def test_a_value_is_read_before_it_is_written_and_is_there_after_closing(tmp_path):
    path = tmp_path / "c.sqlite"
    with WriteBehind(SqliteCache(path)) as cache:
        cache.put_many([("a", value("x"))])
        cache.put_many([("a", value("second"))])
        assert rows(path) == 0
        assert cache.get_many(["a", "b"]) == {"a": value("x")}
    assert SqliteCache(path).get_many(["a"]) == {"a": value("x")}


def test_values_are_written_while_a_run_goes_on(tmp_path):
    """By time, and by number where many come at once: what a kill can lose stays small."""
    path = tmp_path / "c.sqlite"
    with WriteBehind(SqliteCache(path)) as cache:
        for number in range(1000):
            cache.put_many([(f"k{number}", value("x"))])
        assert rows(path) >= 1000 - 256
        assert cache.get_many(["k0", "k999"]) == {"k0": value("x"), "k999": value("x")}


def test_a_cache_that_cannot_be_written_stops_keeping_and_nothing_else(tmp_path):
    below = SqliteCache(tmp_path / "c.sqlite")
    cache = WriteBehind(below)
    cache.put_many([("a", value("x"))])
    with sqlite3.connect(tmp_path / "c.sqlite") as other:
        other.execute("DROP TABLE completions")
    with pytest.warns(UserWarning, match="takes no more answers"):
        cache.flush()
    cache.put_many([("b", value("y"))])
    cache.close()


def test_a_cache_that_cannot_be_read_any_more_knows_nothing_and_the_run_goes_on(tmp_path):
    """On a full disk even reading fails: SQLite makes room for its index of the log."""
    cache = WriteBehind(SqliteCache(tmp_path / "c.sqlite"))
    with sqlite3.connect(tmp_path / "c.sqlite") as other:
        other.execute("DROP TABLE completions")
    with pytest.warns(UserWarning, match="takes no more answers"):
        assert cache.get_many(["a"]) == {}
    assert cache.get_many(["a"]) == {}
    cache.close()
