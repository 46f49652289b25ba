"""What a ``GenerateContentResponse`` says, read from its JSON: text, finish reason, usage, model that answered.

The Developer API and Vertex AI word it alike. Fields whose value is zero or empty are left out, as proto3 JSON does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from evalkit.errors import AccessError, RetryableError
from evalkit.models.hosted_answer import ParsedAnswer, model_name, refuse_nothing
from evalkit.models.lenient_json import UNREADABLE, joined, read_leniently
from evalkit.models.openai_faults import fault_in_answer
from evalkit.models.server_events import ServerEvents
from evalkit.models.token_usage import UsagePayload, latest_counts, normalise_usage, read_usage
from evalkit.records.sample import FinishReason

_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "tool_calls",
    "UNEXPECTED_TOOL_CALL": "tool_calls",
    "TOO_MANY_TOOL_CALLS": "tool_calls",
}
"""Those left out (OTHER, MALFORMED_RESPONSE, ...) are ``unknown``."""
_ACCOUNT_CLOSED = "PUP_LIMITED_DISABLED"
_UNSPECIFIED = ("", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")


class _Part(msgspec.Struct):
    text: str = ""
    thought: bool = False


class _Content(msgspec.Struct):
    parts: Sequence[_Part] = ()


class _Candidate(msgspec.Struct, rename="camel"):
    index: int = 0  # proto3 leaves out a zero
    content: _Content | None = None
    finish_reason: str | None = None


class _PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str = ""


class _Payload(msgspec.Struct, rename="camel"):
    candidates: Sequence[_Candidate] = ()
    prompt_feedback: _PromptFeedback | None = None
    model_version: Any = None
    usage_metadata: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def blocked(self) -> bool:
        """Whether the prompt was stopped, so that there is no candidate."""
        feedback = self.prompt_feedback
        return feedback is not None and feedback.block_reason not in _UNSPECIFIED


_decode = msgspec.json.Decoder(_Payload).decode


def read_answer(body: bytes) -> ParsedAnswer:
    """The answer in a JSON body; of several candidates that of the lowest index.

    Raises:
        CallError: There is none in it, or it cannot be read.
        AccessError: The account answers nobody any more.
    """
    payload = _read(body)
    usage, model = read_usage(payload.usage_metadata), model_name(payload.model_version)
    if not payload.candidates:
        if payload.blocked:
            return ParsedAnswer("", "content_filter", usage, model)
        raise RetryableError("the answer has no candidates")
    candidate = min(payload.candidates, key=lambda each: each.index)
    text = joined([_text(candidate)])
    refuse_nothing(text, candidate.finish_reason)
    return ParsedAnswer(text, finish_of(candidate.finish_reason), usage, model)


def finish_of(word: str | None) -> FinishReason:
    """Google's finish reason as ours; one that we do not know is ``unknown``.

    Raises:
        AccessError: It says that the account was closed.
    """
    if word == _ACCOUNT_CLOSED:
        raise AccessError(f"the provider stopped with {word}: Google has limited or closed this account")
    return _FINISH.get(word or "", "unknown")


class _StreamedCandidate:
    """One of the candidates of a stream, as far as it has come."""

    __slots__ = ("finish", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.finish: str | None = None


class StreamedAnswer:
    """Collects the events of one stream: each is a response of its own; usage counts up, so the last one holds.

    Of several candidates, whose events may come in any order, the answer is that of the lowest index.
    """

    def __init__(self) -> None:
        self._events = ServerEvents()
        self._candidates: dict[int, _StreamedCandidate] = {}
        self._counts: UsagePayload | None = None
        self._model: str | None = None
        self._blocked = False

    @property
    def begun(self) -> bool:
        """Whether a piece of the answer has come; thoughts are none."""
        return bool(self._candidate.pieces)

    @property
    def finished(self) -> bool:
        """Whether the end of the answer has come, so that nothing of it is missing."""
        return self._candidate.finish is not None or self._blocked

    def feed(self, chunk: bytes) -> None:
        """Read one piece of the body.

        Raises:
            CallError: An event cannot be read, or holds an error.
        """
        for data in self._events.feed(chunk):
            self._take(data)

    def answer(self) -> ParsedAnswer:
        """The whole answer, once the body has ended.

        Raises:
            RetryableError: The stream broke off.
            AccessError: The account answers nobody any more.
        """
        for data in self._events.end():
            self._take(data)
        if not self.finished:
            raise RetryableError("the stream ended before the answer was finished")
        candidate, usage = self._candidate, None if self._counts is None else normalise_usage(self._counts)
        finish = "content_filter" if candidate.finish is None else finish_of(candidate.finish)
        return ParsedAnswer(joined(candidate.pieces), finish, usage, self._model)

    @property
    def _candidate(self) -> _StreamedCandidate:
        return self._candidates[min(self._candidates)] if self._candidates else _StreamedCandidate()

    def _take(self, data: bytes) -> None:
        payload = _read(data)
        self._counts = latest_counts(self._counts, payload.usage_metadata)
        self._model = model_name(payload.model_version) or self._model
        self._blocked |= payload.blocked
        for candidate in payload.candidates:
            streamed = self._candidates.get(candidate.index)
            if streamed is None:
                streamed = self._candidates[candidate.index] = _StreamedCandidate()
            if piece := _text(candidate):
                streamed.pieces.append(piece)
            streamed.finish = candidate.finish_reason or streamed.finish


def _read(body: bytes) -> _Payload:
    try:
        payload = _decode(body)
    except UNREADABLE as error:
        payload = _decode_leniently(body, error)
    if bytes(payload.error) not in (b"null", b"{}"):
        raise fault_in_answer(bytes(payload.error))
    return payload


def _decode_leniently(body: bytes, fault: Exception) -> _Payload:
    """The parts of a body that a strict reader refuses.

    Raises:
        RetryableError: It cannot be read leniently either.
    """
    try:
        value = read_leniently(body)
        raw = {
            name: msgspec.Raw(json.dumps(value.pop(key, None)).encode())
            for name, key in (("usage_metadata", "usageMetadata"), ("error", "error"))
        }
        return msgspec.structs.replace(msgspec.convert(value, _Payload), **raw)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RetryableError(f"the answer is not readable: {fault}") from error


def _text(candidate: _Candidate) -> str:
    parts = () if candidate.content is None else candidate.content.parts
    return "".join(part.text for part in parts if not part.thought)
