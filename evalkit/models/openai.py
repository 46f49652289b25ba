"""An OpenAI-compatible endpoint: OpenAI, Azure, and every server that speaks like them; plain or streamed.

The official SDK configures it (keys, organisation, Azure's paths) and writes the request once; see
``openai_request``. Calls then go out by aiohttp and come back through msgspec, at a fifth of the SDK's CPU time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from evalkit.errors import CallError, InputError
from evalkit.models.hosted_answer import OnHeaders, ResponseParser, ask_streamed, ask_whole
from evalkit.models.http_transport import Reply, Transport
from evalkit.models.openai_faults import fault_of_status
from evalkit.models.openai_model_list import announces, models_url, read_announced
from evalkit.models.openai_payload import StreamedAnswer, read_answer
from evalkit.models.openai_request import (
    RequestTemplate,
    api_key,
    base_url,
    build_client,
    parameters,
    take_template,
)
from evalkit.models.own_failure import own_failure
from evalkit.records.run_observations import AnnouncedDay
from evalkit.records.sample import Completion, Request
from evalkit.secrets import Secrets
from evalkit.suite.addresses import public_url
from evalkit.suite.models import OpenAIModelConfig

_LIST_S = 15.0  # for the list of models, which no answer waits for


class OpenAIModel:
    """Answers through chat or text completions.

    Args:
        config: Its section of the suite. The key is read from the environment; servers that need none are
            given a placeholder.
        folder: Unused; every model takes it.

    Raises:
        InputError: The endpoint cannot be used: no key for OpenAI or Azure, or something that the SDK refuses.
    """

    def __init__(self, config: OpenAIModelConfig, *, folder: Path) -> None:
        del folder
        self._config = config
        self._url = public_url(base_url(config))
        key = api_key(config)
        if key is None and (config.azure or self._url.startswith("https://api.openai.com")):
            raise InputError(
                f"{config.key_variable} is not set: export it, or name a file that sets it with --env-file"
            )
        build_client(config)
        self._secrets = Secrets([key])
        self._secrets.add_address(base_url(config))
        self._parser = ResponseParser(read_answer, StreamedAnswer, own_failure, self._fault)
        self._ready: tuple[RequestTemplate, Transport] | None = None
        self._getting_ready = asyncio.Lock()
        self.hear_headers: OnHeaders | None = None

    @property
    def identity(self) -> Mapping[str, object]:
        """Where it is asked and every parameter that is sent."""
        config = self._config
        apart: dict[str, object] = {}
        if config.endpoint != "chat":
            apart["endpoint"] = config.endpoint
        if config.azure is not None:
            apart["azure"] = config.azure.model_dump()
        return {
            "type": "openai",
            "base_url": self._url,
            **parameters(config),
            "send_seed": config.seed,
            **apart,
        }

    @property
    def answers_by_case(self) -> bool:
        """No: by prompt."""
        return False

    async def complete(self, request: Request) -> Completion:
        """One completion; see ``Model.complete`` for the errors."""
        template, transport = self._ready or await self._get_ready()
        body = template.body(request)
        if self._config.stream:
            return await ask_streamed(
                transport, body, self._parser, self._secrets, on_headers=self.hear_headers
            )
        return await ask_whole(transport, body, self._parser, self._secrets, on_headers=self.hear_headers)

    @property
    def announces(self) -> bool:
        """Whether it is a provider whose list of models says until when they answer."""
        return announces(self._config)

    async def announced(self, name: str, today: date) -> tuple[AnnouncedDay, ...]:
        """What that list says of this model; see ``AnnouncingModel``."""
        _, transport = self._ready or await self._get_ready()
        reply = await transport.fetch(models_url(self._config), total_s=_LIST_S)
        try:
            if reply.status >= 300:
                raise self._fault(reply)
            return read_announced(reply.body, self._config, name=name, today=today)
        except CallError as error:
            self._secrets.hide_in(error)
            raise

    async def close(self) -> None:
        """Close the connections."""
        if self._ready is not None:
            await self._ready[1].close()

    async def _get_ready(self) -> tuple[RequestTemplate, Transport]:
        async with self._getting_ready:
            if self._ready is None:
                config = self._config
                template = await take_template(config)
                transport = Transport(
                    template.url,
                    template.headers,
                    total_s=config.timeout_s,
                    idle_s=config.idle_timeout_s,
                    secrets=self._secrets,
                )
                self._ready = template, transport
            return self._ready

    def _fault(self, reply: Reply) -> CallError:
        return fault_of_status(
            reply.status, reply.headers, reply.body, key_variable=self._config.key_variable
        )
