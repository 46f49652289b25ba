"""What an error reply says, whichever provider wrote it: its words, its codes, and how long to wait."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from evalkit.models.lenient_json import UNREADABLE

_CODE_FIELDS = ("code", "type", "status", "reason", "error_type", "error_code")
_INNER_FIELDS = ("error", "innererror", "inner_error", "provider_specific_fields", "metadata", "detail")
_MESSAGE_FIELDS = ("message", "detail", "error", "msg")
_DEEPEST = 5
_MOST_READ = 100_000
_DIGITS = re.compile(r"\d{3}")


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error body, read in the shapes that providers, servers and gateways give it.

    Attributes:
        message: Its words; a gateway's are followed by those of the provider behind it. The body itself where it is
            no JSON.
        codes: Values of the fields that are meant for programs (``code``, ``type``, ``status``, ``reason``, ...), of
            inner errors too, in lower case.
        flagged: Whether it names what a moderation flagged in this request, as OpenRouter does.
        counts: Whole numbers that it gives beside its words, such as llama.cpp's ``n_ctx``, by name.
    """

    message: str
    codes: frozenset[str] = frozenset()
    flagged: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def status(self) -> int | None:
        """The HTTP status that an error names inside a reply of status 200; None where it names none."""
        named = [int(code) for code in self.codes if _DIGITS.fullmatch(code)]
        return next((status for status in sorted(named) if 400 <= status < 600), None)


def read_error(body: bytes) -> ErrorReply:
    """An error body of any shape; also one that is no JSON at all."""
    decoded = _json(body[:_MOST_READ])
    if decoded is None:
        return ErrorReply(body.decode(errors="replace"))
    parts = list(_parts(decoded, _DEEPEST))
    messages = [message for part in parts if (message := _message(part))]
    if isinstance(decoded, str):
        messages = [decoded]
    return ErrorReply(
        message=" ".join(dict.fromkeys(messages)) or body.decode(errors="replace"),
        codes=frozenset(code for part in parts for code in _codes(part)),
        flagged=any(bool(part.get("reasons")) and "flagged_input" in part for part in parts),
        counts={
            name: value for part in parts for name, value in part.items() if type(value) is int and value >= 0
        },
    )


def error_words(body: bytes) -> str:
    """What an error body says, in one line: its message where it has one, else its beginning."""
    return _one_line(read_error(body).message)


def _json(content: bytes | str) -> Any:
    try:
        return msgspec.json.decode(content)
    except UNREADABLE:
        return None


def _parts(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The objects that make up an error, outer ones first. Streams put an error into a list, gateways into a string."""
    if depth == 0:
        return
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = _json(value)
    if isinstance(value, list):
        for item in value[:10]:
            yield from _parts(item, depth - 1)
    if isinstance(value, dict):
        yield value
        for name in (*_INNER_FIELDS, "raw", "message", "details"):
            if isinstance(value.get(name), dict | list | str):
                yield from _parts(value[name], depth - 1)


def _message(part: Mapping[str, Any]) -> str | None:
    """The words of one object, unless they are an inner error of their own."""
    found = [part.get(name) for name in _MESSAGE_FIELDS]
    if (
        raw := part.get("raw")
    ) is not None and "provider_name" in part:  # OpenRouter: the provider's own reply
        found.append(raw)
    words = [text for text in found if isinstance(text, str) and _json(text) is None]
    return words[0] if words else None


def _codes(part: Mapping[str, Any]) -> Iterator[str]:
    for name in _CODE_FIELDS:
        value = part.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value).lower()


def _one_line(text: str, most: int = 300) -> str:
    """Providers put whole pages into error bodies."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def redirection(headers: Mapping[str, str]) -> str:
    """Where a reply that redirects points to, as a sentence. Only the server is named: a path may quote the request.

    >>> redirection({"location": "https://u:p@elsewhere.example:8443/v1?key=x"})
    'It points to https://elsewhere.example:8443, and redirections are not followed: the key would go there too.'
    """
    try:
        named = urlsplit(headers.get("location") or "")
        host, port = named.hostname, named.port
    except ValueError:
        host = None
    if host is None:
        return "It points elsewhere, and redirections are not followed."
    place = f"{named.scheme or 'http'}://{host}{f':{port}' if port else ''}"
    return f"It points to {place}, and redirections are not followed: the key would go there too."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as a date.

    A date is compared with the reply's own ``date`` where it has one, since our clock may be wrong. None where nothing
    is asked for, or nothing that can be read.
    """
    if (milliseconds := wait_of(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after")
    if (seconds := wait_of(asked)) is not None:
        return seconds
    until = _moment(asked)
    if until is None:
        return None
    now = _moment(headers.get("date"))
    return max(0.0, until - (time.time() if now is None else now))


def wait_of(text: str | None) -> float | None:
    """Seconds (or milliseconds) of a number as text, at least 0; None for anything else, infinity and NaN included."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _moment(text: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date; None for anything else."""
    try:
        date = email.utils.parsedate_tz(text or "")
        return None if date is None else float(email.utils.mktime_tz(date))
    except (ValueError, OverflowError, IndexError, TypeError):  # a year or an offset that no calendar has
        return None
