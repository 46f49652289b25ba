"""What an ``/embeddings`` endpoint says, read from its JSON and compared with what was asked."""

from __future__ import annotations

import binascii
from base64 import b64decode

import msgspec
import numpy as np

from evalkit.embeddings.protocol import Vectors
from evalkit.errors import RetryableError
from evalkit.models.error_reply import error_words
from evalkit.models.lenient_json import UNREADABLE
from evalkit.models.token_usage import MOST_TOKENS, Count


class _Item(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count = None
    total_tokens: Count = None


class _Payload(msgspec.Struct):
    data: list[_Item] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Payload).decode
_decode_usage = msgspec.json.Decoder(_Usage | None).decode


def read_embeddings(body: bytes, n_texts: int) -> tuple[Vectors, int | None]:
    """Vectors in the order of the texts, and the tokens of all of them.

    Vectors may come as numbers or as base64 of little-endian float32, each on its own terms: servers ignore which of
    the two was requested. Tokens are None where the reply does not say, where it says 0, since no text has none, and
    where its total is another number than its prompt's.

    Args:
        body: Of a reply that is no refusal.
        n_texts: How many texts were sent.

    Raises:
        RetryableError: It is no such reply, holds another number of vectors than was asked for, vectors of different
            lengths, or a number that is none. A server that does so is at fault, not the texts.
    """
    try:
        payload = _decode(body)
    except UNREADABLE as error:
        raise RetryableError(f"the reply holds no embeddings: {error}") from error
    if payload.data is None:
        said = error_words(body)
        raise RetryableError(f"the reply holds no embeddings{f': {said}' if said else ''}")
    if len(payload.data) != n_texts:
        raise RetryableError(f"{len(payload.data)} vectors came for {n_texts} texts")
    vectors = [_vector(item) for item in _in_order(payload.data)]
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1 or 0 in lengths:
        raise RetryableError(f"vectors of {', '.join(map(str, sorted(lengths)))} numbers came in one reply")
    whole = np.stack(vectors)
    if not np.isfinite(whole).all():
        raise RetryableError("a vector holds NaN or infinity")
    return whole, _tokens(payload.usage)


def _in_order(items: list[_Item]) -> list[_Item]:
    """By ``index``, where the items say one."""
    indexes = [item.index for item in items]
    if all(index is None for index in indexes):
        return items
    if sorted(-1 if index is None else index for index in indexes) != list(range(len(items))):
        raise RetryableError("the vectors' indexes are not those of the texts")
    return sorted(items, key=lambda item: item.index or 0)


def _vector(item: _Item) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if isinstance(item.embedding, list):
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused
            return np.array(item.embedding, dtype=np.float32)
    try:
        return np.frombuffer(b64decode(item.embedding, validate=True), dtype="<f4").astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise RetryableError(f"a vector is no base64 of float32: {error}") from error


def _tokens(raw: msgspec.Raw) -> int | None:
    try:
        usage = _decode_usage(raw)
    except UNREADABLE:
        return None
    if usage is None:
        return None
    said = {count for count in (usage.prompt_tokens, usage.total_tokens) if count}
    # Embeddings have no output: a total beside the prompt says that some tokens are not accounted for.
    return said.pop() if len(said) == 1 and max(said) < MOST_TOKENS else None
