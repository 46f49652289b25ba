"""The task set: read and checked once, then decoded case by case so that memory stays small."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit.data.columns import (
    ColumnFacts,
    ColumnMapping,
    case_mapping,
    declared_columns,
    undeclared_problems,
    whole_number,
)
from evalkit.data.content_id import ContentIds
from evalkit.data.fields import accepted_answers, as_text, as_texts
from evalkit.data.hf_folder import is_hf_folder
from evalkit.data.messages import (
    Conversation,
    answer_of_messages,
    is_answer_messages,
    is_conversation,
    read_messages,
    split_conversation,
)
from evalkit.data.readers import reader_for
from evalkit.data.row_index import RowIndex
from evalkit.errors import DataError, Problem
from evalkit.records.case import Case, Message
from evalkit.records.record import to_json
from evalkit.suite.schema import Suite
from evalkit.suite.yaml_data import Location
from evalkit.text.thoughts import split_thoughts


class Cases:
    """The cases of a suite, in file order.

    Iterating and ``get`` decode a case each time; only ids and file positions are held. Use as a context
    manager, or call ``close``, to close the file early.

    Attributes:
        mapping: Which columns of the file are read for which field of a case.
    """

    def __init__(self, rows: RowIndex, mapping: ColumnMapping, index: dict[str, int]) -> None:
        self._rows = rows
        self.mapping = mapping
        self._index = index
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[Case]:
        for case_id, row in self._index.items():
            yield self._decode(case_id, row)

    def __contains__(self, case_id: object) -> bool:
        return case_id in self._index

    @property
    def ids(self) -> Sequence[str]:
        """Ids of the cases, in file order."""
        return tuple(self._index)

    @property
    def digest(self) -> str:
        """Digest of the content of all cases, in order, whatever format they came from."""
        if self._digest is None:
            state = hashlib.blake2b(digest_size=16)
            for case in self:
                state.update(to_json(case) + b"\n")
            self._digest = state.hexdigest()
        return self._digest

    def get(self, case_id: str) -> Case:
        """The case with this id.

        Raises:
            KeyError: No case has this id.
        """
        return self._decode(case_id, self._index[case_id])

    def line(self, case_id: str) -> int:
        """The 1-based line of the file where the case stands."""
        return self._rows.line(self._index[case_id])

    @property
    def file(self) -> str:
        """The file of the cases, as messages name it."""
        return self._rows.shown_as

    def first(self, n: int) -> Cases:
        """The first ``n`` cases, as an object that reads the same open file."""
        return Cases(self._rows, self.mapping, dict(islice(self._index.items(), n)))

    def close(self) -> None:
        """Close the file of the cases; a temporary copy is deleted."""
        self._rows.close()

    def __enter__(self) -> Cases:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decode(self, case_id: str, row: int) -> Case:
        return decode_case(self._rows.values(row), self.mapping, case_id)


def read_cases(suite: Suite, extra: str | None = None) -> Cases:
    """Read and check every case of ``suite``, or of one of its extra task sets.

    A case without an id gets one from its content, so that it keeps it when rows are reordered or added.

    Raises:
        DataError: The file is missing, empty or unreadable; a row has no question, or an id that another one
            has; a declared column is in no row. Up to 20 problems are listed, each with its line.
        SuiteError: ``cases.fields`` makes no sense.
    """
    at: Location = ("cases",) if extra is None else ("extra_cases", extra)
    config = suite.cases if extra is None else suite.extra_cases[extra]
    path = suite.path(config.path, (*at, "path"))
    if not path.is_file() and not is_hf_folder(path):
        raise DataError(suite.source.problem((*at, "path"), _no_file(path)))
    reader = config.format and reader_for(
        path, shown_as=str(path), format=config.format, plugins=suite.trust.loads_plugins
    )
    declared = [column for columns in declared_columns(suite, at).values() for column in columns]
    facts = ColumnFacts.of_file(path, format=reader, declared=declared)
    try:
        mapping = case_mapping(suite, at, facts)
    except ValueError as error:
        raise DataError(Problem(str(path), None, "", str(error))) from None
    rows = RowIndex(path, shown_as=str(path), format=reader)
    index, problems = _index_rows(rows, mapping)
    if not index and not problems:
        problems.append(Problem(rows.shown_as, None, "", "holds no case; write one row for each question"))
    # A column that no row has explains every row that has no question, so it comes first.
    if facts.rows:
        problems = [*undeclared_problems(suite, at, facts, path.name), *problems]
    if problems:
        rows.close()
        raise DataError.first_of(problems)
    return Cases(rows, mapping, index)


def _index_rows(rows: RowIndex, mapping: ColumnMapping) -> tuple[dict[str, int], list[Problem]]:
    """Id to row of every case, and what is wrong with the other rows."""
    index: dict[str, int] = {}
    content_ids = ContentIds()
    problems: list[Problem] = []
    for row in rows.scan():
        try:
            given = mapping.take(dict(row.values), "id")
            case_id = as_text(given[0]).strip() if given else content_ids.new(row.values)
            decode_case(row.values, mapping, case_id)
        except ValueError as error:
            problems.append(Problem(rows.shown_as, row.line, "", str(error)))
        else:
            if case_id in index:
                first = rows.line(index[case_id])
                message = f"id {case_id!r} is also the id of line {first}; every case needs its own"
                problems.append(Problem(rows.shown_as, row.line, "", message))
            else:
                index[case_id] = len(rows)
                rows.keep(row)
    return index, problems


def decode_case(values: dict[str, Any], mapping: ColumnMapping, case_id: str) -> Case:
    """A case from the columns of its row.

    Raises:
        ValueError: The row has no question, or messages that cannot be one.
    """
    rest = dict(values)
    mapping.take(rest, "id")
    question, earlier, answer = _question(rest, mapping)
    reference = _reference(mapping.take(rest, "reference"), mapping)
    if answer is not None:
        if not answer.strip():
            raise ValueError("the messages end with an empty answer; write it, or leave that message out")
        if reference:
            raise ValueError(
                "the messages end with an answer, and there is a reference too; keep one of them"
            )
        reference = (_without_thoughts(answer),)
    cluster = mapping.take(rest, "cluster", keep=True)
    return Case(
        id=case_id,
        input=question,
        reference=reference,
        messages=earlier,
        tags=as_texts(mapping.take(rest, "tags", keep=True), parse_lists=True),
        cluster=as_text(cluster[0]).strip() if cluster else case_id,
        gold_passages=as_texts(mapping.take(rest, "gold_passages"), parse_lists=True),
        fields=rest,
    )


def _reference(given: list[Any], mapping: ColumnMapping) -> tuple[str, ...]:
    """The accepted answers. Where the whole column of numbers was made floats, 5 is accepted for 5.0 too."""
    answers: list[str] = []
    for value in given:
        plain = whole_number(value) if mapping.floats else value
        if is_answer_messages(value):
            answers.append(answer_of_messages(value))
        elif plain is value:
            answers += accepted_answers([value])
        else:  # a number lost its form when it became a float; a text stands as it was written
            answers += accepted_answers([value, plain] if isinstance(value, str) else [plain, value])
    return tuple(map(_without_thoughts, answers))


def _without_thoughts(answer: str) -> str:
    """An accepted answer behind its think blocks, which are set aside in what a model answers, too."""
    return split_thoughts(answer).answer or answer


def _question(rest: dict[str, Any], mapping: ColumnMapping) -> tuple[str, tuple[Message, ...], str | None]:
    """The question, the turns before it, and the answer where the messages end with one."""
    given, messages = mapping.take(rest, "input", keep=True), mapping.take(rest, "messages")
    if given and is_conversation(given[0]) and not messages:
        given, messages = [], given
    if not given:
        if not messages:
            lacking = (
                mapping.lacking("input") or ": name its column in cases.fields, or call it input or question"
            )
            raise ValueError(f"has no input{lacking}")
        talk: Conversation = split_conversation(messages[0])
        if not talk.question.strip():
            raise ValueError("its last user message is empty")
        return talk.question, talk.earlier, talk.answer
    question = as_text(given[0])
    earlier = read_messages(messages[0]) if messages else ()
    if earlier and earlier[-1] == Message(role="user", content=question):
        earlier = earlier[:-1]
    return question, earlier, None


def _no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder; name a file"
    return f"{path} is not a regular file" if path.exists() else f"no such file: {path}"
