"""The vector cache: embeddings by key in one SQLite file beside the response cache.

A value is what one text's embedding gave: little-endian float32, its share of the request's tokens, and the seconds
of its request where it was asked alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evalkit.errors import Problem, RunError

_MOST_VARIABLES = 500


@dataclass(frozen=True, slots=True)
class CachedVector:
    """One text's embedding.

    Attributes:
        vector: Shape (dimensions,), float32.
        tokens: Its own, or its share of a request's tokens by length; None where nothing told.
        service_s: Seconds of its request divided by that request's texts.
    """

    vector: npt.NDArray[np.float32]
    tokens: float | None
    service_s: float


class VectorCache(Protocol):
    """Embeddings by key. Keys are digests; a value once put never changes."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """The values of those keys that are known."""
        ...

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Keep values in one transaction; a key that is there already keeps its first value."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


class NoVectors:
    """Remembers nothing: ``--no-cache``."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """Nothing."""
        return {}

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Drop them."""

    def close(self) -> None:
        """Nothing is held open."""


class SqliteVectors:
    """A cache in one file, safe with several processes.

    Args:
        path: Created when missing, with its folder.

    Raises:
        RunError: The file is not a cache or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL, tokens REAL, "
                "service_s REAL NOT NULL)"
            )
        except (sqlite3.Error, OSError) as error:
            message = f"the vector cache cannot be opened: {error}. Remove it, or use --no-cache"
            raise RunError(Problem(str(path), None, "", message)) from error

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedVector]:
        """The values of those keys that are known; one that is no vector counts as unknown."""
        found: dict[str, CachedVector] = {}
        for start in range(0, len(keys), _MOST_VARIABLES):
            part = keys[start : start + _MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            rows = self._database.execute(
                f"SELECT key, vector, tokens, service_s FROM vectors WHERE key IN ({marks})",  # noqa: S608
                part,
            )
            for key, content, tokens, service_s in rows:
                if content and len(content) % 4 == 0:
                    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
                    found[key] = CachedVector(vector, tokens, service_s)
        return found

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Keep values in one transaction."""
        rows = [
            (key, value.vector.astype("<f4").tobytes(), value.tokens, value.service_s) for key, value in items
        ]
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
