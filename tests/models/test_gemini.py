"""A Gemini model against a real server on loopback whose answers are of Google's published shape."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.errors import AccessError, RequestError, RetryableError
from evalkit.models.gemini import GeminiModel
from evalkit.models.gemini_payload import StreamedAnswer, finish_of, read_answer
from evalkit.records.case import Message
from evalkit.records.sample import Request, Usage
from evalkit.suite.models import GeminiModelConfig

genai = pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
# The SDK's own client warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

QUICK = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)
REQUEST = Request(messages=(Message(role="system", content="s"), Message(role="user", content="q")), seed=7)
KEY = "AIza-the-secret"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


def ask(server, *, policy: RetryPolicy | None = None, **settings):
    async def call():
        config = GeminiModelConfig(type="gemini", model="gemini-x", base_url=server.root, **settings)
        model = GeminiModel(config, folder=Path())
        try:
            if policy is None:
                return await model.complete(REQUEST)
            return await with_retries(lambda: model.complete(REQUEST), policy)
        finally:
            await model.close()

    return asyncio.run(call())


def by_sdk(server, *, stream=False):
    """How the SDK itself reads the same answer: its text and usage."""

    async def call():
        options = genai.types.HttpOptions(base_url=server.root)
        async with genai.Client(http_options=options).aio as sdk:
            if not stream:
                return [await sdk.models.generate_content(model="gemini-x", contents="q")]
            pieces = await sdk.models.generate_content_stream(model="gemini-x", contents="q")
            return [piece async for piece in pieces]

    pieces = asyncio.run(call())
    return "".join(piece.text or "" for piece in pieces), pieces[-1].usage_metadata


def test_plain_answer_with_usage_counted_once(gemini_server, gemini_words):
    """Cached tokens are inside the prompt, thoughts beside the answer; the text is what the SDK reads."""
    gemini_server.answer = lambda request: gemini_words.answer(
        "Paris", prompt=100, cached=64, output=5, thoughts=30
    )
    done = ask(gemini_server)
    assert (done.output, done.finish_reason) == ("Paris", "stop")
    assert done.usage == Usage(input=36, cache_read=64, output=35, reasoning=30)
    assert done.timing.service_s > 0
    text, usage = by_sdk(gemini_server)
    assert text == done.output
    assert usage.prompt_token_count == done.usage.prompt
    assert usage.candidates_token_count + usage.thoughts_token_count == done.usage.output
    assert usage.total_token_count == done.usage.prompt + done.usage.output


def test_thoughts_are_no_part_of_the_answer(gemini_server, gemini_words):
    gemini_server.answer = lambda request: gemini_words.answer("Paris", thought="The capital ...")
    assert ask(gemini_server).output == "Paris"
    assert by_sdk(gemini_server)[0] == "Paris"


def test_streamed_answer_has_a_time_to_first_token(gemini_server, gemini_words):
    """Usage counts up over the events, and the last one holds. Thoughts before it are not the first token."""
    gemini_server.answer = lambda request: gemini_words.streamed("one two three", thought="hm")
    done = ask(gemini_server, stream=True)
    assert done.output == "one two three "
    assert done.usage == Usage(input=10, output=5, reasoning=2)
    assert 0 < done.timing.ttft_s <= done.timing.service_s
    assert gemini_server.targets[0].endswith(":streamGenerateContent?alt=sse HTTP/1.1")
    assert by_sdk(gemini_server, stream=True)[0] == done.output


@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
def test_a_stream_reads_the_same_however_it_is_cut(gemini_words, size):
    content = gemini_words.streamed("ein Wort 字").body
    streamed = StreamedAnswer()
    for start in range(0, len(content), size):
        streamed.feed(content[start : start + size])
    assert streamed.answer().text == "ein Wort 字 "


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "tool_calls"),
        ("OTHER", "unknown"),
        ("A_NEW_ONE", "unknown"),
        (None, "unknown"),
    ],
)
def test_finish_reasons_are_ours(word, ours):
    assert finish_of(word) == ours


def test_every_finish_reason_of_the_sdk_is_mapped_or_known_to_tell_nothing():
    """What would be new: a filter's name that counted as unknown."""
    unknown = {
        reason.value
        for reason in genai.types.FinishReason
        if reason.value != "PUP_LIMITED_DISABLED" and finish_of(reason.value) == "unknown"
    }
    assert unknown == {
        "FINISH_REASON_UNSPECIFIED",
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("finish", "ours"),
    [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter")],
)
def test_the_arms_own_failures_are_answers(gemini_server, gemini_words, finish, ours, stream):
    """Length stops and filters are scored. A model that spent its tokens on thoughts has no text at all."""
    words = gemini_words.streamed if stream else gemini_words.answer
    gemini_server.answer = lambda request: words("", finish=finish, thoughts=5)
    done = ask(gemini_server, stream=stream)
    assert (done.output, done.finish_reason) == ("", ours)
    assert done.usage == Usage(input=10, output=5, reasoning=5)


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_is_a_content_filter_and_costs_its_prompt(gemini_server, gemini_words, stream):
    gemini_server.answer = lambda request: gemini_words.blocked("PROHIBITED_CONTENT", stream=stream)
    done = ask(gemini_server, stream=stream)
    assert (done.output, done.finish_reason) == ("", "content_filter")
    assert done.usage == Usage(input=8, output=0)


def test_a_prompt_over_the_context_limit_is_the_arms_failure(gemini_server, gemini_words):
    words = "The input token count (3475108) exceeds the maximum number of tokens allowed (1048576)."
    gemini_server.answer = lambda request: gemini_words.error(400, words, "INVALID_ARGUMENT")
    done = ask(gemini_server)
    assert (done.output, done.finish_reason) == ("", "context_limit")


FAULTS = {
    "quota": (429, "RESOURCE_EXHAUSTED", RetryableError, True),
    "overloaded": (503, "UNAVAILABLE", RetryableError, True),
    "internal": (500, "INTERNAL", RetryableError, False),
    "deadline": (504, "DEADLINE_EXCEEDED", RetryableError, False),
    "cancelled": (499, "CANCELLED", RetryableError, False),
    "unauthenticated": (401, "UNAUTHENTICATED", AccessError, None),
    "forbidden": (403, "PERMISSION_DENIED", AccessError, None),
    "no-such-model": (404, "NOT_FOUND", AccessError, None),
    "wrong-country": (400, "FAILED_PRECONDITION", AccessError, None),
    "bad-argument": (400, "INVALID_ARGUMENT", RequestError, None),
}


@pytest.mark.parametrize("listed", [False, True], ids=["object", "list"])
@pytest.mark.parametrize("name", list(FAULTS))
def test_whose_fault_a_refusal_is(gemini_server, gemini_words, name, listed):
    code, status, kind, throttled = FAULTS[name]
    gemini_server.answer = lambda request: gemini_words.error(code, "said why", status, listed=listed)
    with pytest.raises(kind, match=f"{code}: said why") as raised:
        ask(gemini_server)
    assert type(raised.value) is kind
    if throttled is not None:
        assert raised.value.throttled is throttled


@pytest.mark.parametrize("words", ["API key not valid. Please pass a valid API key.", "API key expired."])
def test_a_wrong_key_is_a_400_and_everybodys_fault(gemini_server, gemini_words, words):
    gemini_server.answer = lambda request: gemini_words.wrong_key(words)
    with pytest.raises(AccessError, match="Is GOOGLE_API_KEY or GEMINI_API_KEY right"):
        ask(gemini_server, policy=QUICK)
    assert len(gemini_server.requests) == 1


def test_retry_info_is_obeyed(gemini_server, gemini_words):
    """429 RESOURCE_EXHAUSTED says in its details how long to wait."""
    left = [gemini_words.throttled(retry_delay="0.2s")]
    gemini_server.answer = lambda request: left.pop() if left else gemini_words.answer("ok")
    done, attempted = ask(gemini_server, policy=RetryPolicy(attempts=2, first_wait_s=0.001, longest_wait_s=5))
    assert done.output == "ok"
    assert attempted.backoff_s == pytest.approx(0.21, abs=0.03)


def test_the_quota_of_a_day_ends_the_run(gemini_server, gemini_words):
    """Its RetryInfo names seconds all the same, which would be waited for in vain."""
    gemini_server.answer = lambda request: gemini_words.throttled(
        retry_delay="12s", quota="GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    )
    with pytest.raises(AccessError, match="resume the run tomorrow"):
        ask(gemini_server, policy=QUICK)
    assert len(gemini_server.requests) == 1


def test_the_sdk_retries_nothing_behind_our_back(gemini_server, gemini_words):
    gemini_server.answer = lambda request: gemini_words.error(503, "later", "UNAVAILABLE")
    with pytest.raises(RetryableError):
        ask(gemini_server)
    assert len(gemini_server.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        *(b'{"candidates": [{"cont', b"{}", b'{"candidates": []}', b"<html>gateway</html>", b"", b"null"),
        b'{"candidates": [{"content": {"role": "model"}}]}',
    ],
    ids=["truncated", "no-candidates", "empty-candidates", "a-web-page", "empty", "null", "says-nothing"],
)
def test_a_broken_envelope_is_a_transport_fault(content):
    with pytest.raises(RetryableError):
        read_answer(content)


@pytest.mark.parametrize("how", ["cut", "reset", "no-end", "error-event", "truncated-event"])
def test_a_stream_that_breaks_off_is_a_fault(gemini_server, gemini_words, how):
    whole = gemini_words.streamed("one two three")
    reply = {
        "cut": gemini_words.reply(whole.body, headers=whole.headers, cut=200),
        "reset": gemini_words.reply(whole.body, headers=whole.headers, cut=200, reset=True),
        "no-end": gemini_words.streamed("one two", finish=None),
        "error-event": gemini_words.reply(
            b'data: {"error": {"code": 503, "message": "gone", "status": "UNAVAILABLE"}}\r\n\r\n',
            headers=whole.headers,
        ),
        "truncated-event": gemini_words.reply(b'data: {"candidates": [{"con\r\n\r\n', headers=whole.headers),
    }[how]
    gemini_server.answer = lambda request: reply
    with pytest.raises(RetryableError):
        ask(gemini_server, stream=True)


def test_a_hang_ends_at_the_time_limit(gemini_server, gemini_words):
    gemini_server.answer = lambda request: gemini_words.reply({}, delay_s=5)
    with pytest.raises(RetryableError, match="time limit"):
        ask(gemini_server, timeout_s=0.2)


def test_an_account_that_google_closed_ends_the_run():
    with pytest.raises(AccessError, match="closed this account"):
        finish_of("PUP_LIMITED_DISABLED")


@pytest.mark.parametrize("stream", [False, True])
def test_an_echoed_key_is_let_out_nowhere(gemini_server, gemini_words, caplog, stream):
    """In an answer, in a refusal, in the log."""
    caplog.set_level(logging.DEBUG)
    words = gemini_words.streamed if stream else gemini_words.answer
    gemini_server.answer = lambda request: words(f"your key is {KEY}")
    assert KEY not in ask(gemini_server, stream=stream).output
    gemini_server.answer = lambda request: gemini_words.error(400, f"bad key {KEY}", "INVALID_ARGUMENT")
    with pytest.raises(RequestError) as raised:
        ask(gemini_server, stream=stream)
    assert KEY not in str(raised.value)
    assert KEY not in caplog.text


def test_a_token_that_is_refused_or_cannot_be_fetched(gemini_server, google_login):
    """A revoked account ends the run; a token server that is down is asked again."""
    vertex = {"project": "p", "location": "global"}
    google_login.answer = (400, {"error": "invalid_grant", "error_description": "account not found"})
    with pytest.raises(AccessError, match=r"gives no access token.*invalid_grant"):
        ask(gemini_server, vertex=vertex)
    assert gemini_server.requests == []
    google_login.close()
    with pytest.raises(RetryableError, match="token server did not answer"):
        ask(gemini_server, vertex=vertex)


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_that_answered_is_kept(gemini_server, gemini_words, stream):
    """As the answer's ``modelVersion`` says it."""
    made = gemini_words.streamed("yes no") if stream else gemini_words.answer("yes")
    gemini_server.answer = lambda request: made
    version = ask(gemini_server, stream=stream).answering_model
    assert version == "gemini-x"


@pytest.mark.parametrize("stream", [False, True])
def test_half_a_letter_is_marked_and_the_answer_is_kept(gemini_server, gemini_words, stream):
    reply = gemini_words.streamed("Paris XX") if stream else gemini_words.answer("Paris XX")
    body = reply.body if stream else json.dumps(reply.body).encode()
    gemini_server.shapes = None  # no shape has half a letter
    gemini_server.answer = lambda request: gemini_words.reply(
        body.replace(b"XX", b"\\ud83d"), headers=reply.headers
    )
    done = ask(gemini_server, stream=stream)
    assert done.output.strip() == "Paris \ufffd"
    assert done.usage is not None
    assert len(gemini_server.requests) == 1
