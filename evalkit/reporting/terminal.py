"""The report in a terminal: the verdict first, then what it rests on, in at most 100 columns.

Rich leaves colour out where the output is no terminal or NO_COLOR is set. Text of users and models is never read
as markup and loses its control characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from evalkit.records.decision import Decision
from evalkit.records.run import RunRecords
from evalkit.reporting import net_benefit_tables, words
from evalkit.reporting.arms_tables import LATENCY_LIMITS, arms_table
from evalkit.reporting.client_bottleneck import client_bound
from evalkit.reporting.difference_tables import ADJUSTED_P, PAIR, differences_table
from evalkit.reporting.first_screen import FirstScreen, first_screen
from evalkit.reporting.ledger_tables import horizon
from evalkit.reporting.table import Table
from evalkit.text.number_format import MINUS

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

MAX_WIDTH = 100
_NAMES = 18  # names up to here are not broken where room is short
_STYLES = {"go": "bold green", "stay": "bold blue", "wait": "bold yellow", "stop": "bold red"}
_ASCII = str.maketrans({MINUS: "-", "–": "-", "“": '"', "”": '"', "’": "'", "×": "x", "…": "..."})
EMBEDDED = (
    "This run used the small model that ships with evalkit. It shows the method; its advice does not transfer to "
    "other models."
)


def print_report(records: RunRecords, console: Console) -> None:
    """Print a run: verdict, arms, differences that carry claims, break-even, what would change it, red flags."""
    decision = records.decision
    out = _Printer(console)
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
    out = _Printer(console)
    _verdict(out, first_screen(decision))
    _money(out, decision, "the horizon")
    _flags(out, decision)


def print_tables(tables: Iterable[Table], console: Console, *, notes: Iterable[str] = ()) -> None:
    """Print tables under their captions, their notes, and further sentences."""
    out = _Printer(console)
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
    """A console with the report's width, and text made fit for it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = min(console.width, MAX_WIDTH)

    def text(self, words_: str, style: str = "") -> Text:
        from rich.text import Text

        clean = words.plain(words_)
        encoding = self.console.encoding
        if not encoding.lower().startswith("utf"):
            clean = clean.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
        return Text(clean, style)

    def line(self, words_: str, style: str = "") -> None:
        self._print(self.text(words_, style))

    def paragraph(self, words_: str, style: str = "") -> None:
        self.line("")
        self.line(words_, style)

    def table(self, table: Table, title: str) -> None:
        """Print a table; sections inside it are left out, and so is a table without rows."""
        from rich import box
        from rich.table import Table as Grid

        # A pair that belongs to both Holm families stands in the table twice.
        rows = list(dict.fromkeys(row for row in table.rows if row.kind != "section"))
        if not rows:
            return
        grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        names = max(self.text(row.cells[0]).cell_len for row in rows)
        for place, column in enumerate(table.columns):
            whole = place == 0 and names < _NAMES
            grid.add_column(self.text(column.heading), justify=column.align, overflow="fold", no_wrap=whole)
        for row in rows:
            tag = "*" if "recommended" in row.tag else ""
            cells: Iterable[str] = (f"{row.cells[0]}{tag}", *row.cells[1:])
            grid.add_row(*map(self.text, cells), style="bold" if tag else "")
        starred = any("recommended" in row.tag for row in rows)
        self.paragraph(f"{title} (* recommended)" if starred else title, "bold")
        self._print(grid)

    def _print(self, shown: RenderableType) -> None:
        self.console.print(shown, width=self.width)
