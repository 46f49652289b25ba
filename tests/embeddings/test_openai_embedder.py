"""The OpenAI-compatible embedder against a loopback server: what it sends, and every way a reply can be wrong."""

from __future__ import annotations

import asyncio
import base64
import math
from pathlib import Path

import numpy as np
import openai
import pytest

from evalkit.embeddings.openai import OpenAIEmbedder
from evalkit.errors import AccessError, InputError, RequestError, RetryableError
from evalkit.suite.retrieval import OpenAIEmbedderConfig


def embed(server, texts, purpose="passage", **settings):
    async def once():
        config = OpenAIEmbedderConfig(type="openai", model="m", base_url=server.url, timeout_s=5, **settings)
        embedder = OpenAIEmbedder(config, folder=Path())
        try:
            return await embedder.embed(texts, purpose)
        finally:
            await embedder.close()

    return asyncio.run(once())


@pytest.fixture
def server(chat_server, replies, words):
    chat_server.say = lambda **changes: setattr(
        chat_server, "answer", lambda request: replies.reply(words.body(request, **changes))
    )
    chat_server.say()
    return chat_server


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_vectors_come_bit_for_bit_in_both_encodings_with_the_tokens_billed(server, words, encoding):
    found = embed(server, ["red router", "路由器"], encoding_format=encoding)
    expected = np.stack([words.vector("red router"), words.vector("路由器")])
    assert np.array_equal(found.vectors, expected)
    assert found.tokens == 3
    assert found.service_s > 0
    assert server.requests[-1] == {
        "input": ["red router", "路由器"],
        "model": "m",
        "encoding_format": encoding,
    }


def test_it_sends_what_the_sdk_sends_and_reads_what_the_sdk_reads(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    ours = embed(server, ["a b"], dimensions=4)
    client = openai.OpenAI(base_url=server.url, api_key="sk-test", max_retries=0)
    theirs = client.embeddings.create(input=["a b"], model="m", dimensions=4)
    client.close()
    assert server.requests[0] == server.requests[1]
    assert server.targets[0] == server.targets[1]
    assert server.headers[0]["authorization"] == server.headers[1]["authorization"]
    assert np.allclose(ours.vectors[0], theirs.data[0].embedding)


def test_a_server_that_sends_numbers_when_asked_for_base64_is_understood(server, words, replies):
    server.answer = lambda request: replies.reply(words.body({**request, "encoding_format": "float"}))
    assert np.allclose(embed(server, ["x"]).vectors[0], words.vector("x"))


def test_prefixes_tell_questions_from_passages_and_parameters_are_sent(server):
    settings = {"query_prefix": "query: ", "passage_prefix": "passage: ", "extra_body": {"truncate": "END"}}
    embed(server, ["x"], "query", **settings)
    embed(server, ["x"], "passage", **settings)
    assert [request["input"] for request in server.requests] == [["query: x"], ["passage: x"]]
    assert server.requests[0]["truncate"] == "END"


def test_items_out_of_order_are_put_in_the_order_of_the_texts(server, words):
    whole = words.body({"input": ["a", "b"], "model": "m"})
    server.say(data=list(reversed(whole["data"])))
    found = embed(server, ["a", "b"])
    assert np.allclose(found.vectors, np.stack([words.vector("a"), words.vector("b")]))


def item(embedding, index=0):
    return {"object": "embedding", "index": index, "embedding": embedding}


NAN = base64.b64encode(np.array([1, math.nan], dtype="<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([item([1.0, 2.0])], "1 vectors came for 2 texts"),
        ([item([1.0]), item([1.0], 1), item([1.0], 2)], "3 vectors came for 2 texts"),
        ([item([1.0]), item([1.0], 0)], "indexes are not those of the texts"),
        ([item([1.0]), item([1.0, 2.0], 1)], "vectors of 1, 2 numbers"),
        ([item([]), item([], 1)], "vectors of 0 numbers"),
        ([item(NAN), item(NAN, 1)], "NaN or infinity"),
        ([item([1e300, 0.0]), item([1.0, 0.0], 1)], "NaN or infinity"),
        ([item("AAA"), item("AAA", 1)], "no base64 of float32"),
        ([item("AAAA"), item("AAAA", 1)], "no base64 of float32"),
        ([item([None, 1.0]), item([1.0, 1.0], 1)], "holds no embeddings"),
        (None, "holds no embeddings"),
    ],
)
def test_a_reply_that_is_not_what_was_asked_for_is_a_fault_worth_another_attempt(server, data, says):
    server.say(data=data)
    with pytest.raises(RetryableError, match=says):
        embed(server, ["a", "b"])


@pytest.mark.parametrize(
    "body", [b'{"data": [{"embedding": [NaN, 1.0], "index": 0}]}', b"<html>busy</html>", b'{"data": [', b""]
)
def test_a_body_that_is_no_json_is_a_fault_worth_another_attempt(server, replies, body):
    server.answer = lambda request: replies.reply(body)
    with pytest.raises(RetryableError, match="holds no embeddings"):
        embed(server, ["a"])


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RetryableError), (500, RetryableError), (503, RetryableError), (400, RequestError), (401, AccessError),
     (404, AccessError)],
)  # fmt: skip
def test_statuses_mean_what_they_mean_for_models(server, replies, status, kind):
    error = {"error": {"message": "no", "type": "t", "code": "c"}}
    server.answer = lambda request: replies.reply(error, status=status, headers={"retry-after": "2"})
    with pytest.raises(kind) as raised:
        embed(server, ["a"])
    if status == 429:
        assert (raised.value.retry_after_s, raised.value.throttled) == (2.0, True)


def test_a_cut_reply_is_worth_another_attempt_and_no_key_is_let_out(server, replies, words, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    server.answer = lambda request: replies.reply(words.body(request), cut=20)
    with pytest.raises(RetryableError, match="the connection failed"):
        embed(server, ["a"])
    server.answer = lambda request: replies.reply(
        {"error": {"message": "bad key sk-very-secret"}}, status=400
    )
    with pytest.raises(RequestError) as raised:
        embed(server, ["a"])
    assert "sk-very-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "usage",
    [
        *(None, {}, {"prompt_tokens": 0, "total_tokens": 0}, "free"),
        *({"prompt_tokens": 3, "total_tokens": 90}, {"prompt_tokens": 10**30}),
    ],
)
def test_tokens_that_are_not_told_are_unknown_and_never_0(server, usage):
    server.say(usage=usage)
    assert embed(server, ["a"]).tokens is None


def test_openai_itself_needs_a_key_before_anything_is_asked():
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        OpenAIEmbedder(OpenAIEmbedderConfig(type="openai", model="m"), folder=Path())


def test_the_identity_holds_model_url_and_parameters_but_not_how_vectors_are_written():
    def identity(**settings):
        config = {"type": "openai", "model": "m", "base_url": "http://h/v1", **settings}
        return OpenAIEmbedder(OpenAIEmbedderConfig.model_validate(config), folder=Path()).identity

    plain = identity()
    assert identity(encoding_format="float", batch_size=3, timeout_s=9) == plain
    for change in (
        {"model": "n"},
        {"base_url": "http://g/v1"},
        {"dimensions": 5},
        {"query_prefix": "q"},
        {"extra_body": {"a": 1}},
    ):
        assert identity(**change) != plain
    assert "secret" not in str(identity(base_url="http://me:secret@h/v1"))
