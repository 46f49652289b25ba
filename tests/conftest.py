"""What all tests share: a cache folder of their own, no keys, and a real chat server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings

# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("evalkit", deadline=None)
settings.load_profile("evalkit")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """No test reads the user's cache or keys."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "evalkit-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Reply:
    """What the server sends for one request.

    Attributes:
        body: JSON value, or raw bytes.
        cut: Send only this many bytes of the body, then drop the connection.
        reset: Drop it with a reset instead of an end.
        stall: After this many bytes of the body wait so many seconds, then go on.
        events: Server-sent events instead of a body.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int | None = None
    reset: bool = False
    stall: tuple[int, float] | None = None
    events: list[Any] | None = None


def completion(
    text: str, *, finish: str = "stop", prompt: int = 10, cached: int = 0, output: int = 3
) -> Reply:
    """A chat completion as the OpenAI API words it."""
    message = {"role": "assistant", "content": text}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Reply(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


def streamed(text: str, *, finish: str | None = "stop") -> Reply:
    """The same as a stream, one event a word, usage last."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    pieces = [f"{word} " for word in text.split()]
    events: list[Any] = [
        {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    if finish is not None:
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    usage = {"prompt_tokens": 10, "completion_tokens": len(pieces), "total_tokens": 10 + len(pieces)}
    events.append({**head, "choices": [], "usage": usage})
    return Reply(events=events)


class ChatServer:
    """An OpenAI-compatible server on loopback. ``answer`` decides each reply from the parsed request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, Any]], Reply] = lambda request: completion("yes")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
        self.port: int = started.result(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = json.loads(body) if body else {}
                self.requests.append(request)
                self.targets.append(lines[0])
                self.headers.append(headers)
                if not await self._reply(self.answer(request), writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.events is not None:
            parts = [f"data: {json.dumps(event)}\n\n" for event in reply.events] + ["data: [DONE]\n\n"]
            content, kind = "".join(parts).encode(), "text/event-stream"
        else:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            kind = "application/json"
        headers = {"content-type": kind, "content-length": str(len(content)), **reply.headers}
        head = f"HTTP/1.1 {reply.status} X\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()
        )
        content = content if reply.cut is None else content[: reply.cut]
        writer.write(head.encode() + b"\r\n")
        if reply.stall is not None:
            at, seconds = reply.stall
            writer.write(content[:at])
            await asyncio.sleep(seconds)
            content = content[at:]
        writer.write(content)
        await writer.drain()
        if reply.reset:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return reply.cut is None

    def close(self) -> None:
        async def stop() -> None:
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def replies():
    """How to word replies."""

    class Words:
        reply = staticmethod(Reply)
        completion = staticmethod(completion)
        streamed = staticmethod(streamed)

    return Words
