"""The HTTP request that the official SDK would send, taken once and then filled in for each call.

The SDK builds one request as for a real call and is stopped before it is sent: its URL, headers and body are what
every call of this model sends, so keys, organisation headers, Azure's paths and the SDK's own defaults stay right
without its cost per call.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from evalkit.errors import InputError
from evalkit.optional import silence_telemetry
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import OpenAIModelConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_encode = msgspec.json.Encoder().encode
_PATHS: dict[str, tuple[str, str, list[object] | str]] = {
    "chat": ("/chat/completions", "messages", []),
    "completions": ("/completions", "prompt", ""),
}
# The transport writes its own: httpx's encodings are not those that aiohttp can undo.
_NOT_SENT = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One model's request without its prompt.

    Attributes:
        url: Whole, with Azure's query.
        headers: With the key in them; never printed.
        settings: The body's JSON object from its second key on, without prompt and seed: ``,"model":"m"...``.
        prompt_key: ``messages`` or, for text completions, ``prompt``.
        send_seed: Whether the seed is sent.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    settings: bytes
    prompt_key: bytes
    send_seed: bool

    def body(self, request: Request) -> bytes:
        """The JSON body of one request."""
        prompt = _encode(request.messages if self.prompt_key == b"messages" else plain_text(request.messages))
        seed = b',"seed":%d' % request.seed if self.send_seed else b""
        return b'{"%b":%b%b%b}' % (self.prompt_key, prompt, self.settings, seed)


def plain_text(messages: Sequence[Message]) -> str:
    r"""A conversation as text for a base model to continue: answers follow a cue.

    Local models without a chat template are given the same text.

    >>> plain_text([Message(role="user", content="Red or blue?")])
    'Red or blue?\nAnswer:'
    """
    written = {"system": "{}\n", "user": "{}\nAnswer:", "assistant": " {}\n"}
    return "".join(written[message.role].format(message.content) for message in messages)


def api_key(config: OpenAIModelConfig) -> str | None:
    """The key from the environment, or None."""
    return os.environ.get(config.key_variable) or None


def base_url(config: OpenAIModelConfig) -> str:
    """Where the model is asked, before the SDK adds its paths."""
    if config.azure is not None:
        return config.azure.endpoint
    return config.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"


def parameters(config: OpenAIModelConfig) -> dict[str, Any]:
    """Every parameter that is sent apart from prompt and seed, by the SDK's names."""
    given = {
        "model": config.model,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "max_tokens": None if config.max_completion_tokens else config.max_tokens,
        "max_completion_tokens": config.max_completion_tokens,
        "reasoning_effort": config.reasoning_effort,
        "response_format": config.response_format,
        "stop": config.stop,
        "extra_body": config.extra_body or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def build_client(config: OpenAIModelConfig) -> AsyncOpenAI:
    """The SDK's client for this endpoint, over a transport that stops every request before it is sent.

    Raises:
        InputError: The SDK refuses the configuration.
    """
    silence_telemetry()
    import openai

    class NotSending(openai.DefaultAsyncHttpxClient):
        async def send(self, request: Any, **options: Any) -> Any:
            raise _Stopped

    options: dict[str, Any] = {
        "api_key": api_key(config) or "none-needed",  # servers on this machine need none
        "max_retries": 0,
        "timeout": config.timeout_s,
        "http_client": NotSending(verify=False, trust_env=False),
    }
    try:
        if (azure := config.azure) is not None:
            return openai.AsyncAzureOpenAI(
                azure_endpoint=azure.endpoint,
                api_version=azure.api_version,
                azure_deployment=azure.deployment,
                **options,
            )
        return openai.AsyncOpenAI(base_url=base_url(config), **options)
    except (openai.OpenAIError, ValueError) as error:  # ValueError: httpx on a base_url that is none
        raise InputError(f"the endpoint of {config.model!r} cannot be used: {error}") from error


async def take_template(config: OpenAIModelConfig) -> RequestTemplate:
    """Let the SDK build one request, and keep all of it but the prompt.

    Raises:
        InputError: The SDK cannot build it.
    """
    arguments = parameters(config)
    extra = arguments.pop("extra_body", {})
    if config.stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    path, prompt_key, nothing = _PATHS[config.endpoint]
    body = {prompt_key: nothing, **arguments}
    # As ``client.chat.completions.create`` does, without importing the types of every part of the API.
    built = await take_request(
        config, lambda client: client.post(path, cast_to=object, body=body, options={"extra_json": extra})
    )
    settings = {name: value for name, value in built.body.items() if name not in (prompt_key, "seed")}
    return RequestTemplate(
        url=built.url,
        headers=built.headers,
        settings=b"," + _encode(settings)[1:-1],
        prompt_key=prompt_key.encode(),
        send_seed=config.seed,
    )


@dataclass(frozen=True, slots=True)
class BuiltRequest:
    """One request as the SDK would send it.

    Attributes:
        headers: With the key in them; never printed. Those that the transport writes itself are left out.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any]


async def take_request(
    config: OpenAIModelConfig, ask: Callable[[AsyncOpenAI], Awaitable[object]]
) -> BuiltRequest:
    """What the SDK would send for a call; it is stopped before it does.

    Args:
        config: The endpoint.
        ask: Makes the call on the client it is given.

    Raises:
        InputError: The SDK cannot build it.
    """
    import openai

    client = build_client(config)
    try:
        await ask(client)
        raise AssertionError("the request was sent")
    except openai.APIConnectionError as error:
        if not isinstance(error.__cause__, _Stopped):
            raise InputError(f"the request for {config.model!r} cannot be built: {error}") from error
        built = error.request
    except (openai.OpenAIError, TypeError, ValueError) as error:
        raise InputError(f"the SDK cannot build the request for {config.model!r}: {error}") from error
    finally:
        await client.close()
    return BuiltRequest(
        url=str(built.url),
        headers={name: value for name, value in built.headers.items() if name.lower() not in _NOT_SENT},
        body=msgspec.json.decode(built.content),
    )


class _Stopped(Exception):  # noqa: N818 - no error: the request was not to be sent
    pass
