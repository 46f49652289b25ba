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
    books = list(ledger.values())
    totals = [amount for book in books for amount in (book.total, *_block_totals(book))]
    places = shared_decimals(totals)

    def sums(label: str, pick: _Pick, kind: str = "plain") -> Row:
        cells = (money(pick(book), book.currency, places) for book in books)
        return Row((label, *cells), "total" if kind == "total" else "plain")

    rows = [
        *_block("One-off", books, lambda book: book.one_off, places),
        *_block(f"Standing, over {horizon(records)}", books, lambda book: book.standing, places),
        *_block(f"Recurring, over {horizon(records)}", books, lambda book: book.recurring, places),
        Row(("Requests",), "section"),
        Row(("Number", *(count(book.requests) for book in books))),
        sums("All requests", requests_total),
        sums(f"Total over {horizon(records)}", lambda book: book.total, "total"),
    ]
    if any(book.total_mean is not None for book in books):
        rows.append(sums("Total at the mean volume", lambda book: book.total_mean))
    rows += _unit_rows(books)
    currencies = ", ".join(dict.fromkeys(book.currency for book in books))
    return Table(
        name="ledger",
        caption=f"What each arm costs over {horizon(records)}",
        columns=(left("Line", wraps=True), *(Column(arm, "right", wraps=True) for arm in arms)),
        rows=tuple(rows) if books else (),
        note=f"{currencies}, every range at its mode, not discounted. “{UNKNOWN}” makes every sum with it unknown.",
    )


def basis_table(records: RunRecords) -> Table:
    """Every line of every ledger with the product that gives it."""
    rows: list[Row] = []
    for arm, book in records.decision.ledger.items():
        rows.append(Row((arm,), "section", arm=arm))
        for block in (book.one_off, book.standing, book.recurring):
            rows += [
                Row((words.title(line.name), money(line.amount, book.currency), line.basis)) for line in block
            ]
        rows += [
            Row(
                (
                    f"{words.title(line.name)}, per 1,000",
                    money(per_thousand(line.amount), book.currency),
                    line.basis,
                )
            )
            for line in book.per_request
        ]
    return Table(
        name="basis",
        caption="How each line was computed",
        columns=(left("Line", wraps=True), right("Amount"), left("Basis", wraps=True)),
        rows=tuple(rows),
        note="The basis of a request is given for one request.",
    )


def requests_total(book: LedgerColumn) -> Decimal | None:
    """All requests over the horizon, in the scenario that the verdict uses."""
    return None if book.per_request_total is None else book.per_request_total * book.requests


def _block_totals(book: LedgerColumn) -> tuple[Decimal | None, ...]:
    return book.one_off_total, book.standing_total, book.recurring_total, requests_total(book)


def _block(
    label: str,
    books: Sequence[LedgerColumn],
    pick: Callable[[LedgerColumn], tuple[LedgerLine, ...]],
    places: int,
) -> list[Row]:
    """The lines of one block, by name; nothing when no arm has any."""
    names = dict.fromkeys(line.name for book in books for line in pick(book))
    if not names:
        return []
    rows = [Row((label,), "section")]
    for name in names:
        found = [[line for line in pick(book) if line.name == name] for book in books]
        cells = (
            NOT_APPLICABLE if not lines else money(_sum(lines), book.currency, places)
            for lines, book in zip(found, books, strict=True)
        )
        rows.append(Row((words.title(name), *cells)))
    return rows


def _sum(lines: list[LedgerLine]) -> Decimal | None:
    amounts = [line.amount for line in lines]
    return None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0))


def _unit_rows(books: Sequence[LedgerColumn]) -> list[Row]:
    """Cost of 1,000 requests under each prompt-cache scenario."""
    names = dict.fromkeys(name for book in books for name in book.scenarios)
    if not names:
        return []
    units = {name: [per_thousand(book.scenarios.get(name)) for book in books] for name in names}
    places = shared_decimals(amount for amounts in units.values() for amount in amounts)
    rows = [Row(("1,000 requests, by what the prompt cache holds",), "section")]
    for name, amounts in units.items():
        cells = (money(amount, book.currency, places) for amount, book in zip(amounts, books, strict=True))
        used = any(book.scenario == name for book in books)
        rows.append(Row((_SCENARIOS.get(name, words.spaced(name)), *cells), tag="used" if used else ""))
    return rows
