"""What all tests share: a cache folder of their own, no keys, and a real chat server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import settings
from jsonschema import Draft202012Validator

from tests.builders import runs

# How long one example takes says more about what else the machine does than about the code.
# A build says the same of the same code; HYPOTHESIS_PROFILE=explore looks for new examples.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """No test reads the user's cache or keys."""
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "evalkit-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
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


class Shapes:
    """What a provider publishes of its answers: a file of ``tests/shapes``, which says where it is from."""

    def __init__(self, provider: str) -> None:
        schema = yaml.safe_load((Path(__file__).parent / "shapes" / f"{provider}.yaml").read_text())
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
        shapes: What its replies are held against before they are sent; differences are kept in ``misshapen``.
    """

    def __init__(self, shapes: Shapes | None = None) -> None:
        self.shapes = shapes
        self.misshapen: list[str] = []
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
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def provider() -> Iterator[Callable[[str], ChatServer]]:
    """A server whose every answer is of the shape that a provider publishes: ``openai``, ``azure``, ``gemini``."""
    servers: list[ChatServer] = []

    def start(name: str) -> ChatServer:
        servers.append(ChatServer(Shapes(name)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    assert [words for server in servers for words in server.misshapen] == []


@pytest.fixture
def replies():
    """How to word replies."""

    class Words:
        reply = staticmethod(Reply)
        completion = staticmethod(completion)
        streamed = staticmethod(streamed)

    return Words


class GeminiWords:
    """How Gemini words its replies: whole, streamed, refused. Counts of zero are left out, as proto3 does."""

    def __init__(self) -> None:
        self.reply = Reply

    def answer(
        self,
        text: str,
        *,
        finish: str | None = "STOP",
        prompt: int = 10,
        cached: int = 0,
        output: int | None = None,
        thoughts: int = 0,
        thought: str = "",
    ) -> Reply:
        output = (3 if text else 0) if output is None else output
        parts = [{"text": thought, "thought": True}] if thought else []
        content = {"role": "model", "parts": [*parts, {"text": text}]} if text else {"role": "model"}
        candidate = {"content": content, "index": 0} | ({"finishReason": finish} if finish else {})
        return Reply(self._whole([candidate], prompt, cached, output, thoughts))

    def streamed(
        self, text: str, *, finish: str | None = "STOP", thoughts: int = 0, thought: str = ""
    ) -> Reply:
        """One event a word; the last one says how it ended. There is no [DONE]."""
        thoughts = 2 if thought else thoughts
        steps = [({"text": thought, "thought": True}, 0)] if thought else []
        steps += [({"text": f"{word} "}, number) for number, word in enumerate(text.split(), 1)]
        steps = steps or [({"text": ""}, 0)]
        events = []
        for place, (part, written) in enumerate(steps):
            content = {"role": "model", "parts": [part]} if part["text"] else {"role": "model"}
            ends = place == len(steps) - 1 and finish
            candidate = {"content": content, "index": 0} | ({"finishReason": finish} if ends else {})
            events.append(self._whole([candidate], 10, 0, written, thoughts))
        return self._stream(events)

    def blocked(self, reason: str, *, stream: bool = False) -> Reply:
        """A prompt that the filter stopped: no candidates, and only the prompt counted."""
        body = {**self._whole([], 8, 0, 0, 0), "promptFeedback": {"blockReason": reason}}
        del body["candidates"]
        return self._stream([body]) if stream else Reply(body)

    def error(
        self, code: int, message: str, status: str, *, details: list[Any] | None = None, listed: bool = False
    ) -> Reply:
        error = {"code": code, "message": message, "status": status}
        body = {"error": {**error, "details": details} if details else error}
        return Reply([body] if listed else body, status=code)

    def throttled(
        self,
        *,
        retry_delay: str | None = None,
        quota: str = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    ) -> Reply:
        about = "type.googleapis.com/google.rpc"
        metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
        violation = {"quotaMetric": metric, "quotaId": quota, "quotaValue": "10"}
        details: list[Any] = [{"@type": f"{about}.QuotaFailure", "violations": [violation]}]
        if retry_delay is not None:
            details.append({"@type": f"{about}.RetryInfo", "retryDelay": retry_delay})
        message = "You exceeded your current quota, please check your plan and billing details."
        return self.error(429, message, "RESOURCE_EXHAUSTED", details=details)

    def wrong_key(self, message: str) -> Reply:
        reason = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
        return self.error(400, message, "INVALID_ARGUMENT", details=[reason])

    def _whole(
        self, candidates: list[Any], prompt: int, cached: int, output: int, thoughts: int
    ) -> dict[str, Any]:
        counts = {
            "promptTokenCount": prompt,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": output,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": prompt + output + thoughts,
        }
        usage = {name: count for name, count in counts.items() if count}
        return {
            "candidates": candidates,
            "usageMetadata": usage,
            "modelVersion": "gemini-x",
            "responseId": "r",
        }

    def _stream(self, events: list[Any]) -> Reply:
        content = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events).encode()
        return Reply(content, headers={"content-type": "text/event-stream"})


@pytest.fixture
def gemini_words() -> GeminiWords:
    return GeminiWords()


@pytest.fixture
def gemini_server(gemini_words: GeminiWords, provider: Callable[[str], ChatServer]) -> ChatServer:
    """Gemini on loopback."""
    server = provider("gemini")
    server.answer = lambda request: gemini_words.answer("yes")
    return server


@pytest.fixture(scope="session")
def small_tokenizer():
    """The embedded model's tokenizer, trained on fewer windows."""
    tokenizer = pytest.importorskip("tests.embedded_model.tokenizer", reason="needs the extra 'local'")
    return tokenizer.train_tokenizer(1, windows=300)


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The builder of synthetic runs."""
    return runs
