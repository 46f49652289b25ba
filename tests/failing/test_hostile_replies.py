"""Replies that took a run down, went on without end, or led the keys elsewhere, at every kind of endpoint.

The providers are real servers on loopback; ``test_endpoint_faults.py`` has what a whole run makes of such replies.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from evalkit.calls.budget import Spending
from evalkit.calls.caller import Caller
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.calls.expected_cost import ExpectedCost
from evalkit.calls.retry import RetryPolicy
from evalkit.embeddings.openai import OpenAIEmbedder
from evalkit.embeddings.protocol import Embedded
from evalkit.errors import AccessError, CallError, RetryableError, RunError
from evalkit.models import http_transport, kept_connections
from evalkit.models.gemini import GeminiModel
from evalkit.models.openai import OpenAIModel
from evalkit.models.openai_model_list import read_announced
from evalkit.models.protocol import Model
from evalkit.models.server_events import ServerEvents
from evalkit.records.case import Message
from evalkit.records.sample import Completion, Request
from evalkit.retrieval.qdrant_server import QdrantServer
from evalkit.store.cache import NoCache
from evalkit.suite.models import AzureConfig, GeminiModelConfig, OpenAIModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig
from tests.builders.raw_server import RawServer, answer, events, reply, whole, without_end

REQUEST = Request(messages=(Message(role="user", content="question"),), seed=7)
KEY = "of-this-test-only"


@pytest.fixture
def server() -> Iterator[RawServer]:
    made = RawServer(lambda connection, asked: reply(connection))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "GOOGLE_API_KEY", "QDRANT_API_KEY"):
        monkeypatch.setenv(name, KEY)


def _openai(server: RawServer, **settings: Any) -> Model:
    config = OpenAIModelConfig(type="openai", model="m", base_url=server.url, timeout_s=5, **settings)
    return OpenAIModel(config, folder=Path())


def _azure(server: RawServer) -> Model:
    place = AzureConfig(endpoint=server.root, api_version="2024-10-21", deployment="d")
    return OpenAIModel(OpenAIModelConfig(type="openai", model="m", azure=place, timeout_s=5), folder=Path())


def _gemini(server: RawServer, **settings: Any) -> Model:
    pytest.importorskip("google.genai")
    config = GeminiModelConfig(type="gemini", model="m", base_url=server.root, timeout_s=5, **settings)
    return GeminiModel(config, folder=Path())


async def _asked(model: Model) -> object:
    try:
        return await model.complete(REQUEST)
    finally:
        await model.close()


async def _embedded(server: RawServer) -> object:
    config = OpenAIEmbedderConfig(type="openai", model="m", base_url=server.url, timeout_s=5)
    embedder = OpenAIEmbedder(config, folder=Path())
    try:
        return await embedder.embed(["a text"], "query")
    finally:
        await embedder.close()


async def _searched(server: RawServer) -> object:
    pytest.importorskip("qdrant_client")
    store = QdrantServer(server.root, key_variable="QDRANT_API_KEY", timeout_s=5)
    return await asyncio.to_thread(lambda: store.open("digest", 1))


ENDPOINTS: dict[str, Callable[[RawServer], Awaitable[object]]] = {
    "chat": lambda server: _asked(_openai(server)),
    "chat, streamed": lambda server: _asked(_openai(server, stream=True)),
    "completions": lambda server: _asked(_openai(server, endpoint="completions")),
    "azure": lambda server: _asked(_azure(server)),
    "gemini": lambda server: _asked(_gemini(server)),
    "gemini, streamed": lambda server: _asked(_gemini(server, stream=True)),
    "embeddings": _embedded,
    "qdrant": _searched,
}
BY_OUR_TRANSPORT = [name for name in ENDPOINTS if name != "qdrant"]


def ask(name: str, server: RawServer) -> object:
    return asyncio.run(ENDPOINTS[name](server))


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_endpoint_sends_a_key_where_a_reply_points(name, server):
    other = RawServer(lambda connection, asked: reply(connection))
    try:
        server.handler = lambda connection, asked: reply(
            connection, b"", status=307, location=f"{other.url}/elsewhere?a=b"
        )
        with pytest.raises(AccessError, match=f"points to {other.root}, and redirections are not followed"):
            ask(name, server)
        assert (len(server.requests), other.requests) == (1, [])
    finally:
        other.close()


@pytest.mark.parametrize("name", BY_OUR_TRANSPORT)
@pytest.mark.parametrize("depth", [2000, 100_000])
def test_a_reply_that_is_nested_without_end_is_a_fault_of_one_request(name, server, depth):
    body = b'{"data":[],"x":' + b"[" * depth + b"]" * depth + b"}"
    kind = "text/event-stream" if "streamed" in name else "application/json"
    body = b"data: " + body + b"\n\n" if "streamed" in name else body
    server.handler = lambda connection, asked: reply(connection, body, kind=kind)
    with pytest.raises(CallError):
        ask(name, server)


@pytest.mark.parametrize("name", BY_OUR_TRANSPORT)
@pytest.mark.parametrize("status", [200, 500])
def test_no_reply_is_read_further_than_its_limit(name, server, status, monkeypatch):
    """The limit is lowered to 1 MB here; the server sends until the client goes away."""
    monkeypatch.setattr(http_transport, "MOST_BYTES", 2**20)
    kind = "text/event-stream" if "streamed" in name else "application/json"
    server.handler = lambda connection, asked: without_end(connection, b" " * 65536, kind=kind)
    with pytest.raises(RetryableError, match="longer than 1 MB") as raised:
        ask(name, server)
    assert raised.value.billed


def test_the_limit_is_64_mb_after_decompression():
    assert http_transport.MOST_BYTES == 64 * 2**20


def test_a_number_of_seconds_that_no_calendar_has_announces_nothing():
    listed = {"data": [{"id": "m", "deprecation": {"inference": 10**15, "fine_tune": -(10**15)}}]}
    config = OpenAIModelConfig(type="openai", model="m")
    assert read_announced(json.dumps(listed).encode(), config, name="base", today=None) == ()


class Odd:
    """A plugin's model that raises, or gives, what it should not."""

    identity: ClassVar = {"type": "odd"}
    answers_by_case = False

    def __init__(self, gives: Callable[[], Completion]) -> None:
        self._gives = gives

    async def complete(self, request: Request) -> Completion:
        return self._gives()

    async def close(self) -> None: ...


def called(model: Model) -> object:
    once = RetryPolicy(attempts=1)
    price = ExpectedCost(lambda usage, timing: None, None)
    caller = Caller(model, cache=NoCache(), spending=Spending(), expected_cost=price, policy=once)
    return asyncio.run(caller.call(REQUEST))


def _raise(error: Exception) -> Callable[[], Completion]:
    def give() -> Completion:
        raise error

    return give


@pytest.mark.parametrize(
    "gives",
    [
        _raise(ZeroDivisionError("float division by zero")),
        _raise(RecursionError("too deep")),
        _raise(MemoryError()),
        lambda: Completion(output="half a letter \ud83d"),
        lambda: Completion(output="x", answering_model="\ud83d"),
    ],
    ids=["ZeroDivisionError", "RecursionError", "MemoryError", "output", "model"],
)
def test_what_nobody_foresaw_in_a_model_is_a_fault_of_one_request(gives):
    with pytest.raises(RetryableError, match="something unforeseen"):
        called(Odd(gives))


@pytest.mark.parametrize("vectors", [np.zeros((2, 4), dtype=np.float32), None], ids=["too many", "none"])
def test_what_nobody_foresaw_in_an_embedder_is_a_fault_of_one_request(vectors):
    class OddEmbedder:
        identity: ClassVar = {"type": "odd"}
        worth_keeping = False
        max_batch = 8

        async def embed(self, texts: Sequence[str], purpose: str) -> Embedded:
            return Embedded(vectors, 1, 0.1)

        async def close(self) -> None: ...

    caller = EmbeddingCaller(
        OddEmbedder(),
        spending=Spending(),
        price=lambda tokens, seconds: None,
        policy=RetryPolicy(attempts=1),
    )
    with pytest.raises(RetryableError, match="something unforeseen"):
        asyncio.run(caller.query("a text"))


def test_a_full_disk_is_no_fault_of_a_request():
    with pytest.raises(RunError):
        called(Odd(_raise(RunError("no space left"))))


# Streams


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_mark_and_capitals_before_a_stream_change_nothing(cut, end):
    body = b"\xef\xbb\xbf" + events({"a": 1}, {"b": 2}, line_end=end, field="Data")
    reader, found = ServerEvents(), []
    for start in range(0, len(body), cut):
        found += reader.feed(body[start : start + cut])
    found += reader.end()
    assert found == [b'{"a": 1}', b'{"b": 2}', b"[DONE]"]


def test_a_long_line_in_small_pieces_takes_time_in_proportion_to_its_length():
    """Measured in processor time; a reader that joins what it has for each piece takes 16 times as long for 4 times."""

    def seconds(pieces: int) -> float:
        reader, began = ServerEvents(), time.process_time()
        for _ in range(pieces):
            for _ in reader.feed(b"a" * 256):
                pass
        return time.process_time() - began

    seconds(1000)
    short = min(seconds(4000) for _ in range(3))
    assert min(seconds(16_000) for _ in range(3)) < 9 * max(short, 0.001)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_choices_the_answer_is_that_of_the_lowest_index(server, order):
    texts = {0: ["ye", "s"], 1: ["N", "O"]}
    pieces = [
        {"choices": [{"index": index, "delta": {"content": texts[index][place]}}]}
        for place in range(2)
        for index in order
    ]
    ends = [
        {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}
        for index, reason in ((1, "length"), (0, "stop"))
    ]
    server.handler = lambda connection, asked: reply(
        connection, events(*pieces, *ends), kind="text/event-stream"
    )
    done = ask("chat, streamed", server)
    assert isinstance(done, Completion)
    assert (done.output, done.finish_reason) == ("yes", "stop")


def test_of_several_choices_in_one_body_the_answer_is_that_of_the_lowest_index(server):
    choices = [
        {"index": index, "message": {"content": text}, "finish_reason": "stop"}
        for index, text in ((1, "NO"), (0, "yes"))
    ]
    server.handler = lambda connection, asked: reply(connection, answer(choices=choices))
    done = ask("chat", server)
    assert isinstance(done, Completion)
    assert done.output == "yes"


def test_of_several_candidates_the_answer_is_that_of_the_lowest_index(server):
    def candidate(index: int, text: str) -> dict[str, Any]:
        return {"index": index, "content": {"parts": [{"text": text}]}, "finishReason": "STOP"}

    stream = [
        {"candidates": [candidate(1, "NO")]},
        {"candidates": [candidate(0, "ye")]},
        {"candidates": [candidate(0, "s")]},
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in stream)
    server.handler = lambda connection, asked: reply(connection, body, kind="text/event-stream")
    done = ask("gemini, streamed", server)
    assert isinstance(done, Completion)
    assert done.output == "yes"


# Two answers on one connection


def test_no_request_is_given_what_came_on_an_idle_connection(server):
    """The server sends a second response to each request; the next request leaves once it is there."""
    sent = threading.Event()

    def twice(connection, asked):
        connection.sendall(whole(answer(str(asked.number))))
        connection.sendall(whole(answer("of another")))
        sent.set()
        return True

    server.handler = twice

    async def ten() -> list[str]:
        model = _openai(server)
        outputs = []
        for _ in range(10):
            outputs.append((await model.complete(REQUEST)).output)
            await asyncio.to_thread(sent.wait, 30)
            sent.clear()
            await asyncio.sleep(0.02)
        await model.close()
        return outputs

    assert asyncio.run(ten()) == [str(number) for number in range(1, 11)]


def test_no_request_is_given_what_comes_soon_after_the_first_answer(server, monkeypatch):
    """All requests at once, and the second responses a little later. The watch is made longer, for busy machines."""
    monkeypatch.setattr(kept_connections, "_WATCHED_S", 1.0)

    def twice(connection, asked):
        connection.sendall(whole(answer(str(asked.number))))
        time.sleep(0.01)
        connection.sendall(whole(answer("of another")))
        return True

    server.handler = twice

    async def ten() -> list[str]:
        model = _openai(server)
        outputs = [(await model.complete(REQUEST)).output]
        many = await asyncio.gather(*(model.complete(REQUEST) for _ in range(9)))
        await model.close()
        return outputs + [each.output for each in many]

    assert sorted(asyncio.run(ten()), key=int) == [str(number) for number in range(1, 11)]


def test_connections_are_kept_where_a_server_is_quiet(server):
    """The second request waits for the first tenth of a second; the wait is no part of its service time."""

    async def many() -> None:
        model = _openai(server)
        await model.complete(REQUEST)
        began = time.monotonic()
        second = await model.complete(REQUEST)
        assert time.monotonic() - began >= 0.1
        assert second.timing.service_s < time.monotonic() - began - 0.05
        for _ in range(20):
            await model.complete(REQUEST)
        await model.close()

    asyncio.run(many())
    assert (len(server.requests), server.connections) == (22, 1)


def test_a_connection_that_the_server_has_closed_costs_no_attempt(server):
    """It closes each kept connection a little later; nothing is lost, and no request fails."""

    def closing(connection, asked):
        connection.sendall(whole())
        time.sleep(0.02)
        return False

    server.handler = closing

    async def some() -> list[str]:
        model = _openai(server)
        outputs = []
        for _ in range(6):
            outputs.append((await model.complete(REQUEST)).output)
            await asyncio.sleep(0.06)
        await model.close()
        return outputs

    assert asyncio.run(some()) == ["yes"] * 6
