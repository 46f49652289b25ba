"""``evalkit prices``."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import json_option, print_json
from evalkit.cli.screen import say
from evalkit.errors import InputError

if TYPE_CHECKING:
    from evalkit.economics.prices import PriceRow

_OLD_DAYS = 90


@click.command(name="prices")
@click.argument("model", required=False)
@json_option
def command(model: str | None, as_json: bool) -> int:
    """Show the price row of MODEL, its source, its age and who disagrees; without MODEL, all ids."""
    from evalkit.clock import Clock
    from evalkit.economics.genai_prices_check import compare_with_genai_prices
    from evalkit.economics.price_file import shipped_prices
    from evalkit.economics.prices import PriceError

    table = shipped_prices()
    if model is None:
        ids = sorted(table.rows)
        if as_json:
            print_json(ids)
        else:
            say("\n".join(ids))
        return 0
    try:
        row = table.lookup(model)
    except PriceError as error:
        raise InputError(str(error)) from error
    age = (Clock().today() - row.as_of).days
    others = compare_with_genai_prices(model, row)
    if as_json:
        print_json(
            {
                **_facts(row),
                "age_days": age,
                "disagreements": list(others.disagreements),
                "checked": others.note,
            }
        )
        return 0
    for name, value in _facts(row).items():
        say(f"{name:<20} {value}")
    say(f"{'age':<20} {age} days{': check it again before you rely on it' if age > _OLD_DAYS else ''}")
    say(f"{'second opinion':<20} {others.note}")
    for words in others.disagreements:
        say(f"{'disagreement':<20} {words}")
    return 0


def _facts(row: PriceRow) -> dict[str, str]:
    """The price row in words; a price that the row does not have is left out."""
    facts: dict[str, str] = {"model": row.model, "provider": row.provider}
    groups = (("", row.rates), ("batch ", row.batch), ("long context ", row.long_context))
    for prefix, rates in groups:
        if rates is not None:
            facts |= {
                f"{prefix}{rate.name}": _price(getattr(rates, rate.name), row) for rate in fields(rates)
            }
    facts |= {"train": _price(row.train, row)}
    facts |= {name: _hour(getattr(row, name), row) for name in ("train_per_hour", "hosting_per_hour")}
    facts |= {"as of": _day(row.as_of), "source": row.source, "sure": row.sure, "note": row.note}
    return {name: value for name, value in facts.items() if value}


def _price(amount: object, row: PriceRow) -> str:
    return "" if amount is None else f"{amount} {row.currency} per million tokens"


def _hour(amount: object, row: PriceRow) -> str:
    return "" if amount is None else f"{amount} {row.currency} per hour"


def _day(day: date) -> str:
    return day.isoformat()
