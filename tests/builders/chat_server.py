"""A chat provider on loopback, whose replies are of the shapes that providers publish."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator


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


class Shapes:
    """What a provider publishes of its answers: a file of ``tests/shapes``, which says where it is from."""

    def __init__(self, provider: str) -> None:
        schema = yaml.safe_load((Path(__file__).parents[1] / "shapes" / f"{provider}.yaml").read_text())
        self._of = {
            name: Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"}) for name in schema["$defs"]
        }

    def differences(self, reply: Reply) -> list[str]:
        """How a reply differs from what is published. Raw bytes are broken on purpose, streams apart."""
        if reply.events is not None:
            return [words for event in reply.events for words in self._check("event", event)]
        if isinstance(reply.body, bytes):
            stream = "event-stream" in reply.headers.get("content-type", "")
            events = reply.body.decode(errors="replace").split("data: ")[1:] if stream else []
            whole = [
                json.loads(event) for event in events if reply.cut is None and event.rstrip().endswith("}")
            ]
            return [words for event in whole for words in self._check("event", event) if "error" not in event]
        if reply.status >= 400:
            return self._check("error", reply.body)
        return self._check("models" if "data" in reply.body else "answer", reply.body)

    def _check(self, name: str, value: Any) -> list[str]:
        return [f"{name}: {error.json_path}: {error.message}" for error in self._of[name].iter_errors(value)]


def completion(
    text: str, *, finish: str = "stop", prompt: int = 10, cached: int = 0, output: int = 3
) -> Reply:
    """A chat completion as the OpenAI API words it."""
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
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
    """A provider on loopback. ``answer`` decides each reply from the parsed request.

    Args:
        shapes: What its replies are compared with before they are sent; differences are kept in ``misshapen``.
        port: Where it listens; 0 for any that is free.

    Raises:
        OSError: Another program listens there.
    """

    def __init__(self, shapes: Shapes | None = None, *, port: int = 0) -> None:
        self.shapes = shapes
        self.misshapen: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, Any]], Reply] = lambda request: completion("yes")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._start(port), self._loop)
        self.port: int = started.result(10)

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _start(self, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
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
                reply = self.answer(request)
                if self.shapes is not None:
                    self.misshapen += self.shapes.differences(reply)
                if not await self._reply(reply, writer):
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
