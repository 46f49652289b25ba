"""The HTTP request that google-genai would send, taken once and then filled in for each call.

As for OpenAI's SDK, the vendor's client builds one request and is stopped before it is sent; its URL, headers and
settings are what every call of this model sends. Nothing is sent by the SDK, so neither are its retries.
"""

from __future__ import annotations

import os
import re
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evalkit.errors import InputError
from evalkit.models.google_auth import EXTRA
from evalkit.optional import require, silence_telemetry
from evalkit.records.sample import Request
from evalkit.secrets import REDACTED
from evalkit.suite.models import GeminiModelConfig

_encode = msgspec.json.Encoder().encode
_ENDPOINT = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<endpoint>[^/]+)"
)
_PLACEHOLDER = "no-token"
# The transport writes its own, and a token that runs out is put in for each call.
_NOT_SENT = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "authorization"}
)
_ROLES = {"user": "user", "assistant": "model"}


@dataclass(frozen=True, slots=True)
class GeminiTemplate:
    """One model's request without its prompt.

    Attributes:
        url: Whole.
        headers: With the key in them, where a key lets in; never printed.
        settings: Of the body, apart from prompt and seed.
        send_seed: Whether the seed is sent.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, Any]
    send_seed: bool

    def body(self, request: Request) -> bytes:
        """The JSON body of one request. What the system says stands apart from the turns."""
        system = [{"text": message.content} for message in request.messages if message.role == "system"]
        turns = [
            {"parts": [{"text": message.content}], "role": _ROLES[message.role]}
            for message in request.messages
            if message.role != "system"
        ]
        body: dict[str, Any] = {"contents": turns, **self.settings}
        if system:
            body["systemInstruction"] = {"parts": system, "role": "user"}
        if self.send_seed:
            body["generationConfig"] = {**self.settings.get("generationConfig", {}), "seed": request.seed}
        return _encode(body)


@dataclass(frozen=True, slots=True)
class VertexPlace:
    """Where on Vertex AI a model is.

    Attributes:
        model: Its id, or an endpoint's whole name.
    """

    project: str
    location: str
    model: str


def vertex_place(config: GeminiModelConfig, credentials_project: str | None) -> VertexPlace:
    """Project, location and model: from the endpoint's name, the suite, the environment, the credentials.

    Raises:
        InputError: Nothing names a project.
    """
    vertex = config.vertex
    named = _ENDPOINT.fullmatch(config.model)
    project = (vertex.project if vertex else None) or (
        named["project"] if named else os.environ.get("GOOGLE_CLOUD_PROJECT") or credentials_project
    )
    location = (vertex.location if vertex else None) or (
        named["location"] if named else os.environ.get("GOOGLE_CLOUD_LOCATION") or "global"
    )
    if not project:
        raise InputError(
            f"{config.model!r} is on Vertex AI and no project is named: write `vertex: {{project: ...}}`, or set "
            "GOOGLE_CLOUD_PROJECT"
        )
    model = config.model
    if model.startswith("endpoints/"):
        model = f"projects/{project}/locations/{location}/{model}"
    return VertexPlace(project, location, model)


def parameters(config: GeminiModelConfig) -> dict[str, Any]:
    """Every parameter that is sent apart from prompt and seed, by the SDK's names."""
    thinking = {"thinking_budget": config.thinking_budget, "thinking_level": config.thinking_level}
    thinking = {name: value for name, value in thinking.items() if value is not None}
    given = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": config.top_k,
        "max_output_tokens": config.max_tokens,
        "stop_sequences": config.stop,
        "thinking_config": thinking or None,
        "response_mime_type": config.response_mime_type,
        "response_schema": config.response_schema,
        "response_json_schema": config.response_json_schema,
    }
    return {name: value for name, value in given.items() if value is not None}


def take_template(config: GeminiModelConfig, *, key: str | None, place: VertexPlace | None) -> GeminiTemplate:
    """Let the SDK build one request, and keep all of it but prompt and access token.

    Args:
        config: Of the model.
        key: The API key, where one lets in.
        place: Where on Vertex AI; None for the Developer API.

    Raises:
        InputError: The SDK refuses the settings.
    """
    silence_telemetry()
    genai: Any = require("google.genai", EXTRA)
    import httpx2
    from google.genai import types
    from google.oauth2.credentials import Credentials

    taken: list[httpx2.Request] = []
    unread = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading certificates takes 65 ms, and nothing is sent

    class NotSending(httpx2.Client):
        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            taken.append(request)
            raise _Stopped

    try:
        with NotSending(verify=unread, trust_env=False) as never, warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # so the SDK tells of values that it does not know
            client = genai.Client(
                vertexai=place is not None,
                api_key=key,
                project=place.project if place else None,
                location=place.location if place else None,
                credentials=Credentials(token=_PLACEHOLDER) if place and key is None else None,
                http_options=types.HttpOptions(
                    base_url=config.base_url,
                    timeout=round(config.timeout_s * 1000),
                    extra_body=config.extra_body or None,
                    httpx_client=never,
                    client_args={"verify": unread},
                    async_client_args={"verify": unread, "ssl": unread},
                ),
            )
            ask = client.models.generate_content_stream if config.stream else client.models.generate_content
            settings = types.GenerateContentConfig(**parameters(config))
            answer = ask(model=place.model if place else config.model, contents="x", config=settings)
            if config.stream:
                next(answer)
    except _Stopped:
        pass
    except (ValueError, TypeError, UserWarning) as error:  # pydantic's errors among them
        words = str(error).replace(key, REDACTED) if key else str(error)
        raise InputError(f"the SDK cannot build the request for {config.model!r}: {words}") from None
    (built,) = taken
    body = msgspec.json.decode(built.content)
    return GeminiTemplate(
        url=str(built.url),
        headers={name: value for name, value in built.headers.items() if name.lower() not in _NOT_SENT},
        settings={name: value for name, value in body.items() if name != "contents"},
        send_seed=config.seed,
    )


class _Stopped(Exception):  # noqa: N818 - no error: the request was not to be sent
    pass
