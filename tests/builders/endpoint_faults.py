"""Forty faults of an endpoint: what it does to the requests of one case, or to every request.

Those with a source were met at real servers; the others are attacks.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.builders.raw_server import Asked, answer, delta, events, reply, whole, without_end

Outcome = Literal["answered", "missing", "refused"]
"""What the faulty case becomes: answered like the others, without an answer, or the run ends and all is owed."""

SSE = "text/event-stream"
_USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}


@dataclass(frozen=True)
class Fault:
    """One of them.

    Attributes:
        does: Answers a request of the faulty case; the same as ``RawServer.handler``.
        outcome: What the faulty case becomes.
        stream: Whether the suite asks for streams.
        everywhere: Whether every case is treated so.
        slow: Whether it sends more than 60 MB, or waits for a time limit.
    """

    does: Callable[[socket.socket, Asked], bool]
    outcome: Outcome
    stream: bool = False
    everywhere: bool = False
    slow: bool = False


def _body(content: object, **headers: str) -> Callable[[socket.socket, Asked], bool]:
    return lambda connection, asked: reply(connection, content, **headers)


def _error(status: int, content: object = b"oops", **headers: str) -> Callable[[socket.socket, Asked], bool]:
    return lambda connection, asked: reply(connection, content, status=status, **headers)


def _stream(content: bytes, **headers: str) -> Callable[[socket.socket, Asked], bool]:
    return lambda connection, asked: reply(connection, content, kind=SSE, **headers)


def _raw(content: bytes, *, keep: bool = False) -> Callable[[socket.socket, Asked], bool]:
    def send(connection: socket.socket, asked: Asked) -> bool:
        connection.sendall(content)
        return keep

    return send


def _reset(connection: socket.socket, asked: Asked) -> bool:
    connection.sendall(whole()[:60])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _drip(connection: socket.socket, asked: Asked) -> bool:
    for byte in whole():
        connection.sendall(bytes([byte]))
        time.sleep(0.05)
    return True


def _twice(connection: socket.socket, asked: Asked) -> bool:
    """A second response, a little later, on the connection that is kept."""
    connection.sendall(whole())
    time.sleep(0.01)
    connection.sendall(whole(answer("of another")))
    return True


def _at_once_twice(connection: socket.socket, asked: Asked) -> bool:
    connection.sendall(whole() + whole(answer("of another")))
    return True


def _told_to_wait(connection: socket.socket, asked: Asked) -> bool:
    """An idle connection is ended with a status of its own, as HAProxy does."""
    connection.sendall(whole())
    time.sleep(0.01)
    connection.sendall(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    return False


def _deep(depth: int) -> bytes:
    return json.dumps(answer())[:-1].encode() + b',"x":' + b"[" * depth + b"]" * depth + b"}"


def _bomb() -> bytes:
    """0.1 MB that become 100 MB."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeezer.compress(b'{"choices":[{"message":{"content":"')]
    parts += [squeezer.compress(b"A" * 2**20) for _ in range(100)]
    return b"".join((*parts, squeezer.flush()))


def _bombed(connection: socket.socket, asked: Asked) -> bool:
    return reply(connection, _bomb(), content_encoding="gzip")


_HUGE = json.dumps(answer())[:-1].encode().replace(b'"prompt_tokens": 10', b'"prompt_tokens": 1' + b"0" * 400)
_SURROGATE_MODEL = json.dumps(answer())[:-1].encode() + b',"model":"m\\ud83d"}'
_TWO = [
    delta("ye"),
    {"choices": [{"index": 1, "delta": {"content": "NO"}}]},
    delta("s"),
    {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
    {**delta(finish="stop"), "usage": _USAGE},
]
_GOOD_STREAM = (delta("ye"), delta("s"), {**delta(finish="stop"), "usage": _USAGE})

FAULTS: dict[str, Fault] = {
    # replies that a reader chokes on
    "deep JSON": Fault(_body(_deep(2000)), "missing"),
    "very deep JSON": Fault(_body(_deep(100_000)), "missing"),
    "deep JSON in an error": Fault(_error(400, b'{"detail":' + b"[" * 2000 + b"]" * 2000 + b"}"), "missing"),
    "deep JSON in a stream": Fault(_stream(b"data: " + _deep(2000) + b"\n\n"), "missing", stream=True),
    "usage of 10^400": Fault(_body(_HUGE + b"}"), "answered"),
    "usage of no tokens and of texts": Fault(_body(answer(usage={"prompt_tokens": "many"})), "answered"),
    "half a letter in the model's name": Fault(_body(_SURROGATE_MODEL), "answered"),
    "choices of another shape": Fault(_body({"choices": ["\ud83d"]}), "missing"),
    "an error code of 400 digits": Fault(
        _error(400, b'{"error":{"message":"no","code":1' + b"0" * 400 + b"}}"), "missing"
    ),
    "no JSON": Fault(_body(b"<html>gateway</html>"), "missing"),
    "nothing": Fault(_body(b""), "missing"),
    "null": Fault(_body(b"null"), "missing"),
    # headers
    "Retry-After in the year 99999": Fault(
        _error(429, b"{}", retry_after="Fri, 31 Dec 99999 23:59:59 GMT"), "missing"
    ),
    "Retry-After of 10^400": Fault(_error(429, b"{}", retry_after="1" + "0" * 400), "missing"),
    "rate headers with equal limit and rest": Fault(
        _body(
            None,
            x_ratelimit_limit_tokens="5",
            x_ratelimit_remaining_tokens="5",
            x_ratelimit_reset_tokens="10ms",
        ),
        "answered",
        everywhere=True,
    ),
    "rate headers of nan and inf": Fault(
        _body(
            None,
            x_ratelimit_limit_requests="inf",
            x_ratelimit_remaining_requests="nan",
            x_ratelimit_reset_requests="inf",
        ),
        "answered",
        everywhere=True,
    ),
    "two lengths": Fault(
        _raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"), "missing"
    ),
    "no HTTP": Fault(_raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "missing"),
    "a header of 100,000 bytes": Fault(
        _raw(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 100_000 + b"\r\n\r\n"), "missing"
    ),
    "2,000 times 100 Continue": Fault(
        _raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + whole(), keep=True), "answered"
    ),
    # size and time
    "a body without end": Fault(
        lambda connection, asked: without_end(connection, b" " * 65536), "missing", slow=True
    ),
    "a stream without end": Fault(
        lambda connection, asked: without_end(connection, events(delta("y" * 4000)) * 16, kind=SSE),
        "missing",
        stream=True,
        slow=True,
    ),
    "a line without end in a stream": Fault(
        lambda connection, asked: without_end(connection, b"a" * 65536, kind=SSE),
        "missing",
        stream=True,
        slow=True,
    ),
    "a bomb": Fault(_bombed, "missing", slow=True),
    "no gzip where gzip is said": Fault(_body(b"plain", content_encoding="gzip"), "missing"),
    "a byte each 50 ms": Fault(_drip, "missing", slow=True),
    "an end in the middle": Fault(_raw(whole()[:90]), "missing"),
    "a reset in the middle": Fault(_reset, "missing"),
    # where else it sends us
    "a redirection to another origin": Fault(
        _error(307, b"", location="http://127.0.0.1:9/v1/chat/completions"), "refused", everywhere=True
    ),
    "a redirection to itself": Fault(
        _error(302, b"", location="/v1/chat/completions"), "refused", everywhere=True
    ),
    "a redirection to a file": Fault(
        _error(302, b"", location="file:///etc/passwd"), "refused", everywhere=True
    ),
    "a redirection that is garbage": Fault(
        _error(307, b"", location="http://[::1"), "refused", everywhere=True
    ),
    # two answers
    "a second response later": Fault(_twice, "answered", everywhere=True),
    "a second response at once": Fault(_at_once_twice, "answered", everywhere=True),
    "408 on an idle connection": Fault(_told_to_wait, "answered", everywhere=True),
    # streams
    "a byte order mark": Fault(_stream(b"\xef\xbb\xbf" + events(*_GOOD_STREAM)), "answered", stream=True),
    "capitals": Fault(_stream(events(*_GOOD_STREAM, field="DATA")), "answered", stream=True),
    "interleaved choices": Fault(_stream(events(*_TWO)), "answered", stream=True),
    "a compressed stream": Fault(
        _stream(gzip.compress(events(*_GOOD_STREAM)), content_encoding="gzip"), "answered", stream=True
    ),
    "a stream that was not asked for": Fault(_stream(events(*_GOOD_STREAM)), "missing"),
    "an error in the middle of a stream": Fault(
        _stream(events(delta("ye"), {"error": {"message": "overloaded"}})), "missing", stream=True
    ),
    "a stream that breaks off": Fault(
        _stream(b"data: " + json.dumps(delta("ye")).encode() + b"\n\n"), "missing", stream=True
    ),
}
