"""Old and new costs and prices, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.repriced import Repriced
from evalkit.records.run import PriceUsed
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import money, per_thousand, shared_decimals


def repriced_tables(repriced: Repriced) -> tuple[Table, Table]:
    """Cost per thousand requests by arm, and the prices behind it."""
    amounts = {
        arm.arm: [
            per_thousand(amount)
            for amount in (arm.old_observed, arm.new_observed, arm.old_decided, arm.new_decided)
        ]
        for arm in repriced.arms
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
            Row((arm, *(money(amount, repriced.currency, decimals) for amount in row)))
            for arm, row in amounts.items()
        ),
        note="As observed: from each answer's own tokens or device seconds. In the decision: with its assumed share "
        "of cached prompts.",
    )
    prices = Table(
        name="prices",
        caption="Prices",
        columns=(left("Item"), right("Old"), left("As of"), right("New"), left("As of")),
        rows=tuple(_price_rows(repriced)),
    )
    return costs, prices


def verdict_words(repriced: Repriced) -> str:
    """Whether the answer is another."""
    old, new = (
        _answer(repriced.old_verdict, repriced.old_arm),
        _answer(repriced.new_verdict, repriced.new_arm),
    )
    return f"The verdict changes: from {old} to {new}." if repriced.changes else f"The verdict stays: {new}."


def _answer(verdict: str, arm: str | None) -> str:
    return verdict if arm is None else f"{verdict} ({arm})"


def _price_rows(repriced: Repriced) -> Iterator[Row]:
    old, new = ({one.item: one for one in prices} for prices in (repriced.old_prices, repriced.new_prices))
    for item in dict.fromkeys((*old, *new)):
        yield Row((item, *_dated(old.get(item)), *_dated(new.get(item))))


def _dated(price: PriceUsed | None) -> tuple[str, str]:
    return ("none", "") if price is None else (price.price, price.as_of)
