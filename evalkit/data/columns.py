"""One mapping of a file's columns to the fields it is read for, chosen for the whole file and never row by row.

A first pass over the rows sums up the columns (``ColumnFacts``); the mapping is chosen from that and from what the
suite declares, and every row is then read by it. A row that does not fit is a problem with its line: another column
with a usual name never takes the place of an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.data.fields import ALIASES, OUTPUT_ALIASES, as_text, is_missing
from evalkit.data.protocol import Reader
from evalkit.data.readers import read_rows
from evalkit.errors import Problem, SuiteError, did_you_mean
from evalkit.suite.schema import PromptConfig, PromptUse, Suite
from evalkit.suite.yaml_data import Location

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")  # as evalkit.prompts.template, a floor above, reads it
_WHOLE_TEXT = re.compile(r"-?\d+\.0+")
_SEVERAL_COLUMNS = ("reference", "tags", "gold_passages")
_NUMBERED = ("id", "case_id", "cluster", "tags", "tag", "gold_passages")
_MOST_COLUMNS = 1000  # remembered for messages
_WEIGHTS = ("weight", "sample_weight", "loss_weight", "loss_mask")
# What an instruction is read with, and what its answer is called, in Alpaca's and Dolly's rows.
_INSTRUCTION_TEXTS = ("input", "context")
_INSTRUCTION_ANSWERS = ("output", "response", "completion")
_OF_THE_PROMPT = ("system", "system_prompt", "history")
"""Columns that some tools put before the question of such rows, and of conversations."""
_TRUTHS = frozenset({"true", "false", "0", "1", "0.0", "1.0"})


@dataclass(slots=True)
class ColumnFacts:
    """What one pass over the rows of a file says of its columns.

    Attributes:
        rows: How many there are.
        filled: Rows that have a value, by column, in the order in which the columns appear.
        kinds: The Python types of the values, by column.
        not_whole: Columns in which some value is neither a whole number nor a text such as ``7.0``.
        whole_texts: Columns in which some value is a text such as ``7.0``.
        not_truths: Columns in which some value is neither true nor false, whether as such, as a text, or as 1 and 0.
        declared: Columns that are remembered however many there are.
    """

    rows: int = 0
    filled: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, set[type]] = field(default_factory=dict)
    not_whole: set[str] = field(default_factory=set)
    whole_texts: set[str] = field(default_factory=set)
    not_truths: set[str] = field(default_factory=set)
    declared: frozenset[str] = frozenset()

    @classmethod
    def of_file(
        cls, path: Path, *, format: str | Reader | None = None, declared: Iterable[str] = ()
    ) -> ColumnFacts:
        """The columns of a data file, which is read whole and not kept.

        Raises:
            DataError: The file cannot be read; gives the line.
        """
        facts = cls(declared=frozenset(declared))
        for row in read_rows(path, shown_as=str(path), format=format):
            facts.add(row.values)
        return facts

    def add(self, values: Mapping[str, Any]) -> None:
        """Take up one row."""
        self.rows += 1
        for column, value in values.items():
            if (
                column not in self.filled
                and len(self.filled) >= _MOST_COLUMNS
                and column not in self.declared
            ):
                continue
            missing = is_missing(value)
            self.filled[column] = self.filled.get(column, 0) + (not missing)
            if missing:
                continue
            self.kinds.setdefault(column, set()).add(type(value))
            if column not in self.not_truths and str(value)[:9].strip().lower() not in _TRUTHS:
                self.not_truths.add(column)
            if column not in self.not_whole:
                if isinstance(value, str):
                    whole = _WHOLE_TEXT.fullmatch(value.strip()) is not None
                    self.whole_texts.add(column)
                else:
                    whole = type(value) is int or (type(value) is float and value.is_integer())
                if not whole:
                    self.not_whole.add(column)

    def made_floats(self, column: str) -> bool:
        """Whether the whole column holds whole numbers of which some were made floats: 1.0 stands for 1."""
        floats = float in self.kinds.get(column, ()) or column in self.whole_texts
        return floats and column not in self.not_whole

    def named(self, aliases: Iterable[str]) -> list[str]:
        """The columns that are one of ``aliases``, letter case aside, in the order of the aliases."""
        columns: list[str] = []
        for alias in aliases:
            if alias in self.filled:
                columns.append(alias)
            else:
                columns += [column for column in self.filled if column.strip().lower() == alias]
        return columns


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which columns of a file are read for which field.

    Attributes:
        columns: Field name to columns. Several columns of ``input`` are one text, those of other fields several values.
        form: The name of the published form in which the rows are ("Alpaca"), else "".
        numbered: Columns of ids that were made floats; their 1.0 is read as 1.
        floats: Columns of numbers that were made floats; their 1.0 may be 1.
        other: Columns of the file that no field takes, in order.
    """

    columns: Mapping[str, tuple[str, ...]]
    form: str = ""
    numbered: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    other: tuple[str, ...] = ()

    def take(self, row: dict[str, Any], name: str, *, keep: bool = False) -> list[Any]:
        """The values that a row has for the field ``name``; an empty list where it has none.

        Their columns are removed from ``row`` unless ``keep``: a prompt may also name ``{{question}}`` or a tag's
        column, but never the reference.
        """
        take = row.__getitem__ if keep else row.pop
        columns = [column for column in self.columns.get(name, ()) if not is_missing(row.get(column))]
        values = [
            whole_number(take(column)) if column in self.numbered else take(column) for column in columns
        ]
        if name == "input" and values and len(self.columns[name]) > 1:
            # Without its instruction the rest of the row is no question.
            return [] if columns[0] != self.columns[name][0] else ["\n\n".join(map(as_text, values))]
        return values

    def lacking(self, name: str) -> str:
        """What to say of a row that has no value for a field: which column of this file is read for it."""
        columns = " and ".join(repr(column) for column in self.columns.get(name, ())[:1])
        return f": this file's column for it is {columns}, and this row has nothing there" if columns else ""

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every column of the file that is read or left over."""
        used = (column for columns in self.columns.values() for column in columns)
        return tuple(dict.fromkeys([*used, *self.other]))

    def words(self) -> str:
        """The mapping for people: ``id, input = question, reference = answer``."""
        form = f"{self.form} rows: " if self.form else ""
        fields = (
            name if columns == (name,) else f"{name} = {' + '.join(columns)}"
            for name, columns in self.columns.items()
        )
        return form + ", ".join(fields)


def whole_number(value: Any) -> Any:
    """``1`` for 1.0 and ``"1"`` for ``"1.0"``; anything else as it is.

    >>> whole_number(7.0), whole_number("7.0"), whole_number("7.5"), whole_number(7)
    (7, '7', '7.5', 7)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE_TEXT.fullmatch(value.strip()):
        return value.strip().partition(".")[0]
    return value


def alias_mapping(facts: ColumnFacts, aliases: Mapping[str, tuple[str, ...]]) -> ColumnMapping:
    """The mapping of a file for which a suite declares no columns: for each field the first alias that is a column."""
    return _mapping(facts, {name: tuple(facts.named(names)[:1]) for name, names in aliases.items()})


def case_mapping(suite: Suite, at: Location, facts: ColumnFacts) -> ColumnMapping:
    """The mapping of the suite's cases, or of an extra task set at ``("extra_cases", name)``.

    Raises:
        SuiteError: Several columns are given for a field that takes one.
        ValueError: The rows are of a form that cannot be cases; the message says what to do.
    """
    declared = declared_columns(suite, at)
    chosen = {name: tuple(facts.named(aliases)[:1]) for name, aliases in ALIASES.items()} | declared
    return _recognised(suite, facts, chosen, frozenset(declared))


def example_mapping(suite: Suite, facts: ColumnFacts) -> ColumnMapping:
    """The mapping of demonstrations and training rows: the columns of the cases, with more names for the answer.

    A field whose declared columns the file lacks altogether goes by the usual names.

    Raises:
        ValueError: The rows are of a form that cannot be trained on here; the message says what to do.
    """
    of_file = {
        name: columns
        for name, columns in declared_columns(suite, ("cases",)).items()
        if any(column in facts.filled for column in columns)
    }
    aliases = {**ALIASES, "reference": OUTPUT_ALIASES}
    chosen = {name: tuple(facts.named(names)[:1]) for name, names in aliases.items()} | of_file
    weights = [column for column in facts.named(_WEIGHTS) if column not in shown_columns(suite)]
    chosen["weight"] = tuple(weights)
    return _recognised(suite, facts, chosen, frozenset(of_file))


def declared_columns(suite: Suite, at: Location) -> dict[str, tuple[str, ...]]:
    """Field name to the columns that the suite declares for a task set.

    Raises:
        SuiteError: Several columns are given for a field that takes one.
    """
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


def undeclared_problems(suite: Suite, at: Location, facts: ColumnFacts, file: str) -> Iterator[Problem]:
    """A problem for each declared column that no row has."""
    for name, columns in declared_columns(suite, at).items():
        for column in columns:
            if column not in facts.filled:
                yield suite.source.problem(
                    (*at, "fields", name),
                    f"no row of {file} has a column {column!r}. {did_you_mean(column, sorted(facts.filled))}",
                )


def prompt_fields(suite: Suite) -> frozenset[str]:
    """Every name that the system or user text of a prompt of the suite shows as a ``{{field}}``."""
    prompts: list[PromptConfig | PromptUse] = list(suite.prompts.values())
    prompts += [arm.prompt for arm in suite.arms.values() if isinstance(arm.prompt, PromptUse)]
    return _placeholders(text for prompt in prompts for text in (prompt.user, prompt.system))


def shown_columns(suite: Suite) -> frozenset[str]:
    """Every name that a prompt of the suite, an example's answer or the query of a retriever shows."""
    prompts: list[PromptConfig | PromptUse] = [*suite.prompts.values(), *suite.optimised_prompts.values()]
    prompts += [arm.prompt for arm in suite.arms.values() if isinstance(arm.prompt, PromptUse)]
    texts = [text for prompt in prompts for text in (prompt.system, prompt.user, prompt.answer)]
    queries = [arm.retrieval.query for arm in suite.arms.values() if arm.retrieval is not None]
    return _placeholders([*texts, *queries])


def _placeholders(texts: Iterable[str | None]) -> frozenset[str]:
    return frozenset(match[1].strip() for text in texts if text for match in _PLACEHOLDER.finditer(text))


def _recognised(
    suite: Suite, facts: ColumnFacts, chosen: dict[str, tuple[str, ...]], declared: frozenset[str]
) -> ColumnMapping:
    """The mapping of rows in one of the published forms, as a whole; else ``chosen``."""
    _refuse_preferences(facts, chosen, declared)
    form = ""
    instruction = facts.named(["instruction"])
    if instruction and "input" not in declared and instruction[0] not in shown_columns(suite):
        form, chosen = _with_instruction(suite, facts, chosen, declared, instruction[0])
    elif chosen.get("messages") and not chosen.get("input"):
        form = "ShareGPT" if chosen["messages"][0].strip().lower().startswith("conversation") else "chat"
    if form:
        _refuse_unread_parts(suite, facts, chosen, form)
    return _mapping(facts, chosen, form)


def _refuse_unread_parts(
    suite: Suite, facts: ColumnFacts, chosen: Mapping[str, tuple[str, ...]], form: str
) -> None:
    """Refuse rows of which a part of the prompt lies in a column of its own that nothing shows.

    Raises:
        ValueError: They are such rows.
    """
    used = {column for columns in chosen.values() for column in columns} | shown_columns(suite)
    for column in facts.named(_OF_THE_PROMPT):
        if facts.filled[column] and column not in used:
            turns = column.strip().lower() == "history"
            remedy = (
                "put all turns of a row into a column called messages"
                if turns
                else f"show it by {{{{{column}}}}} in a prompt's system text, or put it into the messages"
            )
            raise ValueError(
                f"holds {form} rows with a column {column!r}, a part of the prompt that would not be read: {remedy}; "
                "if it is none, give the column another name"
            )


def _with_instruction(
    suite: Suite,
    facts: ColumnFacts,
    chosen: dict[str, tuple[str, ...]],
    declared: frozenset[str],
    instruction: str,
) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Alpaca's and Dolly's rows: the instruction is the question, with the text that it is about."""
    rivals = [column for column in chosen.get("input", ()) if column.strip().lower() != "input"]
    if rivals or chosen.get("messages"):
        other = (*rivals, *chosen.get("messages", ()))[0]
        raise ValueError(
            f"has the columns {instruction!r} and {other!r}, and either could be the question: declare one as "
            "cases.fields.input, and show the other in the prompt by its name"
        )
    shown = shown_columns(suite) - {"input"}
    texts = [column for column in facts.named(_INSTRUCTION_TEXTS) if column not in shown][:1]
    answers = facts.named(_INSTRUCTION_ANSWERS)
    changed = {**chosen, "input": (instruction, *texts)}
    if "reference" not in declared and not chosen.get("reference"):
        changed["reference"] = tuple(answers[:1])
    dolly = facts.named(["response"]) and not facts.named(["output"])
    return "Dolly" if dolly else "Alpaca", changed


def _refuse_preferences(
    facts: ColumnFacts, chosen: Mapping[str, tuple[str, ...]], declared: frozenset[str]
) -> None:
    """Refuse rows that say which of two answers is better, or whether an answer is good, where no answer is named.

    Raises:
        ValueError: They are such rows.
    """
    if "reference" in declared:
        return
    if facts.named(["chosen"]) and facts.named(["rejected"]) and not chosen.get("reference"):
        raise ValueError(
            "holds preference rows (chosen, rejected), and evalkit trains on answers, not on preferences: declare "
            "cases.fields.reference: chosen to take the chosen answers, or give a file of questions and answers"
        )
    for label in facts.named(["label", "kto_tag"]):
        # Beside messages a 1 is more often a class than a judgement.
        judged = label not in facts.not_truths if facts.named(["completion"]) else False
        if chosen.get("messages") and not chosen.get("reference"):
            judged |= facts.kinds.get(label) == {bool}
        if judged:
            raise ValueError(
                f"holds rows with a label of good or bad ({label!r}: true or false), and evalkit would train on the "
                f"bad ones too: keep the rows whose {label!r} is true, and leave the column out"
            )


def _mapping(facts: ColumnFacts, chosen: Mapping[str, tuple[str, ...]], form: str = "") -> ColumnMapping:
    used = {column for columns in chosen.values() for column in columns}
    return ColumnMapping(
        columns={name: columns for name, columns in chosen.items() if columns},
        form=form,
        numbered=frozenset(
            column for name in _NUMBERED for column in chosen.get(name, ()) if facts.made_floats(column)
        ),
        floats=frozenset(
            column
            for name in ("reference", "output")
            for column in chosen.get(name, ())
            if facts.made_floats(column)
        ),
        other=tuple(column for column in facts.filled if column not in used),
    )
