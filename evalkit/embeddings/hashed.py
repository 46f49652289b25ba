"""An embedder without a model: words and their parts, hashed into a vector.

It knows nothing of meaning: "car" and "automobile" are strangers. It is for tests, for trying a suite offline, and as
the floor that a real embedder has to beat.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from evalkit.embeddings.protocol import Embedded, Purpose
from evalkit.suite.retrieval import HashedEmbedderConfig
from evalkit.text.words import search_terms

_VERSION = 2  # part of the identity: raise it with any change of the vectors
_PART = 3
_PARTS_WEIGHT = 0.5
_RARE_LENGTH = 3
_HAN = frozenset(
    chr(code) for low, high in ((0x3400, 0x9FFF), (0xF900, 0xFAFF)) for code in range(low, high + 1)
)

Features = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


class HashedEmbedder:
    """Each text's words, their runs of three characters, and pairs of neighbouring Chinese characters.

    A feature adds its weight, with a sign from its hash, to one place of the vector (Weinberger et al. 2009). Counts
    enter by 1 + log; words of up to three letters, which are mostly the grammar's, count half. The same text gives the
    same vector on every machine.

    Args:
        config: Its section of the suite.
        folder: Unused; every embedder takes it.

    References:
        Weinberger, Dasgupta, Langford, Smola and Attenberg (2009), ICML, 1113-1120.
    """

    max_batch = 256
    worth_keeping = False

    def __init__(self, config: HashedEmbedderConfig, *, folder: Path) -> None:
        del folder
        self._config = config
        self._features = lru_cache(maxsize=200_000)(self._features_of)

    @property
    def identity(self) -> Mapping[str, object]:
        """Its version and settings."""
        return {"type": "hashed", "version": _VERSION, **self._config.model_dump(exclude={"type"})}

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Embedded:
        """One vector for each text; nothing is billed, so the tokens are None."""
        began = time.perf_counter()
        prefix = self._config.query_prefix if purpose == "query" else self._config.passage_prefix
        vectors = np.stack([self._vector(prefix + text) for text in texts])
        return Embedded(vectors, tokens=None, service_s=time.perf_counter() - began)

    async def close(self) -> None:
        """Do nothing: no connection or memory is held."""

    def _vector(self, text: str) -> npt.NDArray[np.float32]:
        terms = search_terms(text)
        counts = Counter(terms)
        counts.update(a + b for a, b in pairwise(terms) if a in _HAN and b in _HAN)
        places, weights = [], []
        for term, count in counts.items():
            at, weight = self._features(term)
            places.append(at)
            weights.append(weight if count == 1 else weight * (1.0 + np.log(count, dtype=np.float32)))
        if not places:
            return np.zeros(self._config.dimensions, dtype=np.float32)
        vector = np.bincount(
            np.concatenate(places), np.concatenate(weights), minlength=self._config.dimensions
        )
        return vector.astype(np.float32)

    def _features_of(self, term: str) -> Features:
        """Places and signed weights of a word and its parts."""
        whole = 0.5 if len(term) <= _RARE_LENGTH and term.isascii() and term.isalpha() else 1.0
        features = [(term, whole)]
        if term[0] not in _HAN and len(term) > _PART:
            marked = f"<{term}>"
            parts = [marked[start : start + _PART] for start in range(len(marked) - _PART + 1)]
            features += [(part, _PARTS_WEIGHT / len(parts) ** 0.5) for part in parts]
        hashes = [crc32(f"{len(name)}:{name}".encode()) for name, _ in features]
        signs = [1.0 if code & 0x8000_0000 else -1.0 for code in hashes]
        places = np.array([code % self._config.dimensions for code in hashes], dtype=np.int64)
        weights = np.array([sign * weight for sign, (_, weight) in zip(signs, features, strict=True)])
        return places, weights.astype(np.float32)
