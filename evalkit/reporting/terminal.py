"""The report in a terminal: the verdict first, then what it rests on, in at most 100 columns.

Rich leaves colour out where the output is no terminal or NO_COLOR is set. Text of users and models is never read
as markup and loses its control characters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from evalkit.plain import in_encoding, plain
from evalkit.records.decision import Decision
from evalkit.records.run import RunRecords
from evalkit.reporting import net_benefit_tables, words
from evalkit.reporting.arms_tables import LATENCY_LIMITS, arms_table
from evalkit.reporting.client_bottleneck import client_bound
from evalkit.reporting.difference_tables import ADJUSTED_P, PAIR, differences_table
from evalkit.reporting.first_screen import FirstScreen, first_screen
from evalkit.reporting.ledger_tables import horizon
from evalkit.reporting.table import Column, Table
from evalkit.reporting.terminal_layout import Breaker, column_widths, fill, fitted, table_parts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MAX_WIDTH = 100
_STYLES = {"go": "bold green", "stay": "bold blue", "wait": "bold yellow", "stop": "bold red"}
EMBEDDED = (
    "This run used the small model that ships with evalkit. It shows the method; its advice does not transfer to "
    "other models."
)


def print_report(records: RunRecords, console: Console) -> None:
    """Print a run: verdict, arms, differences that carry claims, break-even, what would change it, red flags."""
    decision = records.decision
    metrics = {name for arm in records.comparison.arms for name in arm.quality}
    out = _Printer(
        console, {*(arm.name for arm in records.comparison.arms), *map(words.metric_name, metrics)}
    )
    _verdict(out, first_screen(decision, records))
    if records.embedded:
        out.paragraph(EMBEDDED, "yellow")
    arms = arms_table(records, "candidate")
    headings = [column.heading for column in arms.columns]
    first_price = headings.index("Latency p50")
    kept = [name for name in headings[:first_price] if name != "Kind" or out.width >= MAX_WIDTH]
    out.table(arms.only(*kept), "Quality")
    priced = [name for name in headings[first_price:] if name != LATENCY_LIMITS or out.width >= MAX_WIDTH]
    out.table(arms.only("Arm", *priced), "Speed and cost")
    if (slow_client := client_bound(records)) is not None:
        out.paragraph(slow_client, "yellow")
    claims = differences_table(records, claims=True)
    out.table(
        claims.only(PAIR, "Points", claims.columns[2].heading, ADJUSTED_P, "Cases", "What it shows"),
        claims.caption,
    )
    _money(out, decision, horizon(records))
    _flags(out, decision)


def print_decision(decision: Decision, console: Console) -> None:
    """Print a decision alone, as made again under other assumptions."""
    out = _Printer(console, decision.arms)
    _verdict(out, first_screen(decision))
    _money(out, decision, "the horizon")
    _flags(out, decision)


def print_tables(tables: Iterable[Table], console: Console, *, notes: Iterable[str] = ()) -> None:
    """Print tables under their captions, their notes, and further sentences."""
    tables = list(tables)
    arms = {row.arm for table in tables for row in table.rows}
    firsts = {row.cells[0] for table in tables if not table.columns[0].wraps for row in table.rows}
    out = _Printer(console, arms | firsts)
    for table in tables:
        out.table(table, table.caption)
        if table.note:
            out.line(table.note)
    for note in notes:
        out.paragraph(note)


def _verdict(out: _Printer, screen: FirstScreen) -> None:
    """The first screen: what to do, how sure, why, the figures, what would change it."""
    out.line(screen.headline, _STYLES[screen.tone])
    for sentence in screen.lead:
        out.line(sentence)
    for sentence in screen.points:
        out.line(f"- {sentence}")
    out.line("")
    for fact in screen.facts:
        out.line(f"{fact.label}: {fact.value}{f' ({fact.note})' if fact.note else ''}")
    out.line(f"What would change this answer: {screen.change}")
    if screen.notice:
        out.paragraph(screen.notice, "yellow")


def _money(out: _Printer, decision: Decision, over: str) -> None:
    table = net_benefit_tables.worth_table(decision, over)
    out.table(table, table.caption)
    level = net_benefit_tables.break_even_table(decision)
    headings = (PAIR, "Counting", "Level at", "90% of futures", "Paid back", "Chance it never pays")
    out.table(level.only(*headings), "Break-even")
    change = net_benefit_tables.would_change_table(decision)
    kept = [column.heading for column in change.columns if column.heading != net_benefit_tables.BY_HAND]
    out.table(change.only(*kept), "What would change the answer")


def _flags(out: _Printer, decision: Decision) -> None:
    if decision.red_flags:
        out.line("")
        out.line("Red flags", "bold")
    for flag in decision.red_flags:
        style = "red" if flag.severity == "invalid" else "yellow"
        out.line(f"{words.SEVERITIES[flag.severity]}: {flag.message}", style)


class _Printer:
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
