"""The usual names of the columns of a data file, and what the cells of a table hold as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "sample_id", "doc_id"),
    "input": ("input", "question", "user_input", "prompt"),
    "reference": ("reference", "target", "expected_output", "ground_truth", "ideal", "answer"),
    "messages": ("messages", "conversations", "conversation"),
    "tags": ("tags", "tag"),
    "cluster": ("cluster", "group"),
    "gold_passages": ("gold_passages", "docs", "reference_context_ids"),
}
OUTPUT_ALIASES = (*ALIASES["reference"], "output", "completion", "response")
"""What the answer of a demonstration or a training row may be called."""

_SQUAD = {"text", "answer_start"}  # the second is left out by some


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, blank text, or an empty list."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def as_text(value: Any) -> str:
    """A value as text: strings as they are, dates as ISO, everything else as JSON writes it.

    Raises:
        ValueError: The value is bytes.

    >>> as_text("05"), as_text(7), as_text(True), as_text({"a": 1})
    ('05', '7', 'true', '{"a":1}')
    """
    if isinstance(value, bytes):
        raise ValueError("holds bytes where text is expected")
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def as_texts(values: Iterable[Any], *, parse_lists: bool = False) -> tuple[str, ...]:
    """Several values as texts; lists are opened, missing ones left out.

    Args:
        values: JSON values.
        parse_lists: Open text that is a JSON list too, as a CSV cell may hold.
    """
    texts: list[str] = []
    for value in values:
        opened = parse_list(value) if parse_lists else value
        items = opened if isinstance(opened, list) else [opened]
        texts.extend(as_text(item) for item in items if not is_missing(item))
    return tuple(texts)


def accepted_answers(values: Iterable[Any]) -> tuple[str, ...]:
    """The accepted answers that a reference gives: a text, a list of texts, or an object of a known form.

    The known forms are TriviaQA's (``value`` and ``aliases``) and SQuAD's (``text`` and ``answer_start``), also as
    the JSON text that a table's cell holds. Any other object is an answer in JSON.

    >>> accepted_answers([{"value": "Paris", "aliases": ["Paris", "City of Paris"]}])
    ('Paris', 'City of Paris')
    >>> accepted_answers([{"text": ["Paris", "Paris"], "answer_start": [3, 9]}]), accepted_answers([{"a": 1}])
    (('Paris',), ('{"a":1}',))
    """
    answers: list[str] = []
    for value in values:
        for item in _opened_answers(value):
            answers.extend(as_text(answer) for answer in item if not is_missing(answer))
    return tuple(answers)


def _opened_answers(value: Any) -> Iterable[list[Any]]:
    for item in value if isinstance(value, list) else [value]:
        form = _parse_object(item)
        if isinstance(form, dict) and {"value", "aliases"} <= form.keys():
            aliases = form["aliases"]
            yield _each_once([form["value"], *(aliases if isinstance(aliases, list) else [aliases])])
        elif isinstance(form, dict) and _is_squad(form):
            yield _each_once(form["text"] if isinstance(form["text"], list) else [form["text"]])
        else:
            yield [item]


def _is_squad(form: dict[str, Any]) -> bool:
    return form.keys() == _SQUAD or (form.keys() == {"text"} and isinstance(form["text"], list))


def _each_once(answers: list[Any]) -> list[Any]:
    return [answer for index, answer in enumerate(answers) if answer not in answers[:index]]


def _parse_object(value: Any) -> Any:
    """The object of a known form that a table's cell holds as JSON text; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            return value
    return value


def parse_list(value: Any) -> Any:
    """The list that a text holds as JSON; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return msgspec.json.decode(value, type=list[Any])
        except (msgspec.MsgspecError, RecursionError):
            return value
    return value
