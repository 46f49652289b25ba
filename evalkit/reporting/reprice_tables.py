"""Old and new costs and prices, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from evalkit.records.repriced import Repriced
from evalkit.records.run import PriceUsed
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import money, shared_decimals


def repriced_tables(found: Repriced) -> tuple[Table, Table]:
    """Cost per thousand requests by arm, and the prices behind it."""
    amounts = {
        arm.arm: [
            None if amount is None else 1000 * Decimal(amount)
            for amount in (arm.old_observed, arm.new_observed, arm.old_decided, arm.new_decided)
        ]
        for arm in found.arms
    }
    decimals = shared_decimals([amount for row in amounts.values() for amount in row])
    costs = Table(
        name="costs",
        caption="Cost per 1,000 requests",
        columns=(
            left("Arm"),
            right("old", "As observed"),
            right("new", "As observed"),
            right("old", "In the decision"),
            right("new", "In the decision"),
        ),
        rows=tuple(
            Row((arm, *(money(amount, found.currency, decimals) for amount in row)))
            for arm, row in amounts.items()
        ),
        note="As observed: from each answer's own tokens or device seconds. In the decision: with its assumed share "
        "of cached prompts.",
    )
    prices = Table(
        name="prices",
        caption="Prices",
        columns=(left("Item"), right("Old"), left("As of"), right("New"), left("As of")),
        rows=tuple(_price_rows(found)),
    )
    return costs, prices


def verdict_words(found: Repriced) -> str:
    """Whether the answer is another."""
    old, new = _answer(found.old_verdict, found.old_arm), _answer(found.new_verdict, found.new_arm)
    return f"The verdict changes: from {old} to {new}." if found.changes else f"The verdict stays: {new}."


def _answer(verdict: str, arm: str | None) -> str:
    return verdict if arm is None else f"{verdict} ({arm})"


def _price_rows(found: Repriced) -> Iterator[Row]:
    old, new = ({one.item: one for one in prices} for prices in (found.old_prices, found.new_prices))
    for item in dict.fromkeys((*old, *new)):
        yield Row((item, *_dated(old.get(item)), *_dated(new.get(item))))


def _dated(price: PriceUsed | None) -> tuple[str, str]:
    return ("none", "") if price is None else (price.price, price.as_of)
