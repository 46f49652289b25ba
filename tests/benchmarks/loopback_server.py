"""A chat server for benchmarks: a process of its own that is never the bottleneck and keeps its own times.

Written on ``asyncio.Protocol``: it looks for the length of the body and parses nothing else. Each answer is
sent a fixed time after its request was read. ``GET /log`` gives back the seconds from each request's arrival at the
server's socket, which the kernel stamps, to its answer being handed to the kernel: so that on a busy machine the
server, too, tells how long it really took.

    python tests/benchmarks/loopback_server.py 0.05 0.05 0.2     # delays, taken in turn
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import ClassVar

_BODY = json.dumps(
    {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Cause: worn seal. Fix: replace the seal."},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 120,
            "completion_tokens": 12,
            "total_tokens": 132,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "system_fingerprint": "fp_loopback",
    }
).encode()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: "
_ANSWER = _HEAD + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY


_SO_TIMESTAMPNS = 35
_arrived: dict[int, float] = {}
"""When the last bytes came in at each connection's socket, by file descriptor."""


class _Connection(socket.socket):
    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data, ancillary, _, _ = self.recvmsg(size, 64, flags)
        now = time.perf_counter()
        for _, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("@qq", value)
                now -= max(0.0, (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) * 1e-9)
        _arrived[self.fileno()] = now
        return data


class _Listening(socket.socket):
    def accept(self) -> tuple[socket.socket, object]:
        number, address = self._accept()
        return _Connection(self.family, self.type, self.proto, fileno=number), address


class _Chat(asyncio.Protocol):
    delays: ClassVar[Iterator[float]]
    log: ClassVar[list[float]] = []

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._number = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            if head.startswith(b"get /log"):
                body = json.dumps(self.log).encode()
                self.log.clear()
                self._transport.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
                )
            else:
                self._loop.call_later(next(self.delays), self._answer, _arrived[self._number])

    def _answer(self, arrived: float) -> None:
        self.log.append(time.perf_counter() - arrived)
        self._transport.write(_ANSWER)


async def serve(delays: Sequence[float]) -> None:
    """Print the port, then answer until killed."""
    loop = asyncio.get_running_loop()
    _Chat.delays = cycle(delays)
    listening = _Listening()
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    if sys.platform == "linux":
        listening.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    server = await loop.create_server(lambda: _Chat(loop), sock=listening, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def loopback_server(*delays: float) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), *map(str, delays)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def read_log(base_url: str) -> list[float]:
    """Seconds of every answer since the last reading, by the server's own clock."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/log", timeout=10) as reply:
        return json.load(reply)


if __name__ == "__main__":
    asyncio.run(serve([float(delay) for delay in sys.argv[1:]] or [0.05]))
