"""An OpenAI-compatible chat endpoint, through the official SDK: plain or streamed, any base URL."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import AccessError, CallError, InputError, RequestError, RetryableError
from evalkit.extras import silence_telemetry
from evalkit.records.sample import Completion, FinishReason, Request, Timing, Usage
from evalkit.suite.models import OpenAIModelConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_RETRY_STATUS = frozenset({408, 409, 425, 429})
_ACCESS_STATUS = frozenset({401, 403, 404})
_CONTEXT_CODES = ("context_length_exceeded", "maximum context length", "exceeds the context")


class OpenAIModel:
    """Answers through chat completions.

    The SDK's own retries are off: evalkit's are, so that waiting stays apart from service time.

    Args:
        config: Its section of the suite. The key is read from the environment variable ``api_key_env``;
            servers that need none are given a placeholder.
        folder: Unused; every model takes it.

    Raises:
        InputError: The provider is OpenAI itself and no key is set.
    """

    def __init__(self, config: OpenAIModelConfig, *, folder: Path) -> None:
        del folder
        silence_telemetry()
        import openai

        self._config = config
        self._base_url = config.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        key = os.environ.get(config.api_key_env)
        if not key and self._base_url.startswith("https://api.openai.com"):
            raise InputError(
                f"{config.api_key_env} is not set: export it, or name a file that sets it with --env-file"
            )
        self._sdk = openai
        self._client: AsyncOpenAI = openai.AsyncOpenAI(
            api_key=key or "none-needed", base_url=self._base_url, max_retries=0, timeout=config.timeout_s
        )

    @property
    def identity(self) -> Mapping[str, object]:
        """Base URL, model and every parameter that is sent."""
        return {
            "type": "openai",
            "base_url": self._base_url,
            **self._parameters(),
            "send_seed": self._config.seed,
        }

    @property
    def answers_by_case(self) -> bool:
        """No: by prompt."""
        return False

    async def complete(self, request: Request) -> Completion:
        """One chat completion; see ``Model.complete`` for the errors."""
        arguments: dict[str, Any] = {
            **self._parameters(),
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        }
        if self._config.seed:
            arguments["seed"] = request.seed
        try:
            return await (self._streamed(arguments) if self._config.stream else self._plain(arguments))
        except self._sdk.OpenAIError as error:
            if (completion := _over_context(error)) is not None:
                return completion
            raise _translate(error, self._sdk, self._config.api_key_env) from error
        except ValueError as error:  # the SDK lets a truncated JSON body through as the decoder's own error
            raise RetryableError(f"the answer is not readable: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _parameters(self) -> dict[str, Any]:
        config = self._config
        given = {
            "model": config.model,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_tokens,
            "stop": config.stop,
            "extra_body": config.extra_body or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    async def _plain(self, arguments: dict[str, Any]) -> Completion:
        start = time.perf_counter()
        reply = await self._client.chat.completions.create(**arguments)
        service_s = time.perf_counter() - start
        choices = getattr(reply, "choices", None)
        if not choices:
            raise RetryableError("the answer has no choices")
        choice = choices[0]
        if choice.message is None:
            raise RetryableError("the answer's first choice has no message")
        text = choice.message.content or getattr(choice.message, "refusal", None) or ""
        return Completion(
            output=text,
            finish_reason=_FINISH.get(choice.finish_reason or "", "unknown"),
            usage=_usage(reply.usage),
            timing=Timing(service_s=service_s),
        )

    async def _streamed(self, arguments: dict[str, Any]) -> Completion:
        start = time.perf_counter()
        first: float | None = None
        parts: list[str] = []
        finish: str | None = None
        usage: CompletionUsage | None = None
        stream = await self._client.chat.completions.create(
            **arguments, stream=True, stream_options={"include_usage": True}
        )
        async with stream:
            async for chunk in stream:
                usage = chunk.usage or usage
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                piece = choice.delta.content or getattr(choice.delta, "refusal", None)
                if piece:
                    first = first if first is not None else time.perf_counter() - start
                    parts.append(piece)
                finish = choice.finish_reason or finish
        if finish is None:
            raise RetryableError("the stream ended before the answer was finished")
        return Completion(
            output="".join(parts),
            finish_reason=_FINISH.get(finish, "unknown"),
            usage=_usage(usage),
            timing=Timing(service_s=time.perf_counter() - start, ttft_s=first),
        )


def _usage(usage: CompletionUsage | None) -> Usage | None:
    """OpenAI counts cached tokens inside prompt tokens; ours are apart."""
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    cached = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
    reasoning = (usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens) or 0
    return Usage(
        input=max(0, usage.prompt_tokens - cached),
        cache_read=cached,
        output=usage.completion_tokens,
        reasoning=reasoning,
    )


def _over_context(error: Exception) -> Completion | None:
    """A prompt over the context limit is the arm's failure: an empty answer, not an error."""
    text = str(error).lower()
    if getattr(error, "status_code", None) == 400 and any(code in text for code in _CONTEXT_CODES):
        return Completion(output="", finish_reason="context_limit")
    return None


def _translate(error: Exception, sdk: Any, key_variable: str) -> CallError:
    """The SDK's error as ours, and whether it is worth another attempt."""
    if isinstance(error, sdk.APITimeoutError):
        return RetryableError("no answer within the time limit")
    if isinstance(error, sdk.APIConnectionError):
        return RetryableError(f"the connection failed: {error.__cause__ or error}")
    if isinstance(error, sdk.APIStatusError):
        status = error.status_code
        said = f"the provider answered {status}: {_short(error.message)}"
        if status in _RETRY_STATUS or status >= 500:
            return RetryableError(said, _retry_after(error.response.headers))
        if status in _ACCESS_STATUS:
            hint = (
                f" Is {key_variable} right?"
                if status in (401, 403)
                else " Are the model and the base_url right?"
            )
            return AccessError(said + hint)
        return RequestError(said)
    return RetryableError(f"the answer is not readable: {_short(str(error))}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (seconds := headers.get("retry-after")) is not None:
            return max(0.0, float(seconds))
    except ValueError:  # an HTTP date: our own backoff serves
        return None
    return None


def _short(text: str, most: int = 300) -> str:
    """One line; providers put whole pages into error bodies."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
