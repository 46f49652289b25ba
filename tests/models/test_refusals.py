"""Refusals of real providers and servers, as they publish or were reported to word them, and what each must become."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.errors import AccessError, CallError, RequestError, RetryableError
from evalkit.models.gemini import GeminiModel
from evalkit.models.openai import OpenAIModel
from evalkit.models.own_failure import own_failure
from evalkit.records.case import Message
from evalkit.records.sample import Completion, Request, Timing
from evalkit.store.cache import worth_keeping
from evalkit.suite.models import GeminiModelConfig, OpenAIModelConfig

REFUSALS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text("utf-8"))
OWN = ("context_limit", "content_filter")
REQUEST = Request(messages=(Message(role="user", content="question 1"),), seed=0)


def ask(server: Any, refusal: dict[str, Any]) -> Completion:
    async def once() -> Completion:
        model: OpenAIModel | GeminiModel
        if refusal.get("provider") == "gemini":
            gemini = GeminiModelConfig(type="gemini", model="gemini-x", base_url=server.root)
            model = GeminiModel(gemini, folder=Path())
        else:
            openai = OpenAIModelConfig(type="openai", model="m", base_url=server.url)
            model = OpenAIModel(openai, folder=Path())
        try:
            return await model.complete(REQUEST)
        finally:
            await model.close()

    return asyncio.run(once())


def kind_of(error: CallError) -> str:
    """The word of ``refusals.yaml`` for an error."""
    if isinstance(error, RetryableError):
        return "throttled" if error.throttled else "retry"
    return {RequestError: "request", AccessError: "access"}[type(error)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal["name"] for refusal in REFUSALS])
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_a_refusal_becomes_what_it_says(chat_server, replies, refusal, monkeypatch):
    """Asked over a connection; whatever stands for a refusal is not kept for the next run."""
    if refusal.get("provider") == "gemini":
        pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
        monkeypatch.setenv("GEMINI_API_KEY", "of-this-test")
    body = refusal["body"]
    content = body.encode() if isinstance(body, str) else body
    chat_server.answer = lambda request: replies.reply(content, status=refusal["status"])
    try:
        done = ask(chat_server, refusal)
    except CallError as error:
        assert kind_of(error) == refusal["becomes"], str(error)
    else:
        assert (done.output, done.finish_reason) == ("", refusal["becomes"])
        assert not worth_keeping(done)


def test_every_way_to_refuse_is_shown_and_every_reply_names_where_it_is_from():
    assert len({refusal["name"] for refusal in REFUSALS}) == len(REFUSALS) >= 30
    assert {refusal["becomes"] for refusal in REFUSALS} >= {*OWN, "request", "access", "throttled", "retry"}
    assert all(refusal["source"] for refusal in REFUSALS)


@pytest.mark.parametrize(
    "refusal", [one for one in REFUSALS if one["becomes"] in OWN], ids=lambda one: one["name"]
)
@pytest.mark.parametrize("status", [200, 401, 404, 429, 502])
def test_no_words_make_an_own_failure_of_another_status(refusal, status):
    body = json.dumps(refusal["body"]).encode()
    assert own_failure(status, body, Timing()) is None


@pytest.mark.parametrize(
    "words",
    [
        "flagged",
        "maximum context length",
        "content_filter",
        "moderation",
        "the prompt is too long",
        "Invalid value for `feature_flagged_mode`",
        "cannot parse 'This model's maximum context length is 1 tokens. However, your messages resulted in 2 tokens'",
        "exceeds the context window",
        "insufficient_quota",
    ],
)
@pytest.mark.parametrize("place", ["message", "param"])
def test_a_word_somewhere_in_an_error_decides_nothing(words, place):
    """The error may quote the question, or name a setting."""
    error = {"message": "no such setting", "type": "invalid_request_error", "code": None, place: words}
    for status in (400, 403, 422):
        assert own_failure(status, json.dumps({"error": error}).encode(), Timing()) is None


@pytest.mark.parametrize("depth", [10, 100_000])
def test_a_body_nested_without_end_is_an_error_like_others(depth):
    assert own_failure(400, b'{"error":' * depth + b"1" + b"}" * depth, Timing()) is None
    assert own_failure(400, b"[" * depth, Timing()) is None
