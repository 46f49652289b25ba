"""Questions with their answers: demonstrations and training rows, read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.content_id import ContentIds
from evalkit.data.fields import Fields, as_text, as_texts, example_fields
from evalkit.data.messages import is_conversation, split_conversation
from evalkit.data.readers import read_rows
from evalkit.errors import DataError, Problem
from evalkit.records.case import Example
from evalkit.suite.schema import OptimisedPrompt, Suite


def read_examples(path: Path, suite: Suite) -> list[Example]:
    """The rows of a file of examples, in file order.

    Columns are found as in the suite's cases: the declared ones, else the usual names. Rows in OpenAI's
    training format (``{"messages": [...]}``) give their last assistant message as the output; turns before the
    question are kept under ``fields["messages"]``. Of several accepted answers the first is the output.

    Raises:
        DataError: The file is missing, empty or unreadable, or a row lacks its question or its answer. Up to 20
            problems are listed, each with its line.
    """
    fields = example_fields(suite)
    content_ids = ContentIds()
    taken: dict[str, int] = {}
    examples: list[Example] = []
    problems: list[Problem] = []
    for row in read_rows(path, shown_as=str(path)):
        try:
            example = _example(row.values, fields, content_ids)
        except ValueError as error:
            problems.append(Problem(str(path), row.line, "", str(error)))
            continue
        # Ids serve messages only, and files that repeat a document's id are common: they get a count.
        count = taken[example.id] = taken.get(example.id, 0) + 1
        if count > 1:
            example = msgspec.structs.replace(example, id=f"{example.id}-{count}")
        examples.append(example)
    if not examples and not problems:
        problems.append(Problem(str(path), None, "", "holds no example"))
    if problems:
        raise DataError.first_of(problems)
    return examples


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


def _example(values: dict[str, Any], fields: Fields, content_ids: ContentIds) -> Example:
    rest = dict(values)
    given_id = fields.take(rest, "id")
    question, output = _solved(rest, fields)
    example_id = as_text(given_id[0]).strip() if given_id else content_ids.new(values)
    cluster = fields.take(rest, "cluster", keep=True)
    return Example(
        id=example_id,
        input=question,
        output=output,
        cluster=as_text(cluster[0]).strip() if cluster else example_id,
        fields=rest,
    )


def _solved(rest: dict[str, Any], fields: Fields) -> tuple[str, str]:
    """Question and answer, taken out of ``rest``."""
    question = fields.take(rest, "input", keep=True)
    messages = fields.take(rest, "messages")
    if question and is_conversation(question[0]) and not messages:
        question, messages = [], question
    reference = as_texts(fields.take(rest, "reference"))
    if question:
        if not reference:
            raise ValueError("has no answer: call its column output, reference or answer, or declare it")
        if messages:
            rest["messages"] = messages[0]
        return as_text(question[0]), reference[0]
    if not messages:
        raise ValueError("has no input: name its column in cases.fields, or call it input or question")
    talk = split_conversation(messages[0])
    output = talk.answer if talk.answer is not None else (reference[0] if reference else None)
    if output is None or not output.strip():
        raise ValueError("its messages do not end with an assistant's answer")
    if talk.earlier:
        rest["messages"] = [msgspec.to_builtins(message) for message in talk.earlier]
    return talk.question, output
