"""The vector cache on disk."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from evalkit.errors import CacheWarning
from evalkit.store.vectors import CachedVector, SqliteVectors


def test_a_vector_comes_back_bit_for_bit_and_the_first_value_of_a_key_stays(tmp_path):
    first = CachedVector(np.array([0.1, -3.5], dtype=np.float32), 2.5, 0.25)
    cache = SqliteVectors(tmp_path / "v.sqlite")
    cache.put_many([("k", first), ("u", CachedVector(first.vector, None, 0.0))])
    cache.put_many([("k", CachedVector(np.zeros(2, dtype=np.float32), 9.0, 9.0))])
    cache.close()
    again = SqliteVectors(tmp_path / "v.sqlite")
    found = again.get_many(["k", "u", "x"] * 400)
    again.close()
    assert sorted(found) == ["k", "u"]
    assert np.array_equal(found["k"].vector, first.vector)
    assert (found["k"].tokens, found["k"].service_s, found["u"].tokens) == (2.5, 0.25, None)


@pytest.mark.parametrize(
    "values",
    [
        "x'0102', 1, 1",
        "x'', 1, 1",
        "5, 1, 1",
        "x'0000c07f0000c07f', 1, 1",
        "x'0000803f0000803f', 'a', 1",
        "x'0000803f0000803f', 1, 'a'",
        "x'0000803f0000803f', 1, -1",
        "x'0000803f', 1, 1",
    ],
)
def test_a_value_that_is_no_vector_is_asked_for_again_and_said(tmp_path, values):
    """Bytes that are no numbers or none that is finite, figures that are texts or negative, another length."""
    sound = CachedVector(np.array([0.1, -3.5], dtype=np.float32), 2.5, 0.25)
    cache = SqliteVectors(tmp_path / "v.sqlite")
    cache.put_many([("a", sound), ("b", sound)])
    cache.close()
    with sqlite3.connect(tmp_path / "v.sqlite") as database:
        database.execute(f"INSERT INTO vectors VALUES ('k', {values})")
    database.close()
    cache = SqliteVectors(tmp_path / "v.sqlite")
    assert sorted(cache.get_many(["a", "b", "k"])) == ["a", "b"]
    cache.put_many([("k", sound)])
    assert sorted(cache.get_many(["a", "b", "k"])) == ["a", "b", "k"]
    with pytest.warns(CacheWarning, match="1 of its vectors could not be read"):
        cache.close()


def test_a_file_that_holds_no_vectors_is_set_aside_and_said(tmp_path):
    (tmp_path / "text").write_text("no database, but long enough to be read as one " * 50)
    with pytest.warns(CacheWarning, match=r"text: the vector cache is damaged .* kept as text\.damaged-1"):
        SqliteVectors(tmp_path / "text").close()
