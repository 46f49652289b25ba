"""One request over the transport and its answer as a completion: whole or streamed, the same for every provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from evalkit.errors import CallError, RetryableError
from evalkit.models.http_transport import Reply, Secrets, Transport
from evalkit.models.openai_payload import OpenAIReply
from evalkit.records.sample import Completion, Timing

OnHeaders = Callable[[Mapping[str, str]], None]
"""Called with the headers of every reply, refusals too."""


class Streamed(Protocol):
    """A stream put together while it comes in."""

    @property
    def begun(self) -> bool:
        """Whether a piece of text has come."""
        ...

    def feed(self, chunk: bytes) -> None:
        """Read one piece of the body."""
        ...

    def answer(self) -> OpenAIReply:
        """The whole answer, once the body has ended."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseParser:
    """How a provider words its answers.

    Attributes:
        whole: The answer in a JSON body.
        streamed: A new stream's beginning.
        own_failure: The completion where a refusal (status, body) is the arm's own failure, else None.
        fault: The error for any other refusal.
    """

    whole: Callable[[bytes], OpenAIReply]
    streamed: Callable[[], Streamed]
    own_failure: Callable[[int, bytes, Timing], Completion | None]
    fault: Callable[[Reply], CallError]


async def ask_whole(
    transport: Transport,
    body: bytes,
    reading: ResponseParser,
    *,
    headers: Mapping[str, str] | None = None,
    on_headers: OnHeaders | None = None,
) -> Completion:
    """The answer in one piece.

    Raises:
        CallError: There is none.
    """
    reply = await transport.send(body, headers=headers)
    if on_headers is not None:
        on_headers(reply.headers)
    if reply.status >= 300:
        return _refused(reply, reading)
    return _completion(reading.whole(reply.body), Timing(service_s=reply.service_s))


async def ask_streamed(
    transport: Transport,
    body: bytes,
    reading: ResponseParser,
    secrets: Secrets,
    *,
    headers: Mapping[str, str] | None = None,
    on_headers: OnHeaders | None = None,
) -> Completion:
    """The answer as a stream, with the time to its first text.

    Raises:
        CallError: There is none, or it broke off.
    """
    streamed = reading.streamed()
    ttft_s: float | None = None

    def piece(content: bytes, after_s: float) -> None:
        nonlocal ttft_s
        streamed.feed(content)
        if ttft_s is None and streamed.begun:
            ttft_s = after_s

    try:
        reply = await transport.send(body, piece, headers=headers)
        if on_headers is not None:
            on_headers(reply.headers)
        if reply.status >= 300:
            return _refused(reply, reading)
        # A server that knows no streams answers in one piece.
        answer = reading.whole(reply.body) if reply.body else streamed.answer()
    except RetryableError as error:
        # A secret may lie across two pieces, so what was put together of them is looked at.
        said = secrets.hide(str(error))
        raise RetryableError(said, error.retry_after_s, throttled=error.throttled) from None
    timing = Timing(service_s=reply.service_s, ttft_s=ttft_s)
    return _completion(msgspec.structs.replace(answer, text=secrets.hide(answer.text)), timing)


def _refused(reply: Reply, reading: ResponseParser) -> Completion:
    completion = reading.own_failure(reply.status, reply.body, Timing(service_s=reply.service_s))
    if completion is None:
        raise reading.fault(reply)
    return completion


def _completion(answer: OpenAIReply, timing: Timing) -> Completion:
    return Completion(
        output=answer.text, finish_reason=answer.finish_reason, usage=answer.usage, timing=timing
    )
