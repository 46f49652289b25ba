"""What an error reply says, whichever provider wrote it: its words, its code, and how long to wait."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping

import msgspec


def error_words(body: bytes) -> str:
    """What an error body says, in one line: its message where it has one, else its beginning."""
    return _one_line(_error_parts(body).message or body.decode(errors="replace"))


def error_code(body: bytes) -> str:
    """The code, type and message of an error body in lower case, for telling kinds of errors apart."""
    parts = _error_parts(body)
    return f"{parts.code} {parts.type} {parts.message}".lower()


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None
    detail: object = None
    error: _Error | str | None = None


def _error_parts(body: bytes) -> _Error:
    """Providers nest the message differently: ``error.message``, ``error``, ``message``, ``detail``."""
    try:
        decoded = msgspec.json.decode(body, type=_Error | str | list[_Error])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Error(message=body.decode(errors="replace"))
    if isinstance(decoded, list):
        decoded = decoded[0] if decoded else _Error()
    if isinstance(decoded, str):
        return _Error(message=decoded)
    if isinstance(decoded.error, str):
        return _Error(message=decoded.error)
    inner = decoded.error or decoded
    if inner.message is None and inner.detail is not None:
        return _Error(message=str(inner.detail), code=inner.code, type=inner.type)
    return inner


def _one_line(text: str, most: int = 300) -> str:
    """Providers put whole pages into error bodies."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as a date."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return _wait(float(milliseconds) / 1000)
        if (seconds := headers.get("retry-after")) is not None:
            return _wait(float(seconds))
    except ValueError:
        date = email.utils.parsedate_tz(headers.get("retry-after", ""))
        return None if date is None else _wait(email.utils.mktime_tz(date) - time.time())
    return None


def _wait(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None
