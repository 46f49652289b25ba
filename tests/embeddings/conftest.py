"""How an OpenAI-compatible ``/embeddings`` endpoint words its replies."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest


def vector_of(text: str, dimensions: int = 8) -> np.ndarray:
    """A vector that depends on the text alone."""
    rng = np.random.default_rng(sum(map(ord, text)))
    return rng.standard_normal(dimensions).astype(np.float32)


def body_of(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The reply of the OpenAI API to a request, with keys changed."""
    texts = request["input"]
    as_base64 = request.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector = vector_of(text, request.get("dimensions", 8))
        written = base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": written})
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage, **changes}


@pytest.fixture
def words():
    """How to word replies."""

    class Words:
        vector = staticmethod(vector_of)
        body = staticmethod(body_of)

    return Words
