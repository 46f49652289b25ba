"""In a terminal of 60, 80 or 120 columns no number, amount or name is broken over lines."""

from __future__ import annotations

import io
import json
import re
import shutil

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from evalkit.records.record import from_json, to_json
from evalkit.records.run import RunRecords
from evalkit.reporting import net_benefit_tables, words
from evalkit.reporting.arms_tables import arms_table
from evalkit.reporting.client_bottleneck import client_bound
from evalkit.reporting.difference_tables import differences_table
from evalkit.reporting.first_screen import first_screen
from evalkit.reporting.ledger_tables import horizon
from evalkit.reporting.table import Row, Table, left, right
from evalkit.reporting.terminal import EMBEDDED, print_report, print_tables
from evalkit.reporting.terminal_layout import Breaker
from tests.builders.recorded_runs import FIXTURES, read_records

WIDTHS = (60, 80, 120)
SHAPES = FIXTURES / "failing" / "newcomer-figures-broken-over-lines"
OTHER_NAMES = {
    "few_shot": "few shot 8 examples",
    "rag": "检索增强生成 v2",
    "fine_tuned": "support_desk_fine_tuned_with_retrieval.v2",
    "accuracy": "exact answer share",
}


CODES = {"kind", "verdict", "family", "method", "status", "role", "reason", "basis"}
"""Fields whose values are words of the product, not names that a user gives."""


def renamed(value):
    """The record with other names of arms and metrics, as a user may give them."""
    if isinstance(value, dict):
        return {
            OTHER_NAMES.get(key, key): item if key in CODES else renamed(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [renamed(item) for item in value]
    return OTHER_NAMES.get(value, value) if isinstance(value, str) else value


def with_long_names(records: RunRecords) -> RunRecords:
    """Names with spaces, of Chinese letters, and of forty letters; amounts with a code for the currency."""
    run = from_json(json.dumps(renamed(json.loads(to_json(records)))), RunRecords)
    return replace(run, decision=replace(run.decision, currency="CHF"))


def texts_of(records: RunRecords) -> list[str]:
    """Every text that the terminal report shows, from the records and not from the terminal."""
    decision, screen = records.decision, first_screen(records.decision, records)
    tables = (
        arms_table(records, "candidate"),
        differences_table(records, claims=True),
        net_benefit_tables.worth_table(decision, horizon(records)),
        net_benefit_tables.break_even_table(decision),
        net_benefit_tables.would_change_table(decision),
    )
    cells = [cell for table in tables for row in table.rows for cell in row.cells]
    headings = [column.heading for table in tables for column in table.columns]
    captions = ["Quality Speed and cost Break-even What would change the answer Red flags (* recommended)"]
    facts = [f"{fact.label}: {fact.value} ({fact.note})" for fact in screen.facts]
    facts += [f"{fact.label}: {fact.value}" for fact in screen.facts]
    lines = [screen.headline, *screen.lead, *screen.points, *facts, screen.notice or ""]
    lines += [f"What would change this answer: {screen.change}", EMBEDDED, client_bound(records) or ""]
    flags = [f"{words.SEVERITIES[flag.severity]}: {flag.message}" for flag in decision.red_flags]
    return [*cells, *headings, *captions, *lines, *flags, *(table.caption for table in tables)]


def printed(records: RunRecords, width: int) -> str:
    out = io.StringIO()
    print_report(records, Console(file=out, width=width))
    return out.getvalue()


def foreign_words(text: str, sources: list[str], names: list[str]) -> set[str]:
    """Words of the output that no source holds: what is left of a word that was broken."""
    known = {word for source in sources for word in source.split()} | {"-", "*"}
    known |= {f"{name.split()[-1]}*" for name in names}
    shown = {word for word in text.split() if set(word) != {"─"}}
    return {word for word in shown - known if not re.search(r"[\u4e00-\u9fff]", word)}


@pytest.fixture(params=["ticket_routing", "sparse", "long names", "format 1", "two arms"])
def run(request, ticket_routing, sparse, tmp_path, monkeypatch) -> RunRecords:
    if request.param == "two arms":
        from evalkit import api

        shutil.copytree(SHAPES, tmp_path / "suite")
        monkeypatch.chdir(tmp_path)
        return api.run("suite").records()
    return {
        "ticket_routing": lambda: ticket_routing,
        "sparse": lambda: sparse,
        "long names": lambda: with_long_names(ticket_routing),
        "format 1": lambda: read_records(FIXTURES / "format-1" / "run"),
    }[request.param]()


def test_no_figure_and_no_name_is_broken_over_lines(run):
    """Every word of the output is a word of the record: a broken one would leave pieces."""
    sources = texts_of(run)
    names = [arm.name for arm in run.comparison.arms]
    for width in WIDTHS:
        text = printed(run, width)
        assert max(map(cell_len, text.splitlines())) <= width
        assert foreign_words(text, sources, names) == set(), width


def test_names_with_spaces_and_amounts_with_units_stay_in_one_line(ticket_routing):
    """A name of several words, Chinese letters, CHF before an amount and ms after it."""
    run = with_long_names(ticket_routing)
    amounts = {
        match
        for row in arms_table(run, "candidate").rows
        for cell in row.cells
        for match in re.findall(r"CHF [\d.,]+|[\d.,]+ (?:ms|s|min)\b", cell)
    }
    assert any(amount.startswith("CHF ") for amount in amounts)
    assert any(amount.endswith(("ms", " s")) for amount in amounts)
    for width in WIDTHS:
        text = printed(run, width)
        for whole in (*amounts, *(name for key, name in OTHER_NAMES.items() if key != "accuracy")):
            assert whole in text, (width, whole)
        lines = text.splitlines()
        assert not [line for line in lines if line.rstrip().endswith((" few", "检索增强生成", "CHF"))]


def test_a_name_longer_than_half_a_line_puts_the_columns_under_each_other():
    """Nothing is lost where not even two columns fit side by side."""
    name = "support_desk_fine_tuned_with_retrieval_and_8_examples.v2"
    table = Table(
        "t",
        "Cost",
        (left("Arm"), right("Cost in all"), right("Range")),
        (Row((name, "$81,300,000", "$1 to $2")),),
    )
    out = io.StringIO()
    print_tables([table], Console(file=out, width=60))
    assert out.getvalue().splitlines() == [
        "",
        "Cost",
        name,
        "  Cost in all: $81,300,000",
        "  Range: $1 to $2",
    ]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Cost is −$1,234.50 to $9", ["Cost", "is", "−$1,234.50", "to", "$9"]),
        ("CHF 5.00 for 12 months", ["CHF 5.00", "for", "12 months"]),
        ("over 99.9 of 100, 300 ms.", ["over", "99.9 of 100,", "300 ms."]),
        ("水泵P17不转。", ["水", "泵", "P17", "不", "转。"]),
        ("reports/a-b/report.html", ["reports/a-b/report.html"]),
        ("gpt-4o-mini rag v2 x", ["gpt-4o-mini", "rag v2", "x"]),
    ],
)
def test_where_a_text_may_break(text, pieces):
    assert [piece for _, piece in Breaker(["rag v2"]).pieces(text)] == pieces
