"""A Gemini model, of the Developer API or of Vertex AI; base models and tuned endpoints, plain and streamed.

google-genai configures it (keys, projects, endpoints, how settings are worded) and writes the request once; see
``gemini_request``. Calls go out and come back as those of an OpenAI-compatible endpoint do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from evalkit.errors import CallError, InputError
from evalkit.models.gemini_faults import fault_of
from evalkit.models.gemini_payload import StreamedAnswer, read_answer
from evalkit.models.gemini_request import VertexPlace, parameters, take_template, vertex_place
from evalkit.models.google_auth import GoogleAccess
from evalkit.models.hosted_answer import OnHeaders, ResponseParser, ask_streamed, ask_whole
from evalkit.models.http_transport import Reply, Transport
from evalkit.models.own_failure import own_failure
from evalkit.records.sample import Completion, Request
from evalkit.secrets import Secrets
from evalkit.suite.addresses import public_url
from evalkit.suite.models import GeminiModelConfig


class GeminiModel:
    """Answers through ``generateContent``.

    Args:
        config: Its section of the suite. The key or Google's credentials come from the environment.
        folder: Unused; every model takes it.

    Raises:
        InputError: No key, no credentials or no project; or the SDK refuses the settings.
        MissingExtraError: google-genai is not installed.
    """

    def __init__(self, config: GeminiModelConfig, *, folder: Path) -> None:
        del folder
        self._config = config
        key = _key(config)
        self._secrets = Secrets([key])
        self._secrets.add_address(config.base_url or "")
        self._access: GoogleAccess | None = None
        place: VertexPlace | None = None
        if config.vertex is not None:
            if key is None:
                self._access = GoogleAccess(self._secrets)
            place = vertex_place(config, self._access.project if self._access else None)
        if config.base_url is not None:
            public_url(config.base_url)
        self._template = take_template(config, key=key, place=place)
        self._transport = Transport(
            self._template.url,
            self._template.headers,
            total_s=config.timeout_s,
            idle_s=config.idle_timeout_s,
            secrets=self._secrets,
        )
        self._parser = ResponseParser(read_answer, StreamedAnswer, own_failure, self._fault)
        self.hear_headers: OnHeaders | None = None

    @property
    def identity(self) -> Mapping[str, object]:
        """Where it is asked and every parameter that is sent."""
        config = self._config
        return {
            "type": "gemini",
            "base_url": public_url(self._template.url),
            "model": config.model,
            **parameters(config),
            "send_seed": config.seed,
            "extra_body": config.extra_body or None,
        }

    @property
    def answers_by_case(self) -> bool:
        """No: by prompt."""
        return False

    async def complete(self, request: Request) -> Completion:
        """One completion; see ``Model.complete`` for the errors."""
        headers = None if self._access is None else await self._access.headers()
        body = self._template.body(request)
        ask = ask_streamed if self._config.stream else ask_whole
        return await ask(
            self._transport,
            body,
            self._parser,
            self._secrets,
            headers=headers,
            on_headers=self.hear_headers,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _fault(self, reply: Reply) -> CallError:
        variables = self._config.key_variables
        return fault_of(reply, access=" or ".join(variables) or "the access of Google's credentials")


def _key(config: GeminiModelConfig) -> str | None:
    """The key from the environment; None where Google's credentials let in.

    Raises:
        InputError: A key is needed and none is set.
    """
    if not config.key_variables:
        return None
    key = next((value for name in config.key_variables if (value := os.environ.get(name))), None)
    if key is None:
        named = " or ".join(config.key_variables)
        raise InputError(f"{named} is not set: export it, or name a file that sets it with --env-file")
    return key.strip()
