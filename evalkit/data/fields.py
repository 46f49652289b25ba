"""Which column of a row is which field of a case: the usual column names, and those that a suite declares."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evalkit.errors import Problem, SuiteError, did_you_mean
from evalkit.suite.schema import Suite
from evalkit.suite.source import Location

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "sample_id", "doc_id"),
    "input": ("input", "question", "user_input", "prompt"),
    "reference": ("reference", "target", "expected_output", "ground_truth", "ideal", "answer"),
    "messages": ("messages",),
    "tags": ("tags", "tag"),
    "cluster": ("cluster", "group"),
    "gold_passages": ("gold_passages", "docs", "reference_context_ids"),
}
OUTPUT_ALIASES = (*ALIASES["reference"], "output", "completion", "response")
"""What the answer of a demonstration or a training row may be called."""

_SEVERAL_COLUMNS = ("reference", "tags", "gold_passages")
_MOST_COLUMNS = 1000  # remembered for messages


@dataclass(slots=True)
class Fields:
    """Takes the fields of a case out of a row, and remembers which columns it has seen.

    Attributes:
        declared: Field name to the file's columns; wins over the aliases.
        aliases: Field name to the columns looked for, in order, letter case aside, where nothing is declared.
        strict: Look only for the declared column; else fall back to the aliases where a row lacks it.
        at: Where the suite declares them.
    """

    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ALIASES)
    strict: bool = True
    at: Location = ("cases", "fields")
    seen: set[str] = field(default_factory=set)

    def see(self, columns: Iterable[str]) -> None:
        """Remember the column names of a row, for ``undeclared``."""
        if len(self.seen) >= _MOST_COLUMNS:
            columns = set(columns).intersection(itertools.chain(*self.declared.values()))
        self.seen.update(columns)

    def take(self, row: dict[str, Any], name: str, *, keep: bool = False) -> list[Any]:
        """The values that a row has for the field ``name``; an empty list where it has none.

        Their columns are removed from ``row`` unless ``keep``: a prompt may also name ``{{question}}`` or a tag's
        column, but never the reference.
        """
        take = row.__getitem__ if keep else row.pop
        if columns := self.declared.get(name):
            values = [take(column) for column in columns if not is_missing(row.get(column))]
            if values or self.strict:
                return values
        for column in _in_order(tuple(row), self.aliases.get(name, ())):
            if not is_missing(row[column]):
                return [take(column)]
        return []

    def undeclared(self, suite: Suite, file: str) -> Iterator[Problem]:
        """A problem for each declared column that no row has had."""
        for name, columns in self.declared.items():
            for column in columns:
                if column not in self.seen:
                    yield suite.source.problem(
                        (*self.at, name),
                        f"no row of {file} has a column {column!r}. {did_you_mean(column, sorted(self.seen))}",
                    )


def case_fields(suite: Suite, at: Location = ("cases",)) -> Fields:
    """The fields of the suite's cases, or of an extra task set at ``("extra_cases", name)``.

    Raises:
        SuiteError: Several columns are given for a field that takes one.
    """
    return Fields(declared=_declared(suite, at), at=(*at, "fields"))


def example_fields(suite: Suite) -> Fields:
    """The fields of demonstrations and training rows: those of the cases, with more names for the answer."""
    return Fields(
        declared=_declared(suite, ("cases",)), aliases={**ALIASES, "reference": OUTPUT_ALIASES}, strict=False
    )


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


def parse_list(value: Any) -> Any:
    """The list that a text holds as JSON; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return msgspec.json.decode(value, type=list[Any])
        except (msgspec.MsgspecError, RecursionError):
            return value
    return value


def _declared(suite: Suite, at: Location) -> dict[str, tuple[str, ...]]:
    declared: dict[str, tuple[str, ...]] = {}
    config = suite.cases if at == ("cases",) else suite.extra_cases[str(at[-1])]
    for name, columns in config.fields.items():
        listed = (columns,) if isinstance(columns, str) else tuple(columns)
        if len(listed) != 1 and name not in _SEVERAL_COLUMNS:
            raise SuiteError(
                suite.source.problem((*at, "fields", name), f"takes one column, not {len(listed)}")
            )
        declared[name] = listed
    return declared


# The rows of a file have the same columns, and every field is looked for in each row.
@functools.lru_cache(maxsize=256)
def _in_order(columns: tuple[str, ...], aliases: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are one of ``aliases``, in the order of the aliases."""
    matching: list[str] = []
    for alias in aliases:
        if alias in columns:
            matching.append(alias)
        else:
            matching += [column for column in columns if column.strip().lower() == alias]
    return tuple(matching)
