"""The vectors of some texts, put together from the cache and from requests that end in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.embeddings.protocol import Vectors
from evalkit.errors import RequestError
from evalkit.store.vectors import CachedVector


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """Vectors of some texts.

    Attributes:
        vectors: Shape (n_texts, dimensions), each of length 1, or 0 where a text has nothing to embed.
        tokens: Of all of them, paid now or earlier, a repeated text once; None where those of one are not known.
        service_s: Seconds of the successful attempts, summed; of the first real ones where they were replayed.
        replayed: How many came from the cache.
    """

    vectors: Vectors
    tokens: int | None
    service_s: float
    replayed: int


class VectorSheet:
    """Rows of vectors with the tokens and seconds that they took, filled in any order.

    Args:
        rows: How many.
        dimensions: Numbers of each vector; None while no vector of this embedder was seen.
    """

    def __init__(self, rows: int, dimensions: int | None) -> None:
        self.dimensions = dimensions
        self._rows = rows
        self._vectors: Vectors | None = None
        self._tokens = np.full(rows, np.nan)
        self._seconds = np.zeros(rows)

    def put(self, row: int, value: CachedVector) -> None:
        """Fill one row.

        Raises:
            RequestError: The vector is of another length than those before: the endpoint's model changed.
        """
        length = len(value.vector)
        if self.dimensions not in (None, length):
            raise RequestError(
                f"the embedder gives vectors of {length} numbers and gave {self.dimensions} before: its model changed. "
                "Give it its new name in the suite, or use --no-cache."
            )
        self.dimensions = length
        if self._vectors is None:
            self._vectors = np.zeros((self._rows, length), dtype=np.float32)
        self._vectors[row] = value.vector
        self._tokens[row] = np.nan if value.tokens is None else value.tokens
        self._seconds[row] = value.service_s

    def copy(self, row: int, first: int) -> None:
        """Fill one row with the vector of an earlier row of the same text: nothing more was paid for it."""
        if self._vectors is not None:
            self._vectors[row] = self._vectors[first]
        self._tokens[row] = 0.0

    def whole(self, replayed: int) -> EmbeddedTexts:
        """All rows, each vector scaled to length 1.

        Args:
            replayed: How many of them came from the cache.

        Raises:
            ValueError: No row was filled.
        """
        if self._vectors is None:
            raise ValueError("there was no text to embed")
        lengths = np.linalg.norm(self._vectors, axis=1, keepdims=True)
        np.divide(self._vectors, lengths, out=self._vectors, where=lengths > 0)
        tokens = float(self._tokens.sum())
        return EmbeddedTexts(
            vectors=self._vectors,
            tokens=round(tokens) if np.isfinite(tokens) else None,
            service_s=float(self._seconds.sum()),
            replayed=replayed,
        )
