"""What a chat or text completion says, whole or streamed: text, finish reason, usage, the model that answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from evalkit.errors import RetryableError
from evalkit.models.error_reply import error_words
from evalkit.models.hosted_answer import ParsedAnswer, model_name, refuse_nothing
from evalkit.models.lenient_json import UNREADABLE, joined, read_leniently
from evalkit.models.openai_faults import fault_in_answer
from evalkit.models.server_events import ServerEvents
from evalkit.models.token_usage import UsagePayload, latest_counts, normalise_usage, read_usage
from evalkit.records.sample import FinishReason

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
_DONE = b"[DONE]"
_FAULTS = ("error", "insufficient_system_resource", "network_error")
"""Finish reasons by which OpenRouter, DeepSeek and Zhipu say that they broke off: a fault, not an answer."""


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")  # Moonshot's streams


class Payload(msgspec.Struct):
    """The parts of an answer, or of one event of a stream, that are read."""

    choices: Sequence[_Choice] | None = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(Payload).decode


_NO_ERROR = (b"null", b"{}", b'""', b"[]", b"false")


def read_payload(body: bytes) -> Payload:
    """One JSON body or event; halves of letters stay in its text, see ``lenient_json``.

    Raises:
        CallError: It is cut off, is not JSON, has another shape, or holds an error.
    """
    try:
        payload = _decode(body)
    except UNREADABLE as error:
        payload = _decode_leniently(body, error)
    if bytes(payload.error) not in _NO_ERROR:
        raise fault_in_answer(bytes(payload.error))
    return payload


def _decode_leniently(body: bytes, fault: Exception) -> Payload:
    """The parts of a body that a strict reader refuses.

    Raises:
        RetryableError: It cannot be read leniently either.
    """
    try:
        value = read_leniently(body)
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
        raw = {name: msgspec.Raw(json.dumps(value.get(name)).encode()) for name in ("usage", "error")}
        choices = [_lenient_choice(choice) for choice in value.get("choices") or ()]
        return Payload(choices=choices, model=value.get("model"), **raw)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RetryableError(f"the answer is not readable: {fault}") from error


def _lenient_choice(value: dict[str, Any]) -> _Choice:
    usage = msgspec.Raw(json.dumps(value.pop("usage", None)).encode())
    return msgspec.structs.replace(msgspec.convert(value, _Choice), usage=usage)


def read_answer(body: bytes) -> ParsedAnswer:
    """The answer in a JSON body; of several choices that of the lowest index.

    Raises:
        CallError: There is none in it.
    """
    payload = read_payload(body)
    if not payload.choices:
        raise RetryableError(f"the answer has no choices: {error_words(body)}")
    choices = payload.choices
    choice = choices[0] if len(choices) == 1 else min(choices, key=lambda each: each.index or 0)
    if choice.message is None and choice.text is None:
        raise RetryableError("the answer's first choice has no message")
    text = joined([piece_of(choice)])
    refuse_nothing(text, choice.finish_reason)
    return ParsedAnswer(
        text,
        finish_of(choice.finish_reason),
        read_usage(payload.usage),
        model_name(payload.model),
    )


def piece_of(choice: _Choice) -> str:
    """The text of a choice: a message's content or refusal, a stream's delta, or a text completion's."""
    message = choice.message or choice.delta
    if message is None:
        return choice.text or ""
    content = message.content
    if isinstance(content, list):
        content = "".join(part.text or "" for part in content)
    return content or message.refusal or ""


class _StreamedChoice:
    """One of the choices of a stream, as far as it has come."""

    __slots__ = ("finish", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.finish: str | None = None


class StreamedAnswer:
    """Collects the events of one stream, fed in pieces that may end anywhere.

    Of several choices, whose events may come in any order, the answer is that of the lowest index.
    """

    def __init__(self) -> None:
        self._events = ServerEvents()
        self._choices: dict[int, _StreamedChoice] = {}
        self._counts: UsagePayload | None = None
        self._model: str | None = None
        self._done = False

    @property
    def begun(self) -> bool:
        """Whether a piece of text has come."""
        return bool(self._choice.pieces)

    @property
    def finished(self) -> bool:
        """Whether the end of the answer has come, so that nothing of it is missing."""
        return self._choice.finish is not None or self._done

    def feed(self, chunk: bytes) -> None:
        """Read one piece of the body.

        Raises:
            CallError: An event cannot be read, or holds an error.
        """
        for data in self._events.feed(chunk):
            self._read(data)

    def answer(self) -> ParsedAnswer:
        """The whole answer, once the body has ended.

        A stream that ends with ``[DONE]`` and says no finish reason is whole: how it ended is unknown.

        Raises:
            RetryableError: The stream broke off, or was empty.
        """
        for data in self._events.end():
            self._read(data)
        if not self.finished:
            raise RetryableError("the stream ended before the answer was finished")
        choice, usage = self._choice, None if self._counts is None else normalise_usage(self._counts)
        text = joined(choice.pieces)
        refuse_nothing(text, choice.finish)
        return ParsedAnswer(text, finish_of(choice.finish), usage, self._model)

    @property
    def _choice(self) -> _StreamedChoice:
        return self._choices[min(self._choices)] if self._choices else _StreamedChoice()

    def _read(self, data: bytes) -> None:
        if data.strip() == _DONE:
            self._done = True
            return
        payload = read_payload(data)
        self._counts = latest_counts(self._counts, payload.usage)
        self._model = model_name(payload.model) or self._model
        for choice in payload.choices or ():
            self._counts = latest_counts(self._counts, choice.usage)
            streamed = self._choices.get(choice.index or 0)
            if streamed is None:
                streamed = self._choices[choice.index or 0] = _StreamedChoice()
            if piece := piece_of(choice):
                streamed.pieces.append(piece)
            streamed.finish = choice.finish_reason or streamed.finish


def finish_of(word: str | None) -> FinishReason:
    """The provider's finish reason as ours; one that we do not know is ``unknown``.

    Raises:
        RetryableError: It says that the provider broke off.
    """
    reason = _FINISH.get(word or "")
    if reason is not None:
        return reason
    lowered = (word or "").lower()
    if lowered in _FAULTS:
        raise RetryableError(f"the provider broke off with the finish reason {lowered!r}")
    return _FINISH.get(lowered, "unknown")
