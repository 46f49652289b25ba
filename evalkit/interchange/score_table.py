"""A table of scores that were measured elsewhere: one row for each case and arm, one column for each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from evalkit.data.answer_columns import ANSWER_COLUMNS, Figures, answer_mapping, is_measure, renamed
from evalkit.data.columns import ColumnFacts, ColumnMapping
from evalkit.data.fields import as_text, is_missing
from evalkit.data.protocol import Row
from evalkit.data.readers import read_rows
from evalkit.errors import MOST_PROBLEMS, DataError, Problem, did_you_mean
from evalkit.records.arm import ArmKind
from evalkit.records.manifest import CaseFacts

_NAMES = ("case_id", "arm")
_OPTIONAL = (
    "arm_kind",
    "seed",
    "output",
    "answering_model",
    "input_tokens",
    "output_tokens",
    "prefix_tokens",
    "cost",
    "latency_s",
    "cluster",
    "tag",
)
_LARGEST_SEED = 2**53
_MOST_TOKENS = 10**10


@dataclass(frozen=True, slots=True)
class TableRow:
    """One arm's answer to one case: the scores, and what else the row gives.

    Attributes:
        seed: Of the training that answered; None where the row gives none.
        scores: By metric, in [0, 1]; None where the cell is empty.
        answering_model: The id of the model that answered, as its provider said it; None where the row gives none.
        prefix_tokens: Tokens at the start of its prompt that all requests of the arm share; None where not given.
        cost: Money of the answer, in the currency of the suite.
    """

    line: int
    case_id: str
    arm: str
    seed: int | None
    scores: Mapping[str, float | None]
    output: str | None
    answering_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    prefix_tokens: int | None
    cost: Decimal | None
    latency_s: float | None


@dataclass(slots=True)
class ImportedScores:
    """The scores of a whole table.

    Attributes:
        metrics: Columns that hold scores, in order.
        kinds: Arm to the kind it states, None where it states none; in order of appearance.
        clusters: Case to its cluster; the case's own id where none is given. In order of appearance.
        tags: Case to its tag, where it has one.
        mapping: Which columns of the file are read for which field of a row.
        notes: How columns are read where that may surprise, and figures whose unit is doubtful; one sentence each.
    """

    file: str
    metrics: tuple[str, ...] = ()
    rows: list[TableRow] = field(default_factory=list)
    kinds: dict[str, ArmKind | None] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    mapping: ColumnMapping = field(default_factory=lambda: ColumnMapping({}))
    notes: list[str] = field(default_factory=list)

    def cases(self) -> Iterator[CaseFacts]:
        """Id, cluster and tags of each case, in order of appearance."""
        for case_id, cluster in self.clusters.items():
            tag = self.tags.get(case_id)
            yield CaseFacts(id=case_id, cluster=cluster, tags=() if tag is None else (tag,))

    def seeds(self, arm: str) -> tuple[int, ...]:
        """The training seeds that an arm's rows give, rising; empty where they give none."""
        return tuple(sorted({row.seed for row in self.rows if row.arm == arm and row.seed is not None}))

    def prefix_tokens(self) -> dict[str, float]:
        """By arm, the mean of ``prefix_tokens`` over the rows that give it; arms without one are left out."""
        given: dict[str, list[int]] = {}
        for row in self.rows:
            if row.prefix_tokens is not None:
                given.setdefault(row.arm, []).append(row.prefix_tokens)
        return {arm: sum(tokens) / len(tokens) for arm, tokens in given.items()}


def read_score_table(path: Path) -> ImportedScores:
    """Read and check a table; CSV, TSV, JSONL or Parquet.

    One mapping of columns serves the whole file. Columns are ``case_id``, ``arm``, the optional ones (``arm_kind``,
    ``seed``, ``output``, ``answering_model``, ``input_tokens``, ``output_tokens``, ``prefix_tokens``, ``cost``,
    ``latency_s``, ``cluster``, ``tag``) and one for each metric; the other names that ``data.answer_columns`` lists
    are read too. A column whose name says money, time, tokens, a count or an error is never a metric. An empty cell
    is a missing value, never 0. Rows of one case and arm with different seeds are trainings of that arm.

    Raises:
        DataError: A column is missing, a score lies outside [0, 1], a case, arm and seed stand in two rows, some rows
            of an arm have a seed and others none, a kind does not exist, a case has two clusters or an arm two kinds.
            Up to 20 problems, each with its line.
    """
    own = {name: (name,) for name in (*_NAMES, *_OPTIONAL) if name not in (*ANSWER_COLUMNS, "latency_s")}
    mapping = answer_mapping(ColumnFacts.of_file(path), also={**own, "ttft_s": ()})
    reader = _TableReader(ImportedScores(str(path), mapping=mapping))
    for row in read_rows(path, shown_as=str(path)):
        reader.add(row)
        if len(reader.problems) >= MOST_PROBLEMS:
            break
    if not reader.table.rows and not reader.problems:
        reader.problems.append(Problem(str(path), None, "", "holds no row"))
    if reader.problems:
        raise DataError.first_of(reader.problems)
    reader.table.notes = [*_notes(reader.table), *reader.figures.doubts(mapping)]
    return reader.table


def _notes(table: ImportedScores) -> Iterator[str]:
    """Columns that are read under another name, columns that are not read, and ids that may be one."""
    for name, (column, *_) in table.mapping.columns.items():
        if column not in (name, "latency_s"):
            yield f"column {column} is read as {'latency_s' if name == 'service_s' else name}"
    if unread := [repr(column) for column in table.mapping.other if column not in table.metrics]:
        yield (
            f"not read: {', '.join(unread)}. Names that say money, time, tokens, a count or an error are no scores; "
            f"read are {', '.join((*_NAMES, *_OPTIONAL))}, and latency_ms in place of latency_s"
        )
    twins = [case_id for case_id in table.clusters if f"{case_id}.0" in table.clusters]
    if twins:
        yield f"{len(twins):,} cases have two ids such as {twins[0]!r} and {twins[0] + '.0'!r}; are they the same case?"


class _TableReader:
    """Takes up one row after the other and collects what is wrong with them."""

    def __init__(self, table: ImportedScores) -> None:
        self.table = table
        self.problems: list[Problem] = []
        self.figures = Figures()
        self._seen: dict[tuple[str, str, int | None], int] = {}
        self._seeded: dict[str, tuple[bool, int]] = {}
        self._first: dict[tuple[str, str], tuple[str, int]] = {}

    def add(self, row: Row) -> None:
        try:
            values = renamed(row.values, self.table.mapping)
            if "service_s" in values:
                values["latency_s"] = values.pop("service_s")
            if not self.table.metrics:
                self.table.metrics = self._metrics(values)
            answer = self._row(row.line, values)
            self.table.rows.append(answer)
            tokens = (answer.input_tokens, answer.output_tokens)
            self.figures.add(
                service_s=answer.latency_s,
                ttft_s=None,
                cost=None if answer.cost is None else float(answer.cost),
                tokens=None if tokens[0] is None or tokens[1] is None else (tokens[0], tokens[1]),
            )
        except ValueError as error:
            self.problems.append(Problem(self.table.file, row.line, "", str(error)))

    def _metrics(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        columns = list(values)
        lacking = [name for name in _NAMES if name not in columns]
        metrics = tuple(
            name for name in columns if name not in (*_NAMES, *_OPTIONAL) and not is_measure(name)
        )
        words = ""
        if lacking:
            words = f"there is no column {lacking[0]!r}. {did_you_mean(lacking[0], columns)}"
        elif not metrics:
            words = (
                f"there is no metric: add a column of scores; {', '.join((*_NAMES, *_OPTIONAL))} hold none"
            )
        if words:
            raise DataError(Problem(self.table.file, 1, "", words))
        return metrics

    def _row(self, line: int, values: Mapping[str, Any]) -> TableRow:
        for name in _NAMES:
            if is_missing(values.get(name)):
                raise ValueError(f"has no {name}")
        named = (*_NAMES, *_OPTIONAL, *self.table.metrics)
        if unknown := [name for name in values if name not in named and not is_measure(name)]:
            raise ValueError(f"has a column {unknown[0]!r} that the first row lacks")
        case_id, arm = as_text(values["case_id"]).strip(), as_text(values["arm"]).strip()
        seed = _whole("seed", values, most=_LARGEST_SEED)
        self._check_seed(line, case_id, arm, seed)
        self._check_constants(line, case_id, arm, values)
        answer = TableRow(
            line=line,
            case_id=case_id,
            arm=arm,
            seed=seed,
            scores={name: _score(name, values.get(name)) for name in self.table.metrics},
            output=None if is_missing(values.get("output")) else as_text(values["output"]),
            answering_model=None
            if is_missing(said := values.get("answering_model"))
            else as_text(said).strip(),
            input_tokens=_whole("input_tokens", values),
            output_tokens=_whole("output_tokens", values),
            prefix_tokens=_whole("prefix_tokens", values),
            cost=_money(values),
            latency_s=_seconds(values),
        )
        if (answer.input_tokens is None) != (answer.output_tokens is None):
            raise ValueError("has one of input_tokens and output_tokens; give both or neither")
        if (answer.prefix_tokens or 0) > (answer.input_tokens or 0) and answer.input_tokens is not None:
            raise ValueError(
                f"prefix_tokens is {answer.prefix_tokens} and input_tokens {answer.input_tokens}: the prefix is a part "
                "of the input"
            )
        return answer

    def _check_seed(self, line: int, case_id: str, arm: str, seed: int | None) -> None:
        """One row for each case, arm and training; an arm's rows all name their training, or none does."""
        if (earlier := self._seen.setdefault((case_id, arm, seed), line)) != line:
            what = f"case {case_id!r} and arm {arm!r}" + ("" if seed is None else f" of seed {seed}")
            raise ValueError(
                f"{what} already stand on line {earlier}; keep one row, or give each training of an arm its number in "
                "a column seed"
            )
        seeded, at = self._seeded.setdefault(arm, (seed is not None, line))
        if seeded != (seed is not None):
            with_one, without = (at, line) if seeded else (line, at)
            raise ValueError(
                f"arm {arm!r} has a seed on line {with_one} and none on line {without}; give all or none"
            )

    def _check_constants(self, line: int, case_id: str, arm: str, values: Mapping[str, Any]) -> None:
        """Keep the kind of the arm, and cluster and tag of the case: each must be the same in all its rows."""
        kind = self._same("arm_kind", arm, line, values)
        if kind is not None and kind not in list(ArmKind):
            raise ValueError(f"no arm_kind is called {kind!r}. {did_you_mean(kind, list(ArmKind))}")
        if self.table.kinds.get(arm) is None:
            self.table.kinds[arm] = None if kind is None else ArmKind(kind)
        cluster = self._same("cluster", case_id, line, values)
        if cluster is not None or case_id not in self.table.clusters:
            self.table.clusters[case_id] = cluster or case_id
        if (tag := self._same("tag", case_id, line, values)) is not None:
            self.table.tags[case_id] = tag

    def _same(self, column: str, of: str, line: int, values: Mapping[str, Any]) -> str | None:
        if is_missing(values.get(column)):
            return None
        value = as_text(values[column]).strip()
        before, at = self._first.setdefault((column, of), (value, line))
        if before != value:
            raise ValueError(f"{column} of {of!r} is {value!r} here and {before!r} on line {at}")
        return value


def _score(name: str, value: Any) -> float | None:
    if is_missing(value):
        return None
    try:
        number = _number(f"metric {name!r}", value)
    except ValueError as error:
        raise ValueError(
            f"{error}: write a number from 0 to 1 (1 for true, 0 for false), or leave the cell empty"
        ) from None
    if not 0 <= number <= 1:
        raise ValueError(
            f"metric {name!r} is {number:g}, outside [0, 1]; divide percentages by 100, and leave columns out that "
            "are no score"
        )
    return number


def _whole(name: str, values: Mapping[str, Any], *, most: int = _MOST_TOKENS) -> int | None:
    if is_missing(values.get(name)):
        return None
    number = _number(name, values[name])
    if not 0 <= number <= most or number != int(number):
        raise ValueError(
            f"{name} is {number:g}; give a whole number" + ("" if name == "seed" else " of tokens")
        )
    return int(number)


def _money(values: Mapping[str, Any]) -> Decimal | None:
    value = values.get("cost")
    if is_missing(value):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"cost is {value!r}; give an amount of money, without its currency")
    return amount


def _seconds(values: Mapping[str, Any]) -> float | None:
    if is_missing(values.get("latency_s")):
        return None
    seconds = _number("latency_s", values["latency_s"])
    if seconds < 0:
        raise ValueError(f"latency_s is {seconds:g}; give seconds")
    return seconds


def _number(named: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{named} is {as_text(value)!r}, which is no number")
    return number
