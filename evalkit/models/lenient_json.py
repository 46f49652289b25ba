r"""Paid answers whose JSON is not quite JSON: what cannot be decoded is marked, and the rest is kept.

Servers cut an emoji in two, as a half surrogate pair (``"\ud83d"``) or as half of its UTF-8 bytes, and write ``NaN``
where a number is missing. One paid answer is one answer, so such a reply is read all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What ``msgspec`` raises for bytes that are no JSON of the shape that is asked for, or are nested too deeply."""
_HALF = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def read_leniently(body: bytes) -> Any:
    """A JSON value from bytes that a strict reader refuses; halves of letters stay in its strings as surrogates.

    Half surrogate pairs, bytes that are not UTF-8, control characters in strings, a byte order mark, and ``NaN`` and
    ``Infinity`` (as null) are read.

    Args:
        body: Of a reply, or of one event of a stream.

    Returns:
        The value; its strings are to be put together and then passed to ``joined``.

    Raises:
        ValueError: It is not JSON: cut off, say.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, strict=False, parse_constant=lambda name: None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def joined(pieces: Sequence[str]) -> str:
    r"""The text of some pieces; halves of a letter that meet are that letter, others become U+FFFD.

    >>> joined(["Paris \ud83d", "\ude00"]), joined(["Paris \ud83d"])
    ('Paris 😀', 'Paris �')
    """
    text = "".join(pieces)
    if _HALF.search(text) is None:
        return text
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    # What is left of U+DC80 to U+DCFF stands for bytes that were not UTF-8 by themselves.
    marked = _NO_BYTE.sub("\ufffd", paired)
    return marked.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
