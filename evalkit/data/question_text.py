"""What a case or a row asks, as one text: what the search for duplicates and leakage compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.data.columns import prompt_fields
from evalkit.data.duplicates import text_digest
from evalkit.data.fields import as_text, is_missing
from evalkit.data.messages import read_messages
from evalkit.records.case import Case, Example
from evalkit.suite.schema import Suite
from evalkit.text.normalise import normalise

_OURS = {"input", "output", "passages", "reference"}


@dataclass(frozen=True, slots=True)
class QuestionText:
    """Builds the text of a question from everything that a prompt shows of it.

    Where the suite's prompts show other columns (a document to read, say), two rows with one instruction and two
    documents are two questions. Earlier turns of a conversation belong to it; system text does not.

    Attributes:
        columns: Other columns that a prompt of the suite shows, sorted.
    """

    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, suite: Suite) -> QuestionText:
        """The question texts that the prompts of ``suite`` show."""
        return cls(tuple(sorted(prompt_fields(suite) - _OURS)))

    def limited_to(self, rows: Iterable[Example]) -> QuestionText:
        """The same without the columns that no row has: they would hide that a row asks what a case asks."""
        present = {
            column for row in rows for column in self.columns if not is_missing(row.fields.get(column))
        }
        return QuestionText(tuple(column for column in self.columns if column in present))

    def of_case(self, case: Case) -> str:
        """The question of a case."""
        turns = [message.content for message in case.messages if message.role != "system"]
        return "\n".join([*turns, *self._shown(case.fields), case.input])

    def input_digest(self, case: Case) -> str:
        """A digest that two cases share when, normalised, they ask the same: whatever a prompt shows of them is equal.

        System text of the case belongs to it here; reference answers do not.
        """
        system = [message.content for message in case.messages if message.role == "system"]
        return text_digest(normalise("\n".join([*system, self.of_case(case)])))

    def of_example(self, example: Example) -> str:
        """The question of a demonstration or a training row."""
        turns = [message.content for message in _earlier(example.fields) if message.role != "system"]
        return "\n".join([*turns, *self._shown(example.fields), example.input])

    def _shown(self, fields: Mapping[str, Any]) -> list[str]:
        values = [fields.get(column) for column in self.columns]
        return [as_text(value) for value in values if not is_missing(value)]


def _earlier(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """The turns before the question, which ``read_examples`` keeps in the column ``messages``."""
    try:
        return read_messages(fields["messages"])
    except (KeyError, ValueError):
        return ()  # none, or a column of the user's own that only has this name
