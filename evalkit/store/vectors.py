"""The vector cache: embeddings by key in one SQLite file next to the response cache.

A value is what one text's embedding gave: little-endian float32, its share of the request's tokens, and the seconds
of its request where it was asked alone.
"""

from __future__ import annotations

import math
import sqlite3
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evalkit.errors import CacheWarning
from evalkit.store.sqlite_table import SqliteTable


@dataclass(frozen=True, slots=True)
class CachedVector:
    """One text's embedding.

    Attributes:
        vector: Shape (dimensions,), float32.
        tokens: Its own, or its share of a request's tokens by length; None where they are not known.
        service_s: Seconds of its request divided by that request's texts.
    """

    vector: npt.NDArray[np.float32]
    tokens: float | None
    service_s: float


class VectorCache(Protocol):
    """Embeddings by key. Keys are digests; a value once put never changes."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """The values of those keys that are there."""
        ...

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Keep values in one transaction; a key that is there already keeps its first value."""
        ...

    def close(self) -> None:
        """Close the file, where there is one."""
        ...


class NoVectors:
    """Remembers nothing: ``--no-cache``."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """An empty mapping: nothing was kept."""
        return {}

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Do nothing: the values are not kept."""

    def close(self) -> None:
        """Do nothing: no file is open."""


class SqliteVectors:
    """A vector cache in one file, safe with several processes.

    Args:
        path: Created when missing, with its folder.

    Raises:
        RunError: The file cannot be opened.

    Warns:
        CacheWarning: The file is damaged, and is set aside; or it takes no more vectors, and the run goes on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken = False
        self._unreadable = 0
        self._table = SqliteTable[tuple[str, bytes, float | None, float]](
            path,
            title="vector cache",
            name="vectors",
            columns=(
                "key TEXT PRIMARY KEY",
                "vector BLOB NOT NULL",
                "tokens REAL",
                "service_s REAL NOT NULL",
            ),
        )

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """The values of those keys that are there; one that is no vector counts as missing and makes way for the next.

        All vectors of a cache key's embedder have one length; where some differ, those of the commonest length are
        vectors.
        """
        if self._broken:
            return {}
        try:
            rows = self._table.select(keys)
            values = {row[0]: value for row in rows if (value := _vector(row)) is not None}
            lengths = Counter(len(value.vector) for value in values.values())
            if len(lengths) > 1:
                usual = lengths.most_common(1)[0][0]
                values = {key: value for key, value in values.items() if len(value.vector) == usual}
            if damaged := [row[0] for row in rows if row[0] not in values]:
                self._unreadable += len(damaged)
                self._table.delete(damaged)
        except sqlite3.Error as error:
            self._give_up(error)
            return {}
        return values

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Keep values in one transaction; a key that is there already keeps its first value."""
        if self._broken:
            return
        try:
            self._table.insert(
                (key, value.vector.astype("<f4").tobytes(), value.tokens, value.service_s)
                for key, value in items
            )
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file.

        Warns:
            CacheWarning: Some values could not be read.
        """
        self._table.close()
        if self._unreadable:
            self._say(f"{self._unreadable} of its vectors could not be read and were asked for again")

    def _give_up(self, error: sqlite3.Error) -> None:
        """Keep nothing any more; the run goes on."""
        self._broken = True
        self._say(f"the vector cache takes no more vectors: {error}; the run goes on")

    def _say(self, words: str) -> None:
        warnings.warn(f"{self._path}: {words}", CacheWarning, stacklevel=3)


def _vector(row: tuple[str, bytes, float | None, float]) -> CachedVector | None:
    """What a row holds; None where one of its values is none that was ever written."""
    _, content, tokens, service_s = row
    if not isinstance(content, bytes) or not content or len(content) % 4:
        return None
    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
    figures = [service_s] if tokens is None else [service_s, tokens]
    sound = all(isinstance(figure, int | float) and 0 <= figure < math.inf for figure in figures)
    return CachedVector(vector, tokens, service_s) if sound and np.isfinite(vector).all() else None
