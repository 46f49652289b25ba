"""A table of worded cells: made once from the records, printed by the terminal, Markdown and HTML alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Align = Literal["left", "right"]
RowKind = Literal["plain", "section", "total"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        label: Its heading.
        align: Numbers stand right.
        group: Heading above the headings of neighbouring columns, "" for none.
        wraps: Whether long text may be broken over lines.
    """

    label: str
    align: Align = "left"
    group: str = ""
    wraps: bool = False

    @property
    def heading(self) -> str:
        """Group and label in one line, where there is only one line for both."""
        return f"{self.group} {self.label}".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        cells: As many as there are columns; a ``section`` row has one, which spans them.
        kind: ``section`` is a heading inside the table, ``total`` a sum.
        arm: The arm whose colour is shown beside the first cell, "" for none.
        tag: A word or two after the first cell ("recommended").
        marked: The row stands out: it is that of the arm to run.
    """

    cells: tuple[str, ...]
    kind: RowKind = "plain"
    arm: str = ""
    tag: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A captioned table.

    Attributes:
        name: Unique in a report; the anchor in HTML.
        caption: What it shows.
        note: What a reader has to know to read it.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def only(self, *headings: str) -> Table:
        """The same table with fewer columns, in the order given."""
        index = {column.heading: place for place, column in enumerate(self.columns)}
        places = [index[heading] for heading in headings]
        rows = tuple(
            row if row.kind == "section" else replace(row, cells=tuple(row.cells[place] for place in places))
            for row in self.rows
        )
        return replace(self, columns=tuple(self.columns[place] for place in places), rows=rows)


def left(label: str, *, wraps: bool = False) -> Column:
    """A column of words."""
    return Column(label, wraps=wraps)


def right(label: str, group: str = "") -> Column:
    """A column of numbers."""
    return Column(label, "right", group)
