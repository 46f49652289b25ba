"""Price rows from data: the shipped file and a suite's ``prices`` share the keys of one row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import yaml

from evalkit.economics.prices import PriceError, PriceRow, PriceTable, Rates, Sure
from evalkit.economics.triangular import exact

RATE_KEYS = ("input", "output", "input_cache_read", "input_cache_write", "reasoning")
_ROW_AMOUNTS = ("batch_discount", "train", "train_per_hour", "hosting_per_hour")
_ROW_KEYS = frozenset(
    {*RATE_KEYS, *_ROW_AMOUNTS}
    | {"batch", "long_context", "as_of", "source", "sure", "note", "provider", "currency"}
)
_SURE: tuple[Sure, ...] = ("high", "medium", "stated")


def price_row(model: str, written: Mapping[str, Any], *, currency: str) -> PriceRow:
    """A row from its written keys: per million tokens ``input``, ``output``, ...; ``as_of`` and ``source``.

    Args:
        model: Id under which the row is found.
        written: The keys as a suite or the shipped file holds them, None standing for a key left out; numbers
            may be int, float, str or Decimal. A float is taken as it is written (0.15 is exactly 0.15).
        currency: Of the row when it does not name its own.

    Raises:
        PriceError: A key is unknown, a number cannot be read, or date or source is missing.

    >>> price_row("m", {"input": 0.15, "as_of": "2026-11-01", "source": "contract"}, currency="USD").rates.input
    Decimal('0.15')
    """
    if unknown := sorted(set(written) - _ROW_KEYS):
        raise PriceError(f"the price of {model!r}: unknown {', '.join(unknown)}. Known: {sorted(_ROW_KEYS)}")
    sure = written.get("sure") or "stated"
    if sure not in _SURE:
        raise PriceError(f"the price of {model!r}: sure is one of {', '.join(_SURE)}, not {sure!r}")
    long_context = written.get("long_context")
    return PriceRow(
        model=model,
        currency=written.get("currency") or currency,
        as_of=_day(model, written.get("as_of")),
        source=str(written.get("source") or ""),
        provider=written.get("provider") or "",
        rates=_rates(model, {key: written[key] for key in RATE_KEYS if key in written}),
        batch=None if written.get("batch") is None else _rates(model, written["batch"]),
        long_context=None if long_context is None else _rates(model, long_context, also="above"),
        long_context_above=None if long_context is None else long_context.get("above"),
        sure=sure,
        note=written.get("note") or "",
        **{key: _amount(model, key, written[key]) for key in _ROW_AMOUNTS if key in written},
    )


def shipped_prices(currency: str = "USD") -> PriceTable:
    """The prices that come with evalkit, each with the day it was checked and its source.

    Args:
        currency: What the suite counts in; shipped rows in another currency are refused when looked up.

    >>> shipped_prices().lookup("ft:gpt-4o-mini:acme::Ab12").rates.output
    Decimal('1.20')
    """
    groups = read_data("prices.yaml")["groups"]
    rows = [
        price_row(model, group["facts"] | keys, currency="")
        for group in groups
        for model, keys in group["models"].items()
    ]
    return PriceTable({row.model: row for row in rows}, currency)


def read_data(name: str) -> Any:
    """A shipped YAML file, its fractions read as ``Decimal`` exactly as written."""
    return yaml.load(files("evalkit.economics").joinpath("data", name).read_text("utf-8"), _ExactLoader)  # noqa: S506 - a safe loader


class _ExactLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen at run time
    """A safe loader for which 3.00 stays 3.00."""


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _exact)


def _rates(model: str, written: Mapping[str, Any], *, also: str = "") -> Rates:
    if unknown := sorted(set(written) - {*RATE_KEYS, also}):
        raise PriceError(
            f"the price of {model!r}: unknown {', '.join(unknown)}. Known: {', '.join(RATE_KEYS)}"
        )
    return Rates(**{key: _amount(model, key, written[key]) for key in RATE_KEYS if key in written})


def _amount(model: str, key: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        return exact(value)
    except ValueError:
        raise PriceError(f"the price of {model!r}: {key} must be a number, got {value!r}") from None


def _day(model: str, value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value or ""))
    except ValueError:
        raise PriceError(
            f"the price of {model!r} has no as_of: write the day it was checked, like 2026-11-01"
        ) from None
