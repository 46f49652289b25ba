"""What a case asks and accepts, as a digest: two runs gave answers to the same question only where it is the same."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.data.columns import ColumnMapping, shown_columns
from evalkit.digest import digest_of
from evalkit.records.case import Case
from evalkit.suite.schema import Suite

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class CaseContent:
    """Digests cases without what only sorts them: tags and cluster, unless a prompt or a query shows their columns.

    Attributes:
        sorting: Columns that are left out.
    """

    sorting: frozenset[str] = frozenset()

    @classmethod
    def of(cls, suite: Suite, mapping: ColumnMapping) -> CaseContent:
        """For the cases of ``suite``, whose columns are read as ``mapping`` says."""
        columns = {column for name in ("tags", "cluster") for column in mapping.columns.get(name, ())}
        return cls(frozenset(columns - shown_columns(suite)))

    def digest(self, case: Case) -> str:
        """12 hex digits of question, earlier turns, accepted answers, gold passages and all other columns."""
        fields = {name: value for name, value in case.fields.items() if name not in self.sorting}
        turns = [[message.role, message.content] for message in case.messages]
        return digest_of([case.input, turns, case.reference, case.gold_passages, fields])[:_DIGITS]
