"""What is sent is what the official SDK sends: held against the SDK itself, over the same server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from pydantic import ValidationError

from evalkit.errors import InputError
from evalkit.models.openai import OpenAIModel
from evalkit.models.openai_request import plain_text
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import OpenAIModelConfig

MESSAGES = (
    Message(role="system", content='Say "ja".\n'),
    Message(role="user", content="Grüße, 世界?"),
)
REQUEST = Request(messages=MESSAGES, seed=7)
TURNS = [{"role": message.role, "content": message.content} for message in MESSAGES]
# What the transport says of itself: httpx's and aiohttp's differ.
TRANSPORT = {"accept-encoding", "content-length", "connection", "host"}


def ask(**settings):
    async def call():
        model = OpenAIModel(OpenAIModelConfig(type="openai", model="m", **settings), folder=Path())
        try:
            return await model.complete(REQUEST)
        finally:
            await model.close()

    return asyncio.run(call())


def both(server, client, settings, arguments, *, text=False):
    """The same call by evalkit and by the SDK; gives the target lines, headers and bodies of both."""
    ask(**settings)

    async def by_sdk():
        async with client:
            if text:
                await client.completions.create(prompt=plain_text(MESSAGES), **arguments)
            else:
                await client.chat.completions.create(messages=TURNS, **arguments)

    asyncio.run(by_sdk())
    headers = [
        {name: value for name, value in each.items() if name not in TRANSPORT} for each in server.headers
    ]
    return server.targets, headers, server.requests


def test_headers_body_and_url_are_the_sdks(chat_server, monkeypatch):
    """Key, organisation, custom headers and every parameter, extra_body merged in."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: evals")
    given = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 5,
        "stop": ["\n"],
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "extra_body": {"top_k": 3, "nested": {"a": [1]}},
    }
    client = openai.AsyncOpenAI(base_url=chat_server.url, max_retries=0, timeout=120.0)
    targets, headers, bodies = both(
        chat_server,
        client,
        {"base_url": chat_server.url, **given},
        {"model": "m", "seed": 7, **given},
    )
    assert targets[0] == targets[1]
    assert headers[0] == headers[1]
    assert headers[0]["openai-organization"] == "org-1"
    assert bodies[0] == bodies[1]


def test_a_stream_is_asked_for_as_the_sdk_asks(chat_server, replies):
    """With its usage in the last event."""
    chat_server.answer = lambda request: replies.streamed("ja")
    client = openai.AsyncOpenAI(base_url=chat_server.url, api_key="none-needed", max_retries=0, timeout=120.0)
    arguments = {"model": "m", "seed": 7, "temperature": 0.0, "max_tokens": 256, "stream": True}
    arguments["stream_options"] = {"include_usage": True}
    targets, headers, bodies = both(
        chat_server, client, {"base_url": chat_server.url, "stream": True}, arguments
    )
    assert targets[0] == targets[1]
    assert headers[0] == headers[1]
    assert bodies[0] == bodies[1]


def test_building_a_request_does_not_import_the_types_of_the_whole_api():
    """They take as long as five round trips and 15 MB; only a fresh process can tell."""
    code = (
        "import asyncio, sys\n"
        "from evalkit.models.openai_request import take_template\n"
        "from evalkit.suite.models import OpenAIModelConfig\n"
        "config = OpenAIModelConfig(type='openai', model='m', base_url='http://x/v1')\n"
        "asyncio.run(take_template(config))\n"
        "print('openai.resources.chat' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_azure_is_a_configuration(chat_server, monkeypatch):
    """Its path, api-version and api-key header are those of the SDK's Azure client."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    endpoint = chat_server.url.removesuffix("/v1")
    azure = {"endpoint": endpoint, "api_version": "2024-10-21", "deployment": "my-tune"}
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=endpoint,
        api_version="2024-10-21",
        azure_deployment="my-tune",
        max_retries=0,
        timeout=120.0,
    )
    arguments = {"model": "m", "seed": 7, "temperature": 0.0, "max_tokens": 256}
    targets, headers, bodies = both(chat_server, client, {"azure": azure}, arguments)
    assert targets[0] == targets[1]
    assert "/openai/deployments/my-tune/chat/completions?api-version=2024-10-21" in targets[0]
    assert headers[0] == headers[1]
    assert headers[0]["api-key"] == "azure-key"
    assert bodies[0] == bodies[1]


def test_an_azure_deployment_is_called_like_the_model_where_none_is_named(chat_server, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    ask(azure={"endpoint": chat_server.url.removesuffix("/v1"), "api_version": "v"})
    assert "/openai/deployments/m/chat/completions?api-version=v" in chat_server.targets[0]


def test_text_completions_continue_the_prompt(chat_server, replies):
    """A base model is given what a local base model is given."""
    chat_server.answer = lambda request: replies.reply(
        {"choices": [{"text": " ja", "finish_reason": "stop"}], "usage": None}
    )
    client = openai.AsyncOpenAI(base_url=chat_server.url, api_key="none-needed", max_retries=0, timeout=120.0)
    arguments = {"model": "m", "seed": 7, "temperature": 0.0, "max_tokens": 256}
    settings = {"base_url": chat_server.url, "endpoint": "completions"}
    targets, headers, bodies = both(chat_server, client, settings, arguments, text=True)
    assert targets[0] == targets[1]
    assert headers[0] == headers[1]
    assert bodies[0] == bodies[1]
    assert bodies[0]["prompt"] == 'Say "ja".\n\nGrüße, 世界?\nAnswer:'
    assert ask(**settings).output == " ja"


def test_local_and_hosted_base_models_are_given_one_text():
    engine = pytest.importorskip("evalkit.models.engine.chat", reason="needs the extra 'local'")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)  # as transformers does
    template = environment.from_string(engine.PLAIN_TEMPLATE)
    messages = [*MESSAGES, Message(role="assistant", content="ja"), Message(role="user", content="nein?")]
    assert template.render(messages=messages, bos_token="") == plain_text(messages)


def test_max_completion_tokens_replaces_max_tokens(chat_server):
    ask(base_url=chat_server.url, max_completion_tokens=900, temperature=None, seed=False)
    assert chat_server.requests[0] == {
        "messages": TURNS,
        "model": "m",
        "max_completion_tokens": 900,
    }


def test_a_name_and_password_in_the_url_are_basic_authentication(chat_server):
    """They are no part of the identity, so that neither the cache nor a manifest holds them."""
    url = chat_server.url.replace("http://", "http://me:pass@")
    ask(base_url=url)
    assert chat_server.headers[0]["authorization"].startswith("basic ")
    model = OpenAIModel(OpenAIModelConfig(type="openai", model="m", base_url=url), folder=Path())
    assert "pass" not in str(model.identity)


def test_what_cannot_be_asked_is_told_before_any_call(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(ValidationError, match="not both"):
        OpenAIModelConfig(
            type="openai",
            model="m",
            base_url="http://x",
            azure={"endpoint": "https://x.openai.azure.com", "api_version": "1"},
        )
    with pytest.raises(ValidationError, match="chat endpoint"):
        OpenAIModelConfig(type="openai", model="m", endpoint="completions", reasoning_effort="low")
    azure = {"endpoint": "https://x.openai.azure.com", "api_version": "1"}
    with pytest.raises(InputError, match="AZURE_OPENAI_API_KEY is not set"):
        OpenAIModel(OpenAIModelConfig(type="openai", model="m", azure=azure), folder=Path())
    with pytest.raises(InputError, match="no address of a server"):
        OpenAIModel(OpenAIModelConfig(type="openai", model="m", base_url="no url"), folder=Path())
