"""What is sent is what google-genai sends: held against the SDK itself, over the same server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from evalkit.errors import InputError
from evalkit.models.gemini import GeminiModel
from evalkit.models.gemini_request import parameters
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import GeminiModelConfig

genai = pytest.importorskip("google.genai", reason="needs the extra 'gemini'")
# The SDK's own client warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
types = genai.types

MESSAGES = (
    Message(role="system", content='Say "ja".\n'),
    Message(role="user", content="Grüße, 世界?"),
    Message(role="assistant", content="ja"),
    Message(role="user", content="nein?"),
)
REQUEST = Request(messages=MESSAGES, seed=7)
# What the transport says of itself: httpx's and aiohttp's differ.
TRANSPORT = {"accept-encoding", "content-length", "connection", "host", "accept"}
ENDPOINT = "projects/12/locations/europe-west4/endpoints/34"


def model(**settings):
    return GeminiModel(GeminiModelConfig(type="gemini", **{"model": "gemini-x", **settings}), folder=Path())


def ask(**settings):
    async def call():
        asked = model(**settings)
        try:
            return await asked.complete(REQUEST)
        finally:
            await asked.close()

    return asyncio.run(call())


def contents():
    roles = {"user": "user", "assistant": "model"}
    return [
        types.Content(role=roles[message.role], parts=[types.Part(text=message.content)])
        for message in MESSAGES
        if message.role != "system"
    ]


def ask_by_sdk(name, settings, **client):
    """The same call by the SDK's own client; gives its answer, or the pieces of its stream."""
    stream = settings.pop("stream", False)

    async def call():
        async with genai.Client(**client).aio as sdk:
            config = types.GenerateContentConfig(
                system_instruction=MESSAGES[0].content, seed=REQUEST.seed, **settings
            )
            if not stream:
                return await sdk.models.generate_content(model=name, contents=contents(), config=config)
            pieces = await sdk.models.generate_content_stream(model=name, contents=contents(), config=config)
            return [piece async for piece in pieces]

    return asyncio.run(call())


def sent(server):
    headers = [
        {name: value for name, value in each.items() if name not in TRANSPORT} for each in server.headers
    ]
    return server.targets, headers, server.requests


def options(server, **more):
    return types.HttpOptions(base_url=server.root, timeout=120_000, **more)


@pytest.mark.parametrize("stream", [False, True])
def test_url_headers_and_body_are_the_sdks(gemini_server, monkeypatch, stream):
    """Key, system instruction, stop, lengths, sampling, seed, thinking, structured output, extra_body merged in."""
    monkeypatch.setenv("GEMINI_API_KEY", "key-1")
    given = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "response_mime_type": "application/json",
        "response_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    extra = {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}
    ask(
        base_url=gemini_server.root,
        stream=stream,
        max_tokens=50,
        stop=["\n"],
        thinking_budget=128,
        extra_body=extra,
        **given,
    )
    settings = {
        "max_output_tokens": 50,
        "stop_sequences": ["\n"],
        "thinking_config": {"thinking_budget": 128},
        "stream": stream,
        **given,
    }
    answer = ask_by_sdk("gemini-x", settings, http_options=options(gemini_server, extra_body=extra))
    targets, headers, bodies = sent(gemini_server)
    assert targets[0] == targets[1]
    assert headers[0] == headers[1]
    assert headers[0]["x-goog-api-key"] == "key-1"
    assert bodies[0] == bodies[1]
    assert bodies[0]["generationConfig"]["seed"] == 7
    assert bodies[0]["safetySettings"] == extra["safetySettings"]
    assert answer


@pytest.mark.parametrize(
    ("model_name", "path"),
    [
        ("gemini-x", "projects/12/locations/europe-west4/publishers/google/models/gemini-x"),
        (ENDPOINT, ENDPOINT),
        ("endpoints/34", ENDPOINT),
    ],
    ids=["base", "tuned-by-whole-name", "tuned-by-number"],
)
def test_vertex_base_models_and_tuned_endpoints_are_asked_where_the_sdk_asks(
    gemini_server, google_login, model_name, path
):
    vertex = {"project": "12", "location": "europe-west4"}
    done = ask(base_url=gemini_server.root, model=model_name, vertex=vertex, stop=["\n"])
    assert done.output == "yes"
    settings = {"temperature": 0.0, "max_output_tokens": 2048, "stop_sequences": ["\n"]}
    name = path if path == ENDPOINT else "gemini-x"
    ask_by_sdk(name, settings, vertexai=True, http_options=options(gemini_server), **vertex)
    targets, headers, bodies = sent(gemini_server)
    assert targets[0] == targets[1] == f"POST /v1beta1/{path}:generateContent HTTP/1.1"
    tokens = [each.pop("authorization") for each in headers]
    assert tokens == ["bearer token-1", "bearer token-2"]  # one for each; the server notes them in lower case
    assert headers[0] == headers[1]
    assert bodies[0] == bodies[1]


def test_project_and_location_may_stand_in_the_endpoints_name(gemini_server, google_login):
    ask(base_url=gemini_server.root, model=ENDPOINT, vertex={})
    assert gemini_server.targets[0] == f"POST /v1beta1/{ENDPOINT}:generateContent HTTP/1.1"


def test_a_token_serves_all_requests_until_it_runs_out(gemini_server, google_login):
    """Ten at once fetch it once; one that is about to run out is fetched again before the next request."""

    async def ten_and_one():
        asked = model(base_url=gemini_server.root, model=ENDPOINT, vertex={})
        try:
            await asyncio.gather(*(asked.complete(REQUEST) for _ in range(10)))
            assert google_login.asked == 1
            asked._access._credentials.expiry = None
            asked._access._credentials.token = None
            await asked.complete(REQUEST)
        finally:
            await asked.close()

    asyncio.run(ten_and_one())
    assert google_login.asked == 2
    assert {each["authorization"] for each in gemini_server.headers[:10]} == {"bearer token-1"}
    assert gemini_server.headers[10]["authorization"] == "bearer token-2"


def test_vertex_with_a_named_key_needs_no_login(gemini_server, monkeypatch):
    monkeypatch.setenv("VERTEX_KEY", "express")
    vertex = {"project": "12", "location": "europe-west4"}
    ask(base_url=gemini_server.root, api_key_env="VERTEX_KEY", vertex=vertex)
    assert gemini_server.headers[0]["x-goog-api-key"] == "express"
    assert "authorization" not in gemini_server.headers[0]


def test_thinking_levels_and_json_schemas(gemini_server, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    ask(
        base_url=gemini_server.root,
        thinking_level="low",
        response_mime_type="application/json",
        response_json_schema=schema,
        seed=False,
        temperature=None,
        max_tokens=None,
    )
    assert gemini_server.requests[0]["generationConfig"] == {
        "thinkingConfig": {"thinking_level": "LOW"},
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }


def test_the_key_is_in_neither_identity_nor_what_is_shown(gemini_server, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "the-secret")
    asked = model(base_url=gemini_server.root.replace("http://", "http://me:pass@"))
    shown = repr(asked._template) + json.dumps(dict(asked.identity))
    assert "the-secret" not in shown
    assert "pass" not in json.dumps(dict(asked.identity))


def test_identity_names_everything_that_decides_an_answer(gemini_server, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "k")

    def identity(**settings):
        return dict(model(base_url=gemini_server.root, **settings).identity)

    assert identity() == identity()
    changes = (
        {"temperature": 0.5},
        {"max_tokens": 5},
        {"stop": ["x"]},
        {"thinking_budget": 0},
        {"response_mime_type": "application/json"},
        {"extra_body": {"a": 1}},
        {"seed": False},
        {"model": "gemini-y"},
    )
    assert all(identity(**change) != identity() for change in changes)


def test_every_parameter_of_the_suite_is_sent_under_the_sdks_name():
    config = GeminiModelConfig(type="gemini", model="m", top_k=3, stop=["x"], thinking_budget=0)
    assert parameters(config) == {
        "temperature": 0.0,
        "top_k": 3,
        "max_output_tokens": 2048,
        "stop_sequences": ["x"],
        "thinking_config": {"thinking_budget": 0},
    }


def test_what_cannot_be_asked_is_told_before_any_call(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="GOOGLE_API_KEY or GEMINI_API_KEY is not set"):
        model()
    with pytest.raises(ValidationError, match="not both"):
        model(thinking_budget=0, thinking_level="low")
    with pytest.raises(ValidationError, match="needs `vertex"):
        model(model="endpoints/1")
    monkeypatch.setenv("GEMINI_API_KEY", "the-secret")
    with pytest.raises(InputError, match="cannot build the request for 'gemini-x'") as raised:
        model(response_schema={"type": "no such type", "odd": 1})
    assert "the-secret" not in str(raised.value)
    with pytest.raises(InputError, match="endless is not a valid ThinkingLevel"):
        model(thinking_level="endless")
    with pytest.raises(InputError, match="no address of a server"):
        model(base_url="no url")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(InputError, match="Vertex AI needs Google's credentials"):
        model(vertex={"project": "p"})
