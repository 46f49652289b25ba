"""A provider on loopback that sends whatever bytes a test likes, also such as are no HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it came.

    Attributes:
        number: From 1, over all connections.
    """

    target: str
    headers: Mapping[str, str]
    body: bytes
    number: int


Handler = Callable[[socket.socket, Asked], bool]
"""Answers one request on a connection; says whether the connection is kept."""


class RawServer:
    """Listens until it is closed; each connection has a thread of its own.

    Attributes:
        handler: Answers each request.
        requests: All that came.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Asked] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def close(self) -> None:
        """Stop listening. The thread is woken first: a socket that is closed under it goes on taking connections."""
        self._closed = True
        socket.create_connection(self._listening.getsockname()).close()
        self._accepting.join(10)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            if self._closed:
                connection.close()
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (asked := self._read(connection)) is not None and self.handler(connection, asked):
                    pass
            except OSError:  # the client went away, as it should where a reply has no end
                return

    def _read(self, connection: socket.socket) -> Asked | None:
        came = b""
        while b"\r\n\r\n" not in came:
            if not (piece := connection.recv(1 << 16)):
                return None
            came += piece
        head, _, body = came.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(1 << 16)
        with self._lock:
            asked = Asked(first.split(" ")[1], headers, body, len(self.requests) + 1)
            self.requests.append(asked)
        return asked


def answer(text: str = "yes", **changes: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage, **changes}


def reply(
    connection: socket.socket,
    body: object = None,
    *,
    status: int = 200,
    kind: str = "application/json",
    **headers: str,
) -> bool:
    """Send one whole reply, and keep the connection.

    Args:
        connection: Where to.
        body: JSON value, or bytes; None for a right answer.
        status: HTTP's.
        kind: The content type.
        **headers: Further ones; ``_`` stands for ``-``.
    """
    connection.sendall(whole(body, status=status, kind=kind, **headers))
    return True


def whole(body: object = None, *, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """The bytes of one reply."""
    content = body if isinstance(body, bytes) else json.dumps(answer() if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def without_end(connection: socket.socket, piece: bytes, *, kind: str = "application/json") -> bool:
    """Send the same piece in chunks until the client goes away."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    connection.sendall(head.encode())
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
    while True:
        connection.sendall(chunk)


def events(*data: object, line_end: str = "\n", field: str = "data") -> bytes:
    """The body of a stream that ends with ``[DONE]``."""
    parts = [each if isinstance(each, str) else json.dumps(each) for each in (*data, "[DONE]")]
    return "".join(f"{field}: {part}{line_end}{line_end}" for part in parts).encode()


def delta(text: str | None = None, finish: str | None = None, **choice: Any) -> dict[str, Any]:
    """One event of a stream."""
    said = {} if text is None else {"content": text}
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish, **choice}]}
