"""The vector cache: embeddings by key in one SQLite file next to the response cache.

A value is what one text's embedding gave: little-endian float32, its share of the request's tokens, and the seconds
of its request where it was asked alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

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
        RunError: The file is not a cache or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
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
        """The values of those keys that are there; one that is no vector counts as missing."""
        values: dict[str, CachedVector] = {}
        for key, content, tokens, service_s in self._table.select(keys):
            if content and len(content) % 4 == 0:
                vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
                values[key] = CachedVector(vector, tokens, service_s)
        return values

    def put_many(self, items: Iterable[tuple[str, CachedVector]]) -> None:
        """Keep values in one transaction; a key that is there already keeps its first value."""
        self._table.insert(
            (key, value.vector.astype("<f4").tobytes(), value.tokens, value.service_s) for key, value in items
        )

    def close(self) -> None:
        """Close the file."""
        self._table.close()
