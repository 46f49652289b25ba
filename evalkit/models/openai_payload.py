"""What a chat or text completion says, read from its JSON: text, finish reason, usage. Nothing else is decoded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evalkit.errors import RetryableError
from evalkit.models.openai_usage import read_usage
from evalkit.records.sample import FinishReason, Usage

_FINISH: dict[str, FinishReason] = {
    # OpenAI, Azure and those that follow them
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    # text-generation-inference, Together, Mistral
    "eos": "stop",
    "eos_token": "stop",
    "model_length": "length",
    # Anthropic
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
    # Gemini, in lower case
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
}
_FAULTS = ("error", "insufficient_system_resource", "network_error")
"""Finish reasons by which OpenRouter, DeepSeek and Zhipu say that they broke off: a fault, not an answer."""


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class Payload(msgspec.Struct):
    """The parts of an answer, or of one event of a stream, that are read."""

    choices: Sequence[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class OpenAIReply(msgspec.Struct, frozen=True):
    """A whole answer."""

    text: str
    finish_reason: FinishReason
    usage: Usage | None


_decode = msgspec.json.Decoder(Payload).decode


def read_payload(body: bytes) -> Payload:
    """One JSON body or event.

    Raises:
        RetryableError: It is cut off, is not JSON, has another shape, or holds an error.
    """
    try:
        payload = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RetryableError(f"the answer is not readable: {error}") from error
    if bytes(payload.error) != b"null":
        raise RetryableError(f"the provider broke off: {error_words(bytes(payload.error))}")
    return payload


def read_answer(body: bytes) -> OpenAIReply:
    """The answer in a JSON body; of several choices the first.

    Raises:
        RetryableError: There is none in it.
    """
    payload = read_payload(body)
    if not payload.choices:
        raise RetryableError("the answer has no choices")
    choice = payload.choices[0]
    if choice.message is None and choice.text is None:
        raise RetryableError("the answer's first choice has no message")
    return OpenAIReply(piece_of(choice), finish_of(choice.finish_reason), read_usage(payload.usage))


def piece_of(choice: _Choice) -> str:
    """The text of a choice: a message's content or refusal, a stream's delta, or a text completion's."""
    message = choice.message or choice.delta
    if message is None:
        return choice.text or ""
    content = message.content
    if isinstance(content, list):
        content = "".join(part.text or "" for part in content)
    return content or message.refusal or ""


def finish_of(word: str | None) -> FinishReason:
    """The provider's finish reason as ours; one that we do not know is ``unknown``.

    Raises:
        RetryableError: It says that the provider broke off.
    """
    known = _FINISH.get(word or "")
    if known is not None:
        return known
    lowered = (word or "").lower()
    if lowered in _FAULTS:
        raise RetryableError(f"the provider broke off with the finish reason {lowered!r}")
    return _FINISH.get(lowered, "unknown")


def error_words(body: bytes) -> str:
    """What an error body says, in one line: its message where it has one, else its beginning."""
    return _one_line(_error_parts(body).message or body.decode(errors="replace"))


def error_code(body: bytes) -> str:
    """The code, type and message of an error body in lower case, for telling kinds of errors apart."""
    parts = _error_parts(body)
    return f"{parts.code} {parts.type} {parts.message}".lower()


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None
    detail: object = None
    error: _Error | str | None = None


def _error_parts(body: bytes) -> _Error:
    """Providers nest the message differently: ``error.message``, ``error``, ``message``, ``detail``."""
    try:
        found = msgspec.json.decode(body, type=_Error | str | list[_Error])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Error(message=body.decode(errors="replace"))
    if isinstance(found, list):
        found = found[0] if found else _Error()
    if isinstance(found, str):
        return _Error(message=found)
    if isinstance(found.error, str):
        return _Error(message=found.error)
    inner = found.error or found
    if inner.message is None and inner.detail is not None:
        return _Error(message=str(inner.detail), code=inner.code, type=inner.type)
    return inner


def _one_line(text: str, most: int = 300) -> str:
    """Providers put whole pages into error bodies."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
