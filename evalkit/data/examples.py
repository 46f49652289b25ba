"""Questions with their answers: demonstrations and training rows, read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.columns import ColumnFacts, ColumnMapping, declared_columns, example_mapping
from evalkit.data.content_id import ContentIds
from evalkit.data.fields import accepted_answers, as_text, is_missing
from evalkit.data.messages import (
    answer_of_messages,
    is_answer_messages,
    is_conversation,
    split_conversation,
    trained_part,
)
from evalkit.data.readers import read_rows
from evalkit.errors import DataError, Problem
from evalkit.records.case import Example
from evalkit.suite.schema import OptimisedPrompt, Suite


@dataclass(frozen=True, slots=True)
class ExampleFile:
    """The rows of a file of examples, and how they were read.

    Attributes:
        examples: In file order, without those of weight 0.
        lines: The line of each example.
        mapping: Which columns are read for which field.
        left_out: Rows that have weight 0: they are neither trained on nor shown.
        unweighed: Rows whose weight is neither 0 nor 1: they count like every other row.
    """

    examples: Sequence[Example]
    lines: Sequence[int]
    mapping: ColumnMapping
    left_out: int = 0
    unweighed: int = 0


def read_examples(path: Path, suite: Suite) -> list[Example]:
    """The rows of a file of examples, in file order; see ``read_example_file``.

    Raises:
        DataError: As ``read_example_file``.
    """
    return list(read_example_file(path, suite).examples)


def read_example_file(path: Path, suite: Suite) -> ExampleFile:
    """The rows of a file of examples, with the lines on which they stand.

    One mapping of columns serves the whole file: the columns that the suite declares for its cases, where the file has
    them, else the usual names. Rows of messages (OpenAI's, ShareGPT's and TRL's forms) give the last assistant message
    that has no weight of 0 as the output; turns before the question are kept under ``fields["messages"]``. Of several
    accepted answers the first is the output. Rows of weight 0 are left out.

    Raises:
        DataError: The file is missing, empty or unreadable, a row lacks its question or its answer, or all rows have
            weight 0. Up to 20 problems are listed, each with its line.
    """
    declared = [column for columns in declared_columns(suite, ("cases",)).values() for column in columns]
    try:
        mapping = example_mapping(suite, ColumnFacts.of_file(path, declared=declared))
    except ValueError as error:
        raise DataError(Problem(str(path), None, "", str(error))) from None
    content_ids = ContentIds()
    taken: dict[str, int] = {}
    examples: list[Example] = []
    lines: list[int] = []
    problems: list[Problem] = []
    left_out = unweighed = 0
    for row in read_rows(path, shown_as=str(path)):
        try:
            weight = _weight(mapping.take(dict(row.values), "weight"))
            example = None if weight == 0 else _example(row.values, mapping, content_ids)
        except ValueError as error:
            problems.append(Problem(str(path), row.line, "", str(error)))
            continue
        unweighed += weight not in (0, 1)
        if example is None:
            left_out += 1
            continue
        # Ids serve messages only, and files that repeat a document's id are common: they get a count.
        count = taken[example.id] = taken.get(example.id, 0) + 1
        if count > 1:
            example = msgspec.structs.replace(example, id=f"{example.id}-{count}")
        examples.append(example)
        lines.append(row.line)
    if not examples and not problems:
        what = "holds no example" + (f": all {left_out} rows have weight 0" if left_out else "")
        problems.append(Problem(str(path), None, "", what))
    if problems:
        raise DataError.first_of(problems)
    return ExampleFile(examples, lines, mapping, left_out, unweighed)


def own_examples(prompt: OptimisedPrompt) -> list[Example]:
    """The demonstrations that an optimised prompt brings, in its order; each is a cluster of its own."""
    return [
        Example(
            id=f"demonstration-{number}",
            input=each.input,
            output=each.output,
            cluster=f"demonstration-{number}",
            fields=dict(each.fields),
        )
        for number, each in enumerate(prompt.demonstrations, start=1)
    ]


def _weight(given: list[Any]) -> float:
    """The weight of a row, of several the least; 1 where it has none.

    A text that is neither a number nor true or false is no weight: it counts as 1.

    Raises:
        ValueError: It is a list or an object: a mask of parts of the row.
    """
    weights: list[float] = []
    for value in given:
        if isinstance(value, list | dict) or str(value).lstrip()[:1] in ("[", "{"):
            raise ValueError(
                "its weight is a list, and evalkit weighs whole rows and messages: write weight: 0 into the messages "
                "that are not to be trained on"
            )
        word = str(value).strip().lower()
        try:
            weights.append(float({"true": "1", "false": "0"}.get(word, word)))
        except ValueError:
            weights.append(1.0)
    return min(weights, key=abs, default=1.0)


def _example(values: dict[str, Any], mapping: ColumnMapping, content_ids: ContentIds) -> Example | None:
    """The example of a row; None where all its answers have weight 0."""
    rest = dict(values)
    given_id = mapping.take(rest, "id")
    mapping.take(rest, "weight")
    solved = _solved(rest, mapping)
    if solved is None:
        return None
    question, output = solved
    example_id = as_text(given_id[0]).strip() if given_id else content_ids.new(values)
    cluster = mapping.take(rest, "cluster", keep=True)
    return Example(
        id=example_id,
        input=question,
        output=output,
        cluster=as_text(cluster[0]).strip() if cluster else example_id,
        fields=rest,
    )


def _solved(rest: dict[str, Any], mapping: ColumnMapping) -> tuple[str, str] | None:
    """Question and answer, taken out of ``rest``; None where every answer has weight 0."""
    question = mapping.take(rest, "input", keep=True)
    messages = mapping.take(rest, "messages")
    given = mapping.take(rest, "reference")
    if question and is_conversation(question[0]) and not messages:
        question, messages = [], question
    if given and is_answer_messages(given[0]):
        given = trained_part(given[0])
        if not given:
            return None
        given = [answer_of_messages(given)]
    reference = [answer for answer in accepted_answers(given) if not is_missing(answer)]
    if question:
        if not reference:
            lacking = (
                mapping.lacking("reference") or ": call its column output, reference or answer, or declare it"
            )
            raise ValueError(f"has no answer{lacking}")
        if messages:
            rest["messages"] = messages[0]
        return as_text(question[0]), reference[0]
    if not messages:
        lacking = (
            mapping.lacking("input") or ": name its column in cases.fields, or call it input or question"
        )
        raise ValueError(f"has no input{lacking}")
    part = messages[0] if reference else trained_part(messages[0])
    if not part and messages[0]:
        return None
    talk = split_conversation(part)
    if not talk.question.strip():
        raise ValueError("its last user message is empty")
    if talk.answer is not None and reference and reference[0].strip() != talk.answer.strip():
        raise ValueError(
            "the messages end with an answer, and there is another one beside them; keep one of them"
        )
    output = talk.answer if talk.answer is not None else (reference[0] if reference else None)
    if output is None or not output.strip():
        raise ValueError("its messages do not end with an assistant's answer")
    if talk.earlier:
        rest["messages"] = [msgspec.to_builtins(message) for message in talk.earlier]
    return talk.question, output
