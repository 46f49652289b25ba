"""Conversations in OpenAI's form, split into the question, the turns before it and the answer after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from evalkit.data.fields import parse_list
from evalkit.records.case import Message

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A list of messages, split around the last user message.

    Attributes:
        earlier: System text and turns before the last user message.
        question: The last user message.
        answer: The assistant's message after it; None where there is none.
    """

    earlier: tuple[Message, ...]
    question: str
    answer: str | None


def is_conversation(value: Any) -> bool:
    """Whether a cell holds a list of messages (or its JSON text, as a CSV cell may)."""
    opened = parse_list(value)
    return isinstance(opened, list) and bool(opened) and all(isinstance(item, dict) for item in opened)


def read_messages(value: Any) -> tuple[Message, ...]:
    """Messages from ``[{"role": ..., "content": ...}, ...]``.

    Raises:
        ValueError: Not such a list; or a role or kind of content that a text question cannot have.
    """
    opened = parse_list(value)
    if not isinstance(opened, list) or not opened:
        raise ValueError('messages must be a list such as [{"role": "user", "content": "..."}]')
    return tuple(_message(item, number) for number, item in enumerate(opened, start=1))


def split_conversation(value: Any) -> Conversation:
    """Split messages: the last user message is the question, an assistant's message that ends the list the answer.

    Raises:
        ValueError: The value is no list of text messages, or its last message before the answer is not the user's.
    """
    messages = read_messages(value)
    answer = None
    if messages[-1].role == "assistant":
        answer, messages = messages[-1].content, messages[:-1]
    if not messages or messages[-1].role != "user":
        raise ValueError("the messages hold no user message before the end")
    return Conversation(messages[:-1], messages[-1].content, answer)


def _message(item: Any, number: int) -> Message:
    if not isinstance(item, dict):
        raise ValueError(f"message {number} is not an object with role and content")
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise ValueError(f"message {number} has role {item.get('role')!r}; valid roles: {', '.join(_ROLES)}")
    return Message(role=cast(Any, role), content=_content(item.get("content"), number))


def _content(content: Any, number: int) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        ]
        texts = [part for part in parts if isinstance(part, str)]
        if texts and len(texts) == len(content):
            return "".join(texts)
    raise ValueError(f"message {number} has content that is not text")
