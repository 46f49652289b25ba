"""Times are the server's, also where the client is busy; and what comes back holds no secret."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from evalkit.errors import AccessError, RetryableError
from evalkit.models.openai import OpenAIModel
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import OpenAIModelConfig

REQUEST = Request(messages=(Message(role="user", content="q"),), seed=7)
KEY = "sk-test-0123456789abcdef"


async def complete(server, requests: int = 1, meanwhile=None, **settings):
    model = OpenAIModel(
        OpenAIModelConfig(type="openai", model="m", base_url=server.url, **settings), folder=Path()
    )
    try:
        asked = [asyncio.create_task(model.complete(REQUEST)) for _ in range(requests)]
        if meanwhile is not None:
            await meanwhile()
        return await asyncio.gather(*asked)
    finally:
        await model.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's stamps")
def test_a_busy_client_does_not_inflate_the_service_time(chat_server, replies):
    """The event loop is blocked for half a second while answers of 50 ms come in; they are still reported as such."""
    chat_server.answer = lambda request: replies.reply(replies.completion("x").body, delay_s=0.05)

    async def block():
        while len(chat_server.requests) < 8:
            await asyncio.sleep(0.001)
        time.sleep(0.5)

    asyncio.run(complete(chat_server))  # the kernel starts to stamp shortly after it was first asked to
    start = time.perf_counter()
    done = asyncio.run(complete(chat_server, 8, block))
    assert time.perf_counter() - start > 0.5
    assert all(0.045 < each.timing.service_s < 0.4 for each in done)


def test_the_connection_is_no_part_of_the_service_time(chat_server, replies):
    """The clock starts when the request is written; a server that is slow to answer is another matter."""
    chat_server.answer = lambda request: replies.reply(replies.completion("x").body, delay_s=0.1)
    (done,) = asyncio.run(complete(chat_server))
    assert 0.1 <= done.timing.service_s < 0.4
    assert done.timing.ttft_s is None


def test_ttft_is_the_first_text_not_the_first_byte(chat_server, replies):
    """Headers and the opening event come at once, text after 400 ms; then text at once and the end late."""
    opening = {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    text = {"choices": [{"delta": {"content": "x"}, "finish_reason": None}]}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    at = len(f"data: {json.dumps(opening)}\n\n")
    chat_server.answer = lambda request: replies.reply(events=[opening, text, end], stall=(at, 0.4))
    (done,) = asyncio.run(complete(chat_server, stream=True))
    assert 0.4 <= done.timing.ttft_s <= done.timing.service_s
    at = len(f"data: {json.dumps(opening)}\n\ndata: {json.dumps(text)}\n\n")
    chat_server.answer = lambda request: replies.reply(events=[opening, text, end], stall=(at, 0.4))
    (done,) = asyncio.run(complete(chat_server, stream=True))
    assert done.timing.ttft_s < 0.3
    assert done.timing.service_s >= 0.4


def test_a_stream_that_falls_silent_is_given_up(chat_server, replies):
    answer = replies.streamed("one two")
    chat_server.answer = lambda request: replies.reply(events=answer.events, stall=(40, 5))
    start = time.perf_counter()
    with pytest.raises(RetryableError, match=r"no byte came for 0\.2 s"):
        asyncio.run(complete(chat_server, stream=True, idle_timeout_s=0.2))
    assert time.perf_counter() - start < 2


def test_a_server_that_knows_no_streams_answers_in_one_piece(chat_server, replies):
    chat_server.answer = lambda request: replies.completion("whole")
    (done,) = asyncio.run(complete(chat_server, stream=True))
    assert (done.output, done.timing.ttft_s) == ("whole", None)


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_the_provider_echoes_goes_nowhere(chat_server, replies, monkeypatch, stream):
    """Neither into error texts, which are journaled and shown, nor into outputs, which are cached."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refusal = {"error": {"message": f"Incorrect API key provided: {KEY}."}}
    chat_server.answer = lambda request: replies.reply(refusal, status=401)
    with pytest.raises(AccessError) as caught:
        asyncio.run(complete(chat_server, stream=stream))
    assert KEY not in str(caught.value)
    assert "[redacted]" in str(caught.value)
    events = [
        {"choices": [{"delta": {"content": part}, "finish_reason": None}]} for part in (KEY[:9], KEY[9:])
    ]
    events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    chat_server.answer = lambda request: (
        replies.reply(events=events) if stream else replies.completion(f"your key is {KEY}")
    )
    (done,) = asyncio.run(complete(chat_server, stream=stream))
    assert KEY not in done.output
    assert done.output.endswith("[redacted]")


def test_an_echo_inside_a_broken_stream_goes_nowhere_either(chat_server, replies, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat_server.answer = lambda request: replies.reply(events=[{"error": {"message": f"bad {KEY}"}}])
    with pytest.raises(RetryableError) as caught:
        asyncio.run(complete(chat_server, stream=True))
    assert KEY not in str(caught.value)


def test_every_reply_tells_its_headers(chat_server, replies):
    """Rate headers are heard on answers and on refusals."""
    heard: list[str | None] = []

    async def ask():
        model = OpenAIModel(
            OpenAIModelConfig(type="openai", model="m", base_url=chat_server.url), folder=Path()
        )
        model.hear_headers = lambda headers: heard.append(headers.get("X-RateLimit-Remaining-Requests"))
        try:
            await model.complete(REQUEST)
            await model.complete(REQUEST)
        finally:
            await model.close()

    left = [("0", 429), ("5", 200)]

    def answer(request):
        remaining, status = left.pop()
        return replies.reply(
            replies.completion("x").body,
            status=status,
            headers={"x-ratelimit-remaining-requests": remaining},
        )

    chat_server.answer = answer
    with pytest.raises(RetryableError):
        asyncio.run(ask())
    assert heard == ["5", "0"]
