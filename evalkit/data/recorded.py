"""Answers made elsewhere, read from a file of rows ``case_id, output``; ``data.answer_columns`` has all the names."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

import msgspec

from evalkit.data.answer_columns import Figures, answer_mapping, given_number, renamed
from evalkit.data.columns import ColumnFacts, ColumnMapping, whole_number
from evalkit.data.fields import as_text, is_missing, parse_list
from evalkit.data.messages import answer_of_messages, is_answer_messages
from evalkit.data.row_index import RowIndex
from evalkit.errors import DataError, Problem
from evalkit.records.case import Passage
from evalkit.records.record import Record
from evalkit.records.sample import Completion, FinishReason, Timing, Usage

_Key = tuple[str, int]

_TEXTS = ("case_id", "output", "error", "answering_model")
_MOST_TOKENS = 10**10
_MOST_MONEY = 10**9
_LARGEST = {"repeat": 10**6, "service_s": 1e7, "ttft_s": 1e7}  # seconds: four months


class RecordedAnswer(Record, frozen=True, kw_only=True):
    """One recorded answer. It has an ``output`` or an ``error``.

    Attributes:
        service_s: Seconds from the request to the last token, where it was measured.
        ttft_s: Seconds to the first token.
        cost: Money of the answer, where the file states it.
        error: Why there is no answer: such a case is missing, not wrong.
        answering_model: The id of the model that answered, where the file says it.
    """

    case_id: str
    repeat: int = 0
    output: str | None = None
    finish_reason: FinishReason = "stop"
    usage: Usage | None = None
    service_s: float | None = None
    ttft_s: float | None = None
    cost: Decimal | None = None
    passages: tuple[Passage, ...] = ()
    error: str | None = None
    answering_model: str | None = None

    def completion(self) -> Completion:
        """The row as a model's completion; call it only where the row has an output."""
        return Completion(
            output=self.output or "",
            finish_reason=self.finish_reason,
            usage=self.usage,
            timing=Timing(service_s=self.service_s, ttft_s=self.ttft_s),
            passages=self.passages,
            answering_model=self.answering_model,
            cost=self.cost,
        )


_OWN_NAMES = {
    name: (name,) for name in ("repeat", "finish_reason", "usage", "passages", "error", "answering_model")
}  # beside those of ``data.answer_columns``


class RecordedAnswers(Mapping[_Key, RecordedAnswer]):
    """Answers by ``(case_id, repeat)``, decoded on demand; only keys and file positions are held.

    Where the whole column of ids was made floats, 1.0 is found as 1.

    Attributes:
        mapping: Which columns of the file are read for which field of an answer.
        figures: Money, seconds and tokens of all answers.
    """

    def __init__(
        self, rows: RowIndex, index: dict[_Key, int], mapping: ColumnMapping, figures: Figures
    ) -> None:
        self._rows = rows
        self._index = index
        self.mapping = mapping
        self.figures = figures

    def __getitem__(self, key: _Key) -> RecordedAnswer:
        if key not in self._index and self.mapping.numbered:
            key = (whole_number(key[0]), key[1])
        return _answer(self._rows.values(self._index[key]), self.mapping)

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def of_no_case(self, case_ids: Container[str]) -> list[str]:
        """The ids of the file that are no case's, each once, in file order."""
        plain = self.mapping.numbered
        return list(
            dict.fromkeys(
                case_id
                for case_id, _ in self._index
                if case_id not in case_ids and not (plain and f"{case_id}.0" in case_ids)
            )
        )

    def close(self) -> None:
        """Close the file of the answers."""
        self._rows.close()


def read_recorded(path: Path) -> RecordedAnswers:
    """Read and check a file of recorded answers.

    Raises:
        DataError: The file is missing, empty or unreadable; a row has no ``case_id``, neither output nor error,
            a value of the wrong kind, or the case and repeat of an earlier row. Up to 20 problems, with lines.
    """
    mapping = answer_mapping(ColumnFacts.of_file(path), also=_OWN_NAMES)
    rows = RowIndex(path, shown_as=str(path))
    index: dict[_Key, int] = {}
    problems: list[Problem] = []
    figures = Figures()
    for row in rows.scan():
        try:
            answer = _answer(row.values, mapping)
        except ValueError as error:
            problems.append(Problem(str(path), row.line, "", str(error)))
            continue
        key = (answer.case_id, answer.repeat)
        if key in index:
            message = f"case {key[0]!r} repeat {key[1]} was already answered on line {rows.line(index[key])}"
            problems.append(Problem(str(path), row.line, "", message))
            continue
        index[key] = len(rows)
        rows.keep(row)
        figures.add(
            service_s=answer.service_s,
            ttft_s=answer.ttft_s,
            cost=None if answer.cost is None else float(answer.cost),
            tokens=None if answer.usage is None else (answer.usage.prompt, answer.usage.output),
        )
    if not index and not problems:
        problems.append(Problem(str(path), None, "", "holds no answer; rows are case_id, output"))
    if problems:
        rows.close()
        raise DataError.first_of(problems)
    return RecordedAnswers(rows, index, mapping, figures)


def _answer(row: dict[str, Any], mapping: ColumnMapping) -> RecordedAnswer:
    """The answer of a row.

    Raises:
        ValueError: It cannot be one; the message says why.
    """
    values = renamed(row, mapping)
    columns = {name: value for name, value in values.items() if name in mapping.columns}
    given = {
        name: _opened(value) for name, value in columns.items() if name == "output" or not is_missing(value)
    }
    if "case_id" not in given:
        raise ValueError("has no case_id")
    if given.get("output") is None and "error" not in given:
        raise ValueError(
            'has neither an output nor an error; write "output": "" in JSONL for an empty answer'
        )
    for name in _TEXTS:
        if given.get(name) is not None:
            given[name] = as_text(values[name])
    given["case_id"] = given["case_id"].strip()
    if given.get("output") is not None:
        given["output"] = _output(values["output"], mapping)
    if isinstance(passages := given.get("passages"), list):
        given["passages"] = [{"id": item} if isinstance(item, str) else item for item in passages]
    tokens = [given_number(name, given.pop(name, None)) for name in ("input_tokens", "output_tokens")]
    if "usage" not in given and tokens != [None, None]:
        given["usage"] = _usage(*tokens)
    cost = _money(given.pop("cost", None), mapping)
    # A table's cells are text: numbers are read from it.
    lax = {name: value for name, value in given.items() if name not in _TEXTS}
    try:
        checked = msgspec.convert({**lax, "case_id": given["case_id"]}, RecordedAnswer, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(_fault_words(str(error))) from None
    _refuse_implausible(checked)
    texts = {name: given.get(name) for name in _TEXTS if name != "case_id"}
    return msgspec.structs.replace(checked, cost=cost, **texts)


def _fault_words(fault: str) -> str:
    """What is wrong with a value, in the words of the file."""
    said, _, at = fault.partition(" - at ")
    column = at.strip("`").removeprefix("$.")
    if said.endswith(">= 0"):
        return f"{column} is negative, which no answer can have"
    if column == "finish_reason":
        return f"{column}: {said}; one of {', '.join(get_args(FinishReason))}"
    return f"{column}: {said}" if column else said


def _output(value: Any, mapping: ColumnMapping) -> str:
    """An answer as text: the assistant's of messages; 1 for 1.0 where the whole column of numbers was made floats.

    Raises:
        ValueError: Its messages do not end with an assistant's, or hold two of them.
    """
    if is_answer_messages(value):
        return answer_of_messages(value)
    return as_text(whole_number(value) if isinstance(value, float) and mapping.floats else value)


def _usage(prompt: int | None, output: int | None) -> dict[str, int]:
    if prompt is None or output is None:
        raise ValueError("has one of input_tokens and output_tokens; give both or neither")
    return {"input": prompt, "output": output}


def _money(value: Any, mapping: ColumnMapping) -> Decimal | None:
    if value is None:
        return None
    column = mapping.columns["cost"][0]
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= _MOST_MONEY:
        raise ValueError(f"{column} is {str(value)[:80]!r}; give an amount of money, without its currency")
    return amount


def _refuse_implausible(answer: RecordedAnswer) -> None:
    """Refuse figures that no answer can have: later they would break sums and arrays, with no line to point at.

    Raises:
        ValueError: A figure is negative, or far beyond what one answer can take.
    """
    usage = {} if answer.usage is None else {f"usage.{name}": count for name, count in _counts(answer.usage)}
    figures = {"repeat": answer.repeat, "service_s": answer.service_s, "ttft_s": answer.ttft_s, **usage}
    for name, figure in figures.items():
        if figure is not None and not 0 <= figure <= _LARGEST.get(name, _MOST_TOKENS):
            raise ValueError(f"{name} is {figure:g}, which no answer can have")


def _counts(usage: Usage) -> Iterator[tuple[str, int]]:
    return ((name, getattr(usage, name)) for name in usage.__struct_fields__)


def _opened(value: Any) -> Any:
    """JSON lists and objects that a table's cell holds as text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            return value
    return parse_list(value)
