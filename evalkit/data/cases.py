"""The task set: read and checked once, then decoded case by case so that memory stays small."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit.data.content_id import ContentIds
from evalkit.data.fields import Fields, as_text, as_texts, case_fields
from evalkit.data.hf_folder import is_hf_folder
from evalkit.data.messages import Conversation, is_conversation, read_messages, split_conversation
from evalkit.data.row_index import RowIndex
from evalkit.errors import DataError, Problem
from evalkit.records.case import Case, Message
from evalkit.records.record import to_json
from evalkit.suite.schema import Suite
from evalkit.suite.source import Location


class Cases:
    """The cases of a suite, in file order.

    Iterating and ``get`` decode a case each time; only ids and file positions are held. Use as a context
    manager, or call ``close``, to close the file early.
    """

    def __init__(self, rows: RowIndex, fields: Fields, index: dict[str, int]) -> None:
        self._rows = rows
        self._fields = fields
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
        return Cases(self._rows, self._fields, dict(islice(self._index.items(), n)))

    def close(self) -> None:
        """Close the file of the cases; a temporary copy is deleted."""
        self._rows.close()

    def __enter__(self) -> Cases:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decode(self, case_id: str, row: int) -> Case:
        return decode_case(self._rows.values(row), self._fields, case_id)


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
    fields = case_fields(suite, at)
    path = suite.path(config.path)
    if not path.is_file() and not is_hf_folder(path):
        raise DataError(suite.source.problem((*at, "path"), _no_file(path)))
    rows = RowIndex(path, shown_as=str(path), format=config.format)
    index: dict[str, int] = {}
    content_ids = ContentIds()
    problems: list[Problem] = []
    for row in rows.scan():
        fields.see(row.values)
        try:
            given = fields.take(dict(row.values), "id")
            case_id = as_text(given[0]).strip() if given else content_ids.new(row.values)
            decode_case(row.values, fields, case_id)
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
    if not index and not problems:
        problems.append(Problem(rows.shown_as, None, "", "holds no case; write one row for each question"))
    # A column that no row has explains every row that has no question, so it comes first.
    if problems := [*fields.undeclared(suite, path.name), *problems]:
        rows.close()
        raise DataError.first_of(problems)
    return Cases(rows, fields, index)


def decode_case(values: dict[str, Any], fields: Fields, case_id: str) -> Case:
    """A case from the columns of its row.

    Raises:
        ValueError: The row has no question, or messages that cannot be one.
    """
    rest = dict(values)
    fields.take(rest, "id")
    question, earlier, answer = _question(
        fields.take(rest, "input", keep=True), fields.take(rest, "messages")
    )
    reference = as_texts(fields.take(rest, "reference"))
    if answer is not None:
        if reference:
            raise ValueError(
                "the messages end with an answer, and there is a reference too; keep one of them"
            )
        reference = (answer,)
    cluster = fields.take(rest, "cluster", keep=True)
    return Case(
        id=case_id,
        input=question,
        reference=reference,
        messages=earlier,
        tags=as_texts(fields.take(rest, "tags", keep=True), parse_lists=True),
        cluster=as_text(cluster[0]).strip() if cluster else case_id,
        gold_passages=as_texts(fields.take(rest, "gold_passages"), parse_lists=True),
        fields=rest,
    )


def _question(given: list[Any], messages: list[Any]) -> tuple[str, tuple[Message, ...], str | None]:
    """The question, the turns before it, and the answer where the messages end with one."""
    if given and is_conversation(given[0]) and not messages:
        given, messages = [], given
    if not given:
        if not messages:
            raise ValueError("has no input: name its column in cases.fields, or call it input or question")
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
    return f"{path} is a folder; name a file" if path.is_dir() else f"no such file: {path}"
