"""What each arm costs: the ledger, and how every line of it was computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from evalkit.records.decision import LedgerColumn, LedgerLine
from evalkit.records.run import RunRecords
from evalkit.reporting import words
from evalkit.reporting.table import Column, Row, Table, left, right
from evalkit.text.number_format import NOT_APPLICABLE, UNKNOWN, count, money, per_thousand, shared_decimals

_SCENARIOS = {
    "cold": "nothing cached",
    "observed": "as observed",
    "assumed": "at the assumed hit rate",
}
_Pick = Callable[[LedgerColumn], Decimal | None]


def horizon(records: RunRecords) -> str:
    """The span of all totals, in words."""
    return f"{records.economics.horizon_months} months" if records.economics else "the horizon"


def ledger_table(records: RunRecords) -> Table:
    """One column an arm: every line over the horizon, the total, and the unit cost in each cache scenario."""
    ledger = records.decision.ledger
    arms = list(ledger)
    columns = list(ledger.values())
    totals = [amount for column in columns for amount in (column.total, *_block_totals(column))]
    places = shared_decimals(totals)

    def sums(label: str, pick: _Pick, kind: str = "plain") -> Row:
        cells = (money(pick(column), column.currency, places) for column in columns)
        return Row((label, *cells), "total" if kind == "total" else "plain")

    rows = [
        *_block("One-off", columns, lambda column: column.one_off, places),
        *_block(f"Standing, over {horizon(records)}", columns, lambda column: column.standing, places),
        *_block(f"Recurring, over {horizon(records)}", columns, lambda column: column.recurring, places),
        Row(("Requests",), "section"),
        Row(("Number", *(count(column.requests) for column in columns))),
        sums("All requests", requests_total),
        sums(f"Total over {horizon(records)}", lambda column: column.total, "total"),
    ]
    if any(column.total_mean is not None for column in columns):
        rows.append(sums("Total, every range at its mean", lambda column: column.total_mean))
    rows += _unit_rows(columns)
    currencies = ", ".join(dict.fromkeys(column.currency for column in columns))
    return Table(
        name="ledger",
        caption=f"What each arm costs over {horizon(records)}",
        columns=(left("Line", wraps=True), *(Column(arm, "right", wraps=True) for arm in arms)),
        rows=tuple(rows) if columns else (),
        note=f"{currencies}, every range at its most likely value, not discounted. “{UNKNOWN}” makes every sum with it "
        "unknown.",
    )


def basis_table(records: RunRecords) -> Table:
    """Every line of every ledger with the product that gives it."""
    rows: list[Row] = []
    for arm, column in records.decision.ledger.items():
        rows.append(Row((arm,), "section", arm=arm))
        for block in (column.one_off, column.standing, column.recurring):
            rows += [
                Row((words.title(line.name), money(line.amount, column.currency), line.basis))
                for line in block
            ]
        rows += [
            Row(
                (
                    f"{words.title(line.name)}, per million requests",
                    money(None if line.amount is None else 1_000_000 * line.amount, column.currency),
                    line.basis,
                )
            )
            for line in column.per_request
        ]
    return Table(
        name="basis",
        caption="How each line was computed",
        columns=(left("Line", wraps=True), right("Amount"), left("Basis", wraps=True)),
        rows=tuple(rows),
        note="The basis of a request is given for one request.",
    )


def requests_total(column: LedgerColumn) -> Decimal | None:
    """All requests over the horizon, in the scenario that the verdict uses."""
    return None if column.per_request_total is None else column.per_request_total * column.requests


def _block_totals(column: LedgerColumn) -> tuple[Decimal | None, ...]:
    return column.one_off_total, column.standing_total, column.recurring_total, requests_total(column)


def _block(
    label: str,
    columns: Sequence[LedgerColumn],
    pick: Callable[[LedgerColumn], tuple[LedgerLine, ...]],
    places: int,
) -> list[Row]:
    """The lines of one block, by name; nothing when no arm has any."""
    names = dict.fromkeys(line.name for column in columns for line in pick(column))
    if not names:
        return []
    rows = [Row((label,), "section")]
    for name in names:
        by_column = [[line for line in pick(column) if line.name == name] for column in columns]
        cells = (
            NOT_APPLICABLE if not lines else money(_sum(lines), column.currency, places)
            for lines, column in zip(by_column, columns, strict=True)
        )
        rows.append(Row((words.title(name), *cells)))
    return rows


def _sum(lines: list[LedgerLine]) -> Decimal | None:
    amounts = [line.amount for line in lines]
    return None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0))


def _unit_rows(columns: Sequence[LedgerColumn]) -> list[Row]:
    """Cost of 1,000 requests under each prompt-cache scenario."""
    names = dict.fromkeys(name for column in columns for name in column.scenarios)
    if not names:
        return []
    units = {name: [per_thousand(column.scenarios.get(name)) for column in columns] for name in names}
    places = shared_decimals(amount for amounts in units.values() for amount in amounts)
    rows = [Row(("1,000 requests, by what the prompt cache holds",), "section")]
    for name, amounts in units.items():
        cells = (
            money(amount, column.currency, places) for amount, column in zip(amounts, columns, strict=True)
        )
        used = any(column.scenario == name for column in columns)
        rows.append(Row((_SCENARIOS.get(name, words.spaced(name)), *cells), tag="used" if used else ""))
    return rows
