"""Conversations in OpenAI's or ShareGPT's form, split into the question, the turns before it and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from evalkit.data.fields import parse_list
from evalkit.records.case import Message

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
}
_WEIGHTS = ("weight", "train", "training", "loss")  # OpenAI's, and what other trainers call it
_MASKED = "masked"  # torchtune's: true where a message is not trained on


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


def is_answer_messages(value: Any) -> bool:
    """Whether a cell that should hold an answer holds messages, as TRL's conversational completions do, or one."""
    listed = _listed(value)
    return is_conversation(listed) and all(
        {"role", "content"} <= item.keys() or {"from", "value"} <= item.keys() for item in parse_list(listed)
    )


def _listed(value: Any) -> Any:
    """A single message as a list of it; any other value as it is."""
    return [value] if isinstance(value, dict) and _role(value) is not None else value


def answer_of_messages(value: Any) -> str:
    """The assistant's message that ends a list of messages which holds an answer, with or without its question.

    Raises:
        ValueError: The list does not end with an assistant's message, holds two of them, or something else than text.
    """
    *earlier, last = read_messages(_listed(value))
    if last.role != "assistant":
        raise ValueError("its answer is a list of messages that does not end with an assistant's")
    if any(message.role == "assistant" for message in earlier):
        raise ValueError(
            "its answer is a list of several turns; put the whole conversation into a column called messages"
        )
    return last.content


def trained_part(value: Any) -> Any:
    """A conversation up to its last assistant message that is trained on: one without a weight, or of weight 1.

    Earlier turns stay, whatever their weight: they are what the answer follows. A list that does not end with an
    assistant's message, or is no list of objects, comes back as it is.

    Returns:
        The messages; none where every assistant message has weight 0.

    Raises:
        ValueError: A weight is neither 0 nor 1.
    """
    opened = parse_list(value)
    if not isinstance(opened, list) or not all(isinstance(item, dict) for item in opened):
        return value
    weights = [_weight(item, number) for number, item in enumerate(opened, start=1)]
    if not opened or _role(opened[-1]) != "assistant":
        return opened
    trained = [
        index for index, item in enumerate(opened) if _role(item) == "assistant" and weights[index] == 1
    ]
    return opened[: trained[-1] + 1] if trained else []


def _role(item: dict[str, Any]) -> str | None:
    return _ROLES.get(str(item.get("role"))) or _SHAREGPT_ROLES.get(str(item.get("from")))


def _weight(item: dict[str, Any], number: int) -> int:
    for name in _WEIGHTS:
        if (value := item.get(name)) is not None:
            if value not in (0, 1):
                raise ValueError(
                    f"message {number} has {name} {value!r}; a message is trained on (1) or not (0)"
                )
            return int(value)
    if (masked := item.get(_MASKED)) is not None:
        if masked not in (0, 1):
            raise ValueError(f"message {number} has {_MASKED} {masked!r}; write true or false")
        return int(not masked)
    if "mask" in item:
        raise ValueError(
            f"message {number} has 'mask', which tools read in opposite ways: write weight: 0 or 1"
        )
    return 1


def read_messages(value: Any) -> tuple[Message, ...]:
    """Messages from ``[{"role": ..., "content": ...}, ...]``, or ShareGPT's ``[{"from": ..., "value": ...}, ...]``.

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
    sharegpt = "role" not in item and "from" in item
    roles, named, text = (_SHAREGPT_ROLES, "from", "value") if sharegpt else (_ROLES, "role", "content")
    role = roles.get(str(item.get(named)))
    if role is None:
        raise ValueError(f"message {number} has {named} {item.get(named)!r}; valid: {', '.join(roles)}")
    return Message(role=cast(Any, role), content=_content(item.get(text), number))


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
