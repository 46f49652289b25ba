"""The OpenAI-compatible model against a real server on loopback: answers, and what counts as a fault."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.errors import AccessError, InputError, RequestError, RetryableError
from evalkit.models.openai import OpenAIModel
from evalkit.models.openai_payload import read_answer
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import OpenAIModelConfig

QUICK = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)
REQUEST = Request(messages=(Message(role="system", content="s"), Message(role="user", content="q")), seed=7)


def ask(server, *, policy: RetryPolicy | None = None, **settings):
    async def call():
        config = OpenAIModelConfig(type="openai", model="m", base_url=server.url, **settings)
        model = OpenAIModel(config, folder=Path())
        try:
            if policy is None:
                return await model.complete(REQUEST)
            return await with_retries(lambda: model.complete(REQUEST), policy)
        finally:
            await model.close()

    return asyncio.run(call())


def test_plain_answer_with_usage_counted_once(chat_server, replies):
    """OpenAI counts cached tokens inside prompt tokens; ours are apart and add up."""
    chat_server.answer = lambda request: replies.completion("Paris", prompt=100, cached=64, output=5)
    done = ask(chat_server)
    assert done.output == "Paris"
    assert (done.usage.input, done.usage.cache_read, done.usage.output, done.usage.prompt) == (36, 64, 5, 100)
    assert done.timing.service_s > 0
    assert chat_server.requests[0]["seed"] == 7
    assert chat_server.requests[0]["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
    ]


def test_streamed_answer_has_a_time_to_first_token(chat_server, replies):
    """A stream gives the same text, its usage, and ttft below the service time."""
    chat_server.answer = lambda request: replies.streamed("one two three")
    done = ask(chat_server, stream=True)
    assert done.output == "one two three "
    assert done.usage.output == 3
    assert 0 < done.timing.ttft_s <= done.timing.service_s
    assert chat_server.requests[0]["stream_options"] == {"include_usage": True}


def test_a_stream_without_an_end_is_a_fault_not_an_answer(chat_server, replies):
    """Neither a finish reason nor ``[DONE]``: nothing says that the answer is whole."""
    events = replies.streamed("one two", finish=None).events
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    chat_server.answer = lambda request: replies.reply(body, headers={"content-type": "text/event-stream"})
    with pytest.raises(RetryableError, match="before the answer was finished"):
        ask(chat_server, stream=True)


@pytest.mark.parametrize(
    ("finish", "ours"), [("length", "length"), ("content_filter", "content_filter"), ("odd", "unknown")]
)
def test_the_arms_own_failures_are_answers(chat_server, replies, finish, ours):
    """A length stop and a content filter are scored, so they are completions."""
    chat_server.answer = lambda request: replies.completion("", finish=finish)
    assert ask(chat_server).finish_reason == ours


def test_a_prompt_over_the_context_limit_is_the_arms_failure(chat_server, replies):
    error = {
        "error": {
            "message": "This model's maximum context length is 10 tokens",
            "code": "context_length_exceeded",
        }
    }
    chat_server.answer = lambda request: replies.reply(error, status=400)
    done = ask(chat_server)
    assert (done.output, done.finish_reason) == ("", "context_limit")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_faults_are_retried_until_they_pass(chat_server, replies, status):
    """Two faults, then an answer: three attempts, and the waits are told apart from the service time."""
    left = [replies.reply({"error": {"message": "later"}}, status=status)] * 2
    chat_server.answer = lambda request: left.pop() if left else replies.completion("ok")
    done, attempted = ask(chat_server, policy=QUICK)
    assert done.output == "ok"
    assert attempted.attempts == 3
    assert attempted.backoff_s > 0


def test_retry_after_is_obeyed(chat_server, replies):
    left = [replies.reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0.2"})]
    chat_server.answer = lambda request: left.pop() if left else replies.completion("ok")
    _, attempted = ask(chat_server, policy=RetryPolicy(attempts=2, first_wait_s=0.001, longest_wait_s=5))
    assert attempted.backoff_s == pytest.approx(0.2, abs=0.05)


def test_faults_that_do_not_pass_end_as_faults(chat_server, replies):
    chat_server.answer = lambda request: replies.reply({"error": {"message": "down"}}, status=500)
    with pytest.raises(RetryableError, match="500"):
        ask(chat_server, policy=QUICK)
    assert len(chat_server.requests) == 3


def test_a_wrong_key_is_told_at_once_with_its_variable(chat_server, replies):
    chat_server.answer = lambda request: replies.reply({"error": {"message": "bad key"}}, status=401)
    with pytest.raises(AccessError, match="OPENAI_API_KEY"):
        ask(chat_server, policy=QUICK)
    assert len(chat_server.requests) == 1


def test_a_refused_request_is_not_asked_again(chat_server, replies):
    chat_server.answer = lambda request: replies.reply({"error": {"message": "bad parameter"}}, status=422)
    with pytest.raises(RequestError, match="bad parameter"):
        ask(chat_server, policy=QUICK)
    assert len(chat_server.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"body": b'{"choices": [{"mess'},
        {"body": {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}},
        {"body": {"a": 1}, "cut": 3},
        {"body": b"<html>gateway</html>"},
    ],
    ids=["truncated-json", "empty-choices", "dropped-connection", "a-web-page"],
)
def test_a_broken_envelope_is_a_transport_fault(chat_server, replies, broken):
    chat_server.answer = lambda request: replies.reply(**broken)
    with pytest.raises(RetryableError):
        ask(chat_server)


def test_a_stall_ends_at_the_time_limit(chat_server, replies):
    chat_server.answer = lambda request: replies.reply({}, delay_s=5)
    with pytest.raises(RetryableError, match="time limit"):
        ask(chat_server, timeout_s=0.2)


def test_without_a_key_openai_itself_is_refused_before_any_call():
    config = OpenAIModelConfig(type="openai", model="m")
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        OpenAIModel(config, folder=Path())


def test_identity_names_everything_that_decides_an_answer(chat_server):
    def identity(**settings):
        config = OpenAIModelConfig(type="openai", model="m", base_url=chat_server.url, **settings)
        return dict(OpenAIModel(config, folder=Path()).identity)

    assert identity() == identity()
    assert identity(temperature=0.5) != identity()
    assert identity(max_tokens=5) != identity()
    assert identity(stop=["x"]) != identity()
    assert identity(extra_body={"a": 1}) != identity()


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_that_answered_is_kept(chat_server, replies, stream):
    """A retired id is answered by another model without a word, and only the answer says which."""
    made = replies.streamed("yes") if stream else replies.completion("yes")
    for part in made.events or [made.body]:
        part["model"] = "m-2026-08-06"
    chat_server.answer = lambda request: made
    assert ask(chat_server, stream=stream).answering_model == "m-2026-08-06"


@pytest.mark.parametrize("said", [None, "", "  ", 7, {"name": "m"}])
def test_a_reply_that_names_no_model_is_an_answer_all_the_same(said):
    body = {"model": said, "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    answer = read_answer(json.dumps(body).encode())
    assert (answer.text, answer.model) == ("yes", None)
    assert read_answer(json.dumps({"choices": body["choices"]}).encode()).model is None


def test_a_name_without_end_is_cut():
    body = {"model": "m" * 5000, "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    assert read_answer(json.dumps(body).encode()).model == "m" * 200


@pytest.mark.parametrize("broken", ["cut", "error"])
def test_a_stream_that_breaks_after_its_end_is_a_whole_answer(chat_server, replies, broken):
    """The finish reason has come, so nothing is missing but, perhaps, the usage: it was paid for once."""
    events = replies.streamed("one two").events[:-1]
    written = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    after = "" if broken == "cut" else 'data: {"error": {"message": "went away"}}\n\n'
    body = (written + after + "data: [DONE]\n\n").encode()
    cut = len(written.encode()) if broken == "cut" else None
    headers = {"content-type": "text/event-stream"}
    chat_server.answer = lambda request: replies.reply(body, headers=headers, cut=cut)
    done = ask(chat_server, stream=True)
    assert (done.output, done.finish_reason, done.usage) == ("one two ", "stop", None)
    assert done.timing.service_s > 0
    assert len(chat_server.requests) == 1
