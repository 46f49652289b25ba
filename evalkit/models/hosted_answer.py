"""One request over the transport and its answer as a completion: whole or streamed, the same for every provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from evalkit.errors import AccessError, CallError, RetryableError
from evalkit.models.http_transport import Reply, Transport
from evalkit.models.lenient_json import joined
from evalkit.records.sample import Completion, FinishReason, Timing, Usage
from evalkit.secrets import Secrets

OnHeaders = Callable[[Mapping[str, str]], None]
"""Called with the headers of every reply, refusals too."""
_LONGEST_NAME = 200  # characters


class ParsedAnswer(msgspec.Struct, frozen=True):
    """What a provider's reply says: the text, why it ended, and the tokens and the model where it tells them.

    Attributes:
        model: The id of the model that answered, as the provider gives it; None where it gives none.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage | None
    model: str | None = None


def model_name(said: object) -> str | None:
    """The id of the answering model in a reply; None where it is no text, or an empty one. Cut at 200 characters."""
    if not isinstance(said, str):
        return None
    name = said if said.isascii() else joined([said])
    return name.strip()[:_LONGEST_NAME] or None


def refuse_nothing(text: str, ended: str | None) -> None:
    """Refuse a reply that has neither a text nor a reason why it ended: no model said that.

    Args:
        text: Of the whole answer.
        ended: The finish reason in the provider's words; None where it gives none.

    Raises:
        RetryableError: It is such a reply.
    """
    if not text and not ended:
        raise RetryableError("the answer is empty and does not say why it ended")


class AnswerStream(Protocol):
    """A stream put together while it comes in."""

    @property
    def begun(self) -> bool:
        """Whether a piece of text has come."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the end of the answer has come, so that nothing of it is missing."""
        ...

    def feed(self, chunk: bytes) -> None:
        """Read one piece of the body."""
        ...

    def answer(self) -> ParsedAnswer:
        """The whole answer, once the body has ended."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseParser:
    """How the replies of one provider are read.

    Attributes:
        whole: Reads the answer in a JSON body.
        streamed: Makes what a new stream is fed to.
        own_failure: The completion where a refusal (status, body) is the arm's own failure, else None.
        fault: The error for any other refusal.
    """

    whole: Callable[[bytes], ParsedAnswer]
    streamed: Callable[[], AnswerStream]
    own_failure: Callable[[int, bytes, Timing], Completion | None]
    fault: Callable[[Reply], CallError]


async def ask_whole(
    transport: Transport,
    body: bytes,
    parser: ResponseParser,
    secrets: Secrets,
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
    try:
        if reply.status >= 300:
            return _refused(reply, parser)
        answer = parser.whole(reply.body)
    except CallError as error:
        raise _without_secrets(error, secrets, billed=reply.status < 300) from None
    return _completion(answer, Timing(service_s=reply.service_s), secrets)


async def ask_streamed(
    transport: Transport,
    body: bytes,
    parser: ResponseParser,
    secrets: Secrets,
    *,
    headers: Mapping[str, str] | None = None,
    on_headers: OnHeaders | None = None,
) -> Completion:
    """The answer as a stream, with the time to its first text.

    Where the stream breaks after the end of the answer has come, the answer is whole, and paid for: it is kept.

    Raises:
        CallError: There is none, or it broke off.
    """
    stream = parser.streamed()
    ttft_s: float | None = None
    service_s: float | None = None

    def piece(content: bytes, after_s: float) -> None:
        nonlocal ttft_s, service_s
        service_s = after_s
        stream.feed(content)
        if ttft_s is None and stream.begun:
            ttft_s = after_s

    try:
        reply = await transport.send(body, piece, headers=headers)
        if on_headers is not None:
            on_headers(reply.headers)
        if reply.status >= 300:
            return _refused(reply, parser)
        # A server that knows no streams answers in one piece.
        answer = parser.whole(reply.body) if reply.body else stream.answer()
        service_s = reply.service_s
    except CallError as error:
        if not stream.finished or isinstance(error, AccessError):
            raise _without_secrets(error, secrets, billed=stream.begun) from None
        try:
            answer = stream.answer()
        except CallError as last:
            raise _without_secrets(last, secrets, billed=True) from None
    return _completion(answer, Timing(service_s=service_s, ttft_s=ttft_s), secrets)


def _without_secrets(error: CallError, secrets: Secrets, *, billed: bool) -> CallError:
    """The same error without what must not be told; it may be that an answer, or a part of one, had come."""
    secrets.hide_in(error)
    if isinstance(error, RetryableError):
        error.billed = error.billed or billed
    return error


def _refused(reply: Reply, parser: ResponseParser) -> Completion:
    """The empty completion of a refusal that is the arm's own failure.

    Raises:
        CallError: It is another.
    """
    completion = parser.own_failure(reply.status, reply.body, Timing(service_s=reply.service_s))
    if completion is None:
        raise parser.fault(reply)
    return completion


def _completion(answer: ParsedAnswer, timing: Timing, secrets: Secrets) -> Completion:
    return Completion(
        output=secrets.hide(answer.text),
        finish_reason=answer.finish_reason,
        usage=answer.usage,
        timing=timing,
        answering_model=None if answer.model is None else secrets.hide(answer.model),
    )
