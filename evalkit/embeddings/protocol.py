"""What every embedder can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Purpose = Literal["passage", "query"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """What one request to an embedder gave.

    Attributes:
        vectors: Shape (n_texts, dimensions), finite; of any length, callers scale them.
        tokens: Of all texts together, as the provider or the tokenizer counts them; None where nothing tells.
        service_s: Seconds of the attempt that succeeded.
    """

    vectors: Vectors
    tokens: int | None
    service_s: float


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how near they are.

    Built by ``evalkit.embeddings.build.build_embedder`` from its section of the suite. It raises the errors of
    ``evalkit.errors.CallError`` for faults of the transport or the provider.
    """

    @property
    def identity(self) -> Mapping[str, object]:
        """Everything that decides a vector apart from text and purpose.

        Provider, base URL, model, weights fingerprint and every parameter: caches and indexes are keyed by it. Holds
        no secret.
        """
        ...

    @property
    def worth_keeping(self) -> bool:
        """Whether a vector takes longer to make than to read from a file."""
        ...

    @property
    def max_batch(self) -> int:
        """Most texts of one request."""
        ...

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Embedded:
        """One vector for each text, in order.

        Args:
            texts: At least one, at most ``max_batch``.
            purpose: Some models embed questions and passages differently.

        Raises:
            RetryableError: Worth another attempt.
            RequestError: This request will never succeed.
            AccessError: No request will succeed.
        """
        ...

    async def close(self) -> None:
        """Give back connections and memory."""
        ...
