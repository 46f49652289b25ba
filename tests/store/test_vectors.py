"""The vector cache on disk."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from evalkit.errors import RunError
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


def test_a_value_that_is_no_vector_counts_as_unknown_and_a_file_that_is_none_is_said(tmp_path):
    cache = SqliteVectors(tmp_path / "v.sqlite")
    cache.close()
    with sqlite3.connect(tmp_path / "v.sqlite") as database:
        database.execute("INSERT INTO vectors VALUES ('k', x'0102', 1, 1)")
    database.close()
    cache = SqliteVectors(tmp_path / "v.sqlite")
    assert cache.get_many(["k"]) == {}
    cache.close()
    (tmp_path / "text").write_text("no database, but long enough to be read as one " * 50)
    with pytest.raises(RunError, match="vector cache cannot be opened"):
        SqliteVectors(tmp_path / "text")
