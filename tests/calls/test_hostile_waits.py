"""Whatever a server says of how long to wait, a request is tried a bounded number of times and then given up.

OpenAI, Azure, Gemini and embeddings, each against a real server on loopback that throttles for ever. Waits are a
fiftieth of the real ones; that the real ones end is computed without waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.calls.budget import Spending
from evalkit.calls.embedding import EmbeddingCaller
from evalkit.calls.retry import RetryPolicy, WaitNotices, with_retries
from evalkit.embeddings.openai import OpenAIEmbedder
from evalkit.errors import CallError, RetryableError
from evalkit.models.error_reply import retry_after
from evalkit.models.gemini import GeminiModel
from evalkit.models.openai import OpenAIModel
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import GeminiModelConfig, OpenAIModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig
from tests.builders.callers import unlimited_caller

REQUEST = Request(messages=(Message(role="user", content="question 1"),), seed=0)
HOSTILE = {
    "zero": {"retry-after": "0"},
    "negative": {"retry-after": "-5"},
    "next to nothing": {"retry-after": "0.000001"},
    "a date long past": {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"},
    "a date of no calendar": {"retry-after": "Fri, 31 Dec 999999 23:59:59 GMT"},
    "a date far away": {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"},
    "not a number": {"retry-after": "nan"},
    "infinite": {"retry-after": "inf"},
    "a huge number": {"retry-after": "1e300"},
    "words": {"retry-after": "in a while"},
    "no milliseconds": {"retry-after-ms": "0"},
    "milliseconds that are none": {"retry-after-ms": "soon", "retry-after": "0"},
    "rate headers for ever": {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "0s"},
    "rate headers that divide by nothing": {
        "x-ratelimit-remaining-requests": "0.5",
        "x-ratelimit-limit-requests": "0.5",
        "x-ratelimit-reset-requests": "1ms",
    },
}
QUICK = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.1, patience_s=1.0)
_GOOGLE = "type.googleapis.com/google.rpc"


async def _chat(config: OpenAIModelConfig) -> None:
    model = OpenAIModel(config, folder=Path())
    try:
        await unlimited_caller(model, policy=QUICK).call(REQUEST)
    finally:
        await model.close()


def _openai(server: Any) -> Awaitable[None]:
    return _chat(OpenAIModelConfig(type="openai", model="m", base_url=server.url))


def _azure(server: Any) -> Awaitable[None]:
    place = {"endpoint": server.root, "api_version": "2024-10-21"}
    return _chat(OpenAIModelConfig.model_validate({"type": "openai", "model": "m", "azure": place}))


async def _gemini(server: Any) -> None:
    pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
    model = GeminiModel(
        GeminiModelConfig(type="gemini", model="gemini-x", base_url=server.root), folder=Path()
    )
    try:
        await unlimited_caller(model, policy=QUICK).call(REQUEST)
    finally:
        await model.close()


async def _embeddings(server: Any) -> None:
    embedder = OpenAIEmbedder(
        OpenAIEmbedderConfig(type="openai", model="m", base_url=server.url), folder=Path()
    )
    caller = EmbeddingCaller(embedder, spending=Spending(), price=lambda tokens, seconds: None, policy=QUICK)
    try:
        await caller.query("question 1")
    finally:
        await caller.close()


BACK_ENDS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "openai": _openai,
    "azure": _azure,
    "gemini": _gemini,
    "embeddings": _embeddings,
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", list(HOSTILE))
@pytest.mark.parametrize("back_end", list(BACK_ENDS))
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_a_server_that_throttles_for_ever_is_asked_a_few_times(
    chat_server, replies, monkeypatch, back_end, form, status
):
    """At most the three attempts of the suite: no form of a wait is a reason for more."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "of-this-test")
    body = {"error": {"message": "slow down", "code": status, "status": "RESOURCE_EXHAUSTED"}}
    chat_server.answer = lambda request: replies.reply(body, status=status, headers=HOSTILE[form])
    began = time.monotonic()
    with pytest.raises(CallError):
        asyncio.run(_call(BACK_ENDS[back_end], chat_server))
    assert 1 <= len(chat_server.requests) <= QUICK.attempts
    assert time.monotonic() - began < 10


async def _call(back_end: Callable[[Any], Awaitable[None]], server: Any) -> None:
    await back_end(server)


@pytest.mark.parametrize("delay", ["0s", "-5s", "0.000000001s", "nans", "1e999s", "soon", "", "99999999s"])
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_gemini_is_asked_a_few_times_whatever_its_retry_info_says(chat_server, replies, monkeypatch, delay):
    monkeypatch.setenv("GEMINI_API_KEY", "of-this-test")
    details = [{"@type": f"{_GOOGLE}.RetryInfo", "retryDelay": delay}]
    error = {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": details}
    chat_server.answer = lambda request: replies.reply({"error": error}, status=429)
    with pytest.raises(CallError):
        asyncio.run(_call(_gemini, chat_server))
    assert 1 <= len(chat_server.requests) <= QUICK.attempts


def outcome(asked: float | None, policy: RetryPolicy, *, status: int = 429) -> tuple[int, float]:
    """Requests and seconds until a request is given up that is always throttled; nobody waits."""
    requests, waited = 0, 0.0

    async def call() -> None:
        nonlocal requests
        requests += 1
        raise RetryableError("slow down", asked, throttled=True, status=status)

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds

    with pytest.raises(RetryableError):
        asyncio.run(with_retries(call, policy, sleep=sleep))
    return requests, waited


@pytest.mark.parametrize("asked", [None, 0.0, 1e-9, 0.001, 0.1, 0.49, 0.5, 0.6, 1.0, 5.0, 20.0, 60.0, 1e9])
@pytest.mark.parametrize("attempts", [1, 2, 3, 5, 50])
def test_the_real_waits_end_within_the_patience_and_few_requests(asked, attempts):
    """A wait that is worth the name may be waited out beyond ``max_attempts``; the others count towards it."""
    requests, waited = outcome(asked, RetryPolicy(attempts=attempts))
    assert waited <= 300
    assert requests <= (attempts if asked is None or asked < 0.5 else 36)


def test_without_a_wait_the_attempts_span_most_of_a_minute():
    """A quota by the minute, told by nothing but 429, has come back by then."""
    spans = [outcome(None, RetryPolicy())[1] for _ in range(200)]
    assert min(spans) >= 40
    assert max(spans) <= 85


def test_a_wrong_clock_of_ours_does_not_change_what_a_date_asks_for(monkeypatch):
    """Ours is a year ahead or behind; the reply's own date tells what its Retry-After means."""
    headers = {"date": "Sat, 28 Nov 2026 12:00:00 GMT", "retry-after": "Sat, 28 Nov 2026 12:00:20 GMT"}
    for jump in (-31_536_000, 0, 31_536_000):
        monkeypatch.setattr(time, "time", lambda jump=jump: 1_795_867_200 + jump)
        assert retry_after(headers) == 20


def test_a_clock_that_jumps_ends_no_wait_and_makes_none_longer(monkeypatch, chat_server, replies):
    """The wall clock goes back by a day with each look at it: waits are measured by another one."""
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 1.8e9 - 86_400 * next(jumps))
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")
    chat_server.answer = lambda request: replies.reply(b"", status=429)
    began = time.monotonic()
    with pytest.raises(CallError):
        asyncio.run(_call(_openai, chat_server))
    assert len(chat_server.requests) == QUICK.attempts
    assert time.monotonic() - began < 10


def told(faults: list[tuple[RetryableError, float]], policy: RetryPolicy) -> list[str]:
    """The lines about waits after faults, each at its second."""
    lines: list[str] = []
    now = [0.0]
    notices = WaitNotices(
        RetryPolicy(policy.attempts, patience_s=policy.patience_s, on_wait=lines.append), lambda: now[0]
    )
    for attempt, (fault, at) in enumerate(faults, start=1):
        now[0] = at
        notices.backing_off(fault, attempt, 2.0)
    return lines


def test_the_first_throttled_request_is_named_at_once_with_its_next_try_and_the_bound():
    busy = RetryableError("the provider answered 429: slow down", throttled=True, status=429)
    (line,) = told([(busy, 0.0)], RetryPolicy(attempts=3))
    assert line == (
        "rate limited (429), waiting 2.0 s before try 2; gives up after 3 tries: the provider answered 429: slow down"
    )
    asked = RetryableError("x", 20.0, throttled=True, status=503)
    (line,) = told([(asked, 0.0)], RetryPolicy())
    assert line == "overloaded (503), waiting 2.0 s before try 2; gives up after 300 s of such waits: x"


def test_many_waits_are_one_line_every_five_seconds():
    busy = RetryableError("x", throttled=True, status=429)
    assert len(told([(busy, second / 2) for second in range(40)], RetryPolicy())) == 4
    assert len(told([(busy, 0.0), (busy, 4.9), (busy, 5.0)], RetryPolicy())) == 2


def test_a_throttled_call_is_named_within_a_second_of_the_first_request(chat_server, replies, monkeypatch):
    """With the waits as they are in a run."""
    monkeypatch.setenv("OPENAI_API_KEY", "of-this-test")
    chat_server.answer = lambda request: replies.reply(b"", status=429)
    heard: list[float] = []
    began = time.monotonic()

    async def once() -> None:
        model = OpenAIModel(
            OpenAIModelConfig(type="openai", model="m", base_url=chat_server.url), folder=Path()
        )
        policy = RetryPolicy(attempts=2, on_wait=lambda line: heard.append(time.monotonic() - began))
        try:
            await unlimited_caller(model, policy=policy).call(REQUEST)
        finally:
            await model.close()

    with pytest.raises(RetryableError):
        asyncio.run(once())
    assert len(heard) == 1
    assert heard[0] < 5
