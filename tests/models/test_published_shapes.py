"""OpenAI and Azure on loopback answer as their published descriptions say; evalkit and the SDK read the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import openai
import pytest

from evalkit.errors import AccessError, RetryableError
from evalkit.models.openai import OpenAIModel
from evalkit.records.case import Message
from evalkit.records.sample import Request, Usage
from evalkit.suite.models import OpenAIModelConfig

REQUEST = Request(messages=(Message(role="user", content="q"),), seed=7)
TURNS = [{"role": "user", "content": "q"}]
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
HEAD = {"id": "chatcmpl-1", "created": 1763600000, "model": "gpt-4o-2024-08-06"}
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
}
COUNTED = Usage(input=176, cache_read=1024, output=300, reasoning=256)


class Azure:
    """How Azure words its replies: OpenAI's, with the results of its content filter."""

    name = "azure"

    def __init__(self, reply):
        self.reply = reply

    def answer(self, text, *, finish="stop", filters=SAFE):
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "finish_reason": finish, "logprobs": None, "message": message}
        if filters:
            choice["content_filter_results"] = filters
        body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        if filters:
            body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": SAFE}]
        return self.reply(body)

    def streamed(self, text, *, finish="stop", filters=SAFE):
        chunk = {**HEAD, "object": "chat.completion.chunk", "usage": None}
        events = []
        if filters:
            prompt = [{"prompt_index": 0, "content_filter_results": SAFE}]
            empty = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
            events.append({**empty, "prompt_filter_results": prompt})
        extra = {"content_filter_results": filters} if filters else {}
        for word in text.split():
            delta = {"content": f"{word} "}
            choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None, **extra}
            events.append({**chunk, "choices": [choice]})
        events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish, **extra}]})
        events.append({**chunk, "choices": [], "usage": USAGE})
        return self.reply(events=events)

    def error(self, http, message, code, **more):
        headers = more.pop("headers", {})
        error = {"code": code, "message": message, **more}
        return self.reply({"error": error}, status=http, headers=headers)


class OpenAI(Azure):
    """The same without filters; its errors have four fields."""

    name = "openai"

    def answer(self, text, *, finish="stop"):
        return super().answer(text, finish=finish, filters={})

    def streamed(self, text, *, finish="stop"):
        return super().streamed(text, finish=finish, filters={})

    def error(self, http, message, code, **more):
        kind = "insufficient_quota" if code == "insufficient_quota" else "invalid_request_error"
        return super().error(http, message, code, type=kind, param=None, **more)


@pytest.fixture(params=[OpenAI, Azure], ids=lambda each: each.name)
def words(request, replies):
    return request.param(replies.reply)


@pytest.fixture
def server(words, provider, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    return provider(words.name)


def ask(server, words, **settings):
    if words.name == "azure":
        settings["azure"] = {"endpoint": server.root, "api_version": "2024-10-21", "deployment": "d"}
    else:
        settings["base_url"] = server.url

    async def call():
        model = OpenAIModel(OpenAIModelConfig(type="openai", model="gpt-4o", **settings), folder=Path())
        try:
            return await model.complete(REQUEST)
        finally:
            await model.close()

    return asyncio.run(call())


def client(server, words):
    if words.name == "azure":
        return openai.AzureOpenAI(
            azure_endpoint=server.root, api_version="2024-10-21", azure_deployment="d", max_retries=0
        )
    return openai.OpenAI(base_url=server.url, max_retries=0)


def test_a_whole_answer_is_read_as_the_sdk_reads_it(server, words):
    server.answer = lambda request: words.answer("Paris")
    done = ask(server, words)
    with client(server, words) as sdk:
        theirs = sdk.chat.completions.create(model="gpt-4o", messages=TURNS)
    assert done.output == theirs.choices[0].message.content == "Paris"
    assert done.finish_reason == theirs.choices[0].finish_reason
    assert done.usage == COUNTED
    assert done.usage.prompt == theirs.usage.prompt_tokens
    assert done.usage.output == theirs.usage.completion_tokens


def test_a_placeholder_for_a_key_is_not_taken_out_of_answers(provider, replies, monkeypatch):
    """Local servers are given keys such as ``x`` or ``EMPTY``, whose letters stand in every answer."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    server, words = provider("openai"), OpenAI(replies.reply)
    server.answer = lambda request: words.answer("six boxes")
    assert ask(server, words).output == "six boxes"


def test_a_stream_is_read_as_the_sdk_reads_it(server, words):
    """Azure begins with an event that holds only what its filter says of the prompt."""
    server.answer = lambda request: words.streamed("one two three")
    done = ask(server, words, stream=True)
    with client(server, words) as sdk:
        options = {"include_usage": True}
        events = list(
            sdk.chat.completions.create(model="gpt-4o", messages=TURNS, stream=True, stream_options=options)
        )
    text = "".join(choice.delta.content or "" for event in events for choice in event.choices)
    assert done.output == text == "one two three "
    assert done.usage == COUNTED
    assert 0 < done.timing.ttft_s <= done.timing.service_s


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_length_stops_and_filtered_answers_are_answers(server, words, finish, stream):
    server.answer = lambda request: (words.streamed if stream else words.answer)("half", finish=finish)
    assert ask(server, words, stream=stream).finish_reason == finish


@pytest.mark.parametrize("spelling", ["innererror", "inner_error"])
def test_a_prompt_that_azures_filter_stops_is_an_empty_answer(provider, replies, monkeypatch, spelling):
    """It comes as a 400; the description and the service spell its details differently."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    words, server = Azure(replies.reply), provider("azure")
    filters = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": filters}
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    )
    server.answer = lambda request: words.error(
        400, message, "content_filter", type=None, param="prompt", status=400, **{spelling: inner}
    )
    done = ask(server, words)
    assert (done.output, done.finish_reason) == ("", "content_filter")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limit_exceeded", RetryableError),
        (429, "insufficient_quota", AccessError),
        (500, "InternalServerError", RetryableError),
        (503, "ServiceUnavailable", RetryableError),
        (401, "invalid_api_key", AccessError),
        (403, "AuthenticationTypeDisabled", AccessError),
        (404, "DeploymentNotFound", AccessError),
    ],
)
def test_whose_fault_a_refusal_is(server, words, status, code, kind):
    server.answer = lambda request: words.error(status, "said why", code, headers={"retry-after-ms": "250"})
    with pytest.raises(kind, match="said why") as raised:
        ask(server, words)
    assert type(raised.value) is kind
    if kind is RetryableError:
        assert raised.value.retry_after_s == 0.25


def test_a_prompt_over_the_context_limit_is_the_arms_failure(server, words):
    message = "This model's maximum context length is 128000 tokens."
    server.answer = lambda request: words.error(400, message, "context_length_exceeded")
    assert ask(server, words).finish_reason == "context_limit"


def test_the_answers_of_the_other_tests_are_of_openais_shape(provider, replies):
    """Those of ``replies`` are what every other test of an OpenAI-compatible model is served."""
    server = provider("openai")
    assert server.shapes.differences(replies.completion("yes", cached=3)) == []
    assert server.shapes.differences(replies.streamed("one two")) == []
    assert server.shapes.differences(replies.reply({"id": "c", "choices": []})) != []
