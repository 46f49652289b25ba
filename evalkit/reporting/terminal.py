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
from evalkit.reporting.printer import MAX_WIDTH, Printer
from evalkit.reporting.table import Table

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"go": "bold green", "stay": "bold blue", "wait": "bold yellow", "stop": "bold red"}
EMBEDDED = (
    "This run used the small model that ships with evalkit. It shows the method; its advice does not transfer to "
    "other models."
)


def print_report(records: RunRecords, console: Console) -> None:
    """Print a run: verdict, arms, differences that carry claims, break-even, what would change it, red flags."""
    decision = records.decision
    metrics = {name for arm in records.comparison.arms for name in arm.quality}
    out = Printer(console, {*(arm.name for arm in records.comparison.arms), *map(words.metric_name, metrics)})
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
    out = Printer(console, decision.arms)
    _verdict(out, first_screen(decision))
    _money(out, decision, "the horizon")
    _flags(out, decision)


def print_tables(tables: Iterable[Table], console: Console, *, notes: Iterable[str] = ()) -> None:
    """Print tables under their captions, their notes, and further sentences."""
    tables = list(tables)
    arms = {row.arm for table in tables for row in table.rows}
    firsts = {row.cells[0] for table in tables if not table.columns[0].wraps for row in table.rows}
    out = Printer(console, arms | firsts)
    for table in tables:
        out.table(table, table.caption)
        if table.note:
            out.line(table.note)
    for note in notes:
        out.paragraph(note)


def _verdict(out: Printer, screen: FirstScreen) -> None:
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


def _money(out: Printer, decision: Decision, over: str) -> None:
    table = net_benefit_tables.worth_table(decision, over)
    out.table(table, table.caption)
    level = net_benefit_tables.break_even_table(decision)
    headings = (PAIR, "Counting", "Level at", "90% of futures", "Paid back", "Chance it never pays")
    out.table(level.only(*headings), "Break-even")
    change = net_benefit_tables.would_change_table(decision)
    kept = [column.heading for column in change.columns if column.heading != net_benefit_tables.BY_HAND]
    out.table(change.only(*kept), "What would change the answer")


def _flags(out: Printer, decision: Decision) -> None:
    if decision.red_flags:
        out.line("")
        out.line("Red flags", "bold")
    for flag in decision.red_flags:
        style = "red" if flag.severity == "invalid" else "yellow"
        out.line(f"{words.SEVERITIES[flag.severity]}: {flag.message}", style)
