"""Prints lines and tables to a terminal, in at most 100 columns, with strangers' text made fit for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from evalkit.plain import in_encoding, plain
from evalkit.reporting.table import Column, Table
from evalkit.reporting.terminal_layout import Breaker, column_widths, fill, fitted, table_parts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MAX_WIDTH = 100


class Printer:
    """A console with the report's width, and text made fit for it.

    Args:
        console: Where it is printed.
        names: Names that are never broken over lines.
    """

    def __init__(self, console: Console, names: Collection[str]) -> None:
        self.console = console
        self.width = min(console.width, MAX_WIDTH)
        self.breaker = Breaker({self.plain(name) for name in names if name})

    def plain(self, words_: str) -> str:
        """Text without control characters, in signs that the terminal can show."""
        return in_encoding(plain(words_), self.console.encoding)

    def line(self, words_: str, style: str = "") -> None:
        """Print a text in as many lines as it needs."""
        self._print(self._text(self.breaker.broken(self.plain(words_), self.width), style))

    def paragraph(self, words_: str, style: str = "") -> None:
        """Print a text after an empty line."""
        self.line("")
        self.line(words_, style)

    def table(self, table: Table, title: str) -> None:
        """Print a table; sections inside it are left out, and so is a table without rows."""
        # A pair that belongs to both Holm families stands in the table twice.
        rows = list(dict.fromkeys(row for row in table.rows if row.kind != "section"))
        if not rows:
            return
        starred = [row for row in rows if row.marked]
        self.paragraph(f"{title} (* {starred[0].tag.partition(', ')[0]})" if starred else title, "bold")
        cells = [
            [self.plain(cell) for cell in (f"{row.cells[0]}{'*' * (row in starred)}", *row.cells[1:])]
            for row in rows
        ]
        bold = [row in starred for row in rows]
        widths = column_widths(self.breaker, table.columns, cells)
        parts = table_parts(widths, self.width)
        for number, places in enumerate(parts):
            if number:
                self.line("")
            chosen = [table.columns[place] for place in places]
            part = [[row[place] for place in places] for row in cells]
            self._grid(chosen, part, fitted([widths[place] for place in places], self.width), bold)
        if not parts:
            self._stack(table.columns, cells, bold)

    def _grid(
        self, columns: Sequence[Column], cells: list[list[str]], widths: list[int], bold: list[bool]
    ) -> None:
        """Columns side by side, of widths in which no piece is cut."""
        from rich import box
        from rich.table import Table as Grid

        grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for column, width in zip(columns, widths, strict=True):
            heading = self.breaker.broken(self.plain(column.heading), width)
            grid.add_column(self._text(heading), justify=column.align, overflow="fold", width=width)
        for row, strong in zip(cells, bold, strict=True):
            shown = (
                fill(self.breaker.cell_pieces(text, column, first=place == 0), width, "")
                for place, (text, column, width) in enumerate(zip(row, columns, widths, strict=True))
            )
            grid.add_row(*map(self._text, shown), style="bold" if strong else "")
        self.console.print(grid, width=self.width)

    def _stack(self, columns: Sequence[Column], cells: list[list[str]], bold: list[bool]) -> None:
        """Each row as lines of heading and value, where not even two columns fit side by side."""
        for row, strong in zip(cells, bold, strict=True):
            self._print(self._text(fill([(False, row[0])], self.width, ""), "bold" if strong else ""))
            for column, cell in zip(columns[1:], row[1:], strict=True):
                shown = f"  {self.plain(column.heading)}: {cell}"
                self._print(self._text(self.breaker.broken(shown, self.width, indent="    ")))

    def _text(self, broken: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(broken, style)

    def _print(self, shown: Text) -> None:
        self.console.print(shown, width=self.width)
