"""An OpenAI-compatible ``/embeddings`` endpoint: OpenAI, Azure, vLLM, Ollama, TEI, llama.cpp, ... by ``base_url``.

Asked like the chat models: the SDK configures and writes one request, calls go out by the same transport, and faults
mean the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.embeddings.openai_payload import read_embeddings
from evalkit.embeddings.protocol import Embedded, Purpose
from evalkit.errors import CallError, InputError
from evalkit.models.http_transport import Transport
from evalkit.models.openai_faults import fault_of_status
from evalkit.models.openai_request import (
    BuiltRequest,
    api_key,
    base_url,
    build_client,
    take_request,
)
from evalkit.secrets import Secrets
from evalkit.suite.addresses import public_url
from evalkit.suite.models import OpenAIModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig

_encode = msgspec.json.Encoder().encode


class OpenAIEmbedder:
    """Embeds through an endpoint that speaks like OpenAI's.

    Args:
        config: Its section of the suite. The key is read from the environment; servers that need none are
            given a placeholder.
        folder: Unused; every embedder takes it.

    Raises:
        InputError: The endpoint cannot be used: no key for OpenAI or Azure, or something that the SDK refuses.
    """

    worth_keeping = True

    def __init__(self, config: OpenAIEmbedderConfig, *, folder: Path) -> None:
        del folder
        self._config = config
        self._endpoint = OpenAIModelConfig(
            type="openai",
            model=config.model,
            base_url=config.base_url,
            azure=config.azure,
            api_key_env=config.api_key_env,
            timeout_s=config.timeout_s,
        )
        self._url = public_url(base_url(self._endpoint))
        key = api_key(self._endpoint)
        if key is None and (config.azure or self._url.startswith("https://api.openai.com")):
            raise InputError(
                f"{self._endpoint.key_variable} is not set: export it, or name a file that sets it with --env-file"
            )
        build_client(self._endpoint)
        self._secrets = Secrets([key])
        self._secrets.add_address(base_url(self._endpoint))
        self._ready: tuple[BuiltRequest, Transport] | None = None
        self._getting_ready = asyncio.Lock()
        self.hear_headers: Callable[[Mapping[str, str]], None] | None = None

    @property
    def identity(self) -> Mapping[str, object]:
        """Where it is asked and every parameter that is sent. The encoding of the vectors changes no bit of them."""
        config = self._config
        given = {
            "dimensions": config.dimensions,
            "extra_body": config.extra_body or None,
            "query_prefix": config.query_prefix or None,
            "passage_prefix": config.passage_prefix or None,
            "azure": None if config.azure is None else config.azure.model_dump(),
        }
        return {
            "type": "openai",
            "base_url": self._url,
            "model": config.model,
            **{name: value for name, value in given.items() if value is not None},
        }

    @property
    def max_batch(self) -> int:
        """Most texts of one request."""
        return self._config.batch_size

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Embedded:
        """One vector for each text; see ``Embedder.embed`` for the errors."""
        request, transport = self._ready or await self._get_ready()
        config = self._config
        prefix = config.query_prefix if purpose == "query" else config.passage_prefix
        reply = await transport.send(_encode({**request.body, "input": [prefix + text for text in texts]}))
        if self.hear_headers is not None:
            self.hear_headers(reply.headers)
        try:
            if reply.status >= 300:
                raise fault_of_status(
                    reply.status, reply.headers, reply.body, key_variable=self._endpoint.key_variable
                )
            vectors, tokens = read_embeddings(reply.body, len(texts))
        except CallError as error:
            self._secrets.hide_in(error)
            raise
        return Embedded(vectors, tokens, reply.service_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._ready is not None:
            await self._ready[1].close()

    async def _get_ready(self) -> tuple[BuiltRequest, Transport]:
        async with self._getting_ready:
            if self._ready is None:
                request = await take_request(
                    self._endpoint,
                    lambda client: client.embeddings.create(input=[], **self._parameters()),
                )
                transport = Transport(
                    request.url,
                    request.headers,
                    total_s=self._config.timeout_s,
                    idle_s=None,
                    secrets=self._secrets,
                )
                self._ready = request, transport
            return self._ready

    def _parameters(self) -> dict[str, Any]:
        config = self._config
        given = {
            "model": config.model,
            "encoding_format": config.encoding_format,
            "dimensions": config.dimensions,
            "extra_body": config.extra_body or None,
        }
        return {name: value for name, value in given.items() if value is not None}
