"""What one answer costs, from the suite's prices and the answer's own usage and timing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal

from evalkit.economics.device_cost import device_lines
from evalkit.economics.line_item import MILLION, total
from evalkit.economics.price_file import price_row, shipped_prices
from evalkit.economics.prices import PriceError, PriceRow, PriceTable, Rates
from evalkit.economics.request_cost import rates_in_force
from evalkit.errors import SuiteError
from evalkit.pricing.embedding_cost import embedder_row
from evalkit.records.run import PriceUsed
from evalkit.records.sample import Cost, Timing, Usage
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite

Pricer = Callable[[Usage | None, Timing | None], Cost | None]


def currency_of(suite: Suite) -> str:
    """Three-letter code of the currency that a suite counts in; USD where it declares no economics."""
    return suite.economics.currency if suite.economics is not None else "USD"


def price_table(suite: Suite) -> PriceTable:
    """The shipped prices with the suite's own over them.

    Raises:
        SuiteError: One of the suite's rows cannot be used; gives its line.
    """
    currency = currency_of(suite)
    own = []
    for model, config in suite.prices.items():
        try:
            own.append(price_row(model, config.model_dump(exclude_none=True), currency=currency))
        except PriceError as error:
            raise SuiteError(suite.source.problem(("prices", model), str(error))) from error
    shipped = shipped_prices()
    return PriceTable(shipped.rows, currency).over(own)


def device_hour(suite: Suite, model: str) -> Decimal | None:
    """Price of one hour of the machine a local model answers on; a tune takes its base's where it has none."""
    config = suite.models[model]
    price = config.device_hour_price
    if price is None and isinstance(config, TunedModelConfig):
        return device_hour(suite, config.base)
    return price


def pricer(suite: Suite, model: str, prices: PriceTable) -> Pricer:
    """The cost of one answer of ``model``, as observed.

    Returns:
        A function that gives None when usage, timing or price is unknown, never 0 instead.
    """
    currency = prices.currency
    config = suite.models[model]
    if config.price_id is None:
        # A tune answers where its base does, whatever machine trained it.
        hour_price = device_hour(suite, config.base if isinstance(config, TunedModelConfig) else model)

        def by_device(usage: Usage | None, timing: Timing | None) -> Cost | None:
            if hour_price is None or timing is None or timing.device_s is None:
                return None
            amount = total(device_lines(Decimal(repr(timing.device_s)), hour_price))
            return Cost(model=amount, currency=currency)

        return by_device
    try:
        row = prices.lookup(config.price_id)
    except PriceError:
        return lambda usage, timing: None

    usual, above = rates_in_force(row), row.long_context_above
    long = usual if above is None else rates_in_force(row, prompt_tokens=above + 1)

    def by_tokens(usage: Usage | None, timing: Timing | None) -> Cost | None:
        if usage is None:
            return None
        rates = usual if above is None or usage.prompt <= above else long
        return Cost(model=_request_cost(usage, rates), currency=currency)

    return by_tokens


def _request_cost(usage: Usage, rates: Rates) -> Decimal | None:
    """``economics.request_cost`` without its lines of words, which would take as long as the rest of a call."""
    reasoning = usage.reasoning if rates.reasoning != rates.output else 0
    parts = (
        (usage.input, rates.input),
        (usage.cache_read, rates.input_cache_read),
        (usage.cache_write, rates.input_cache_write),
        (usage.output - reasoning, rates.output),
        (reasoning, rates.reasoning),
    )
    amount = Decimal(0)
    for count, price in parts:
        if count > 0:
            if price is None:
                return None
            amount += count * price / MILLION
    return amount


def prices_as_of(suite: Suite, prices: PriceTable) -> str | None:
    """ISO date of the oldest price row that a model of the suite uses; None where none does."""
    days = [row.as_of for row in _rows_used(suite, prices).values()]
    return min(days).isoformat() if days else None


def prices_used(suite: Suite, prices: PriceTable) -> tuple[PriceUsed, ...]:
    """The prices that the ledger rests on, oldest first; those of the suite itself last."""
    used = [
        PriceUsed(
            item=f"{model}: {name.replace('_', ' ')}, per million tokens",
            price=f"{price} {row.currency}",
            as_of=row.as_of.isoformat(),
            source=row.source,
        )
        for model, row in _rows_used(suite, prices).items()
        for name, price in _priced(row)
    ]
    used.sort(key=lambda one: one.as_of)
    for model in suite.models:
        if (price := device_hour(suite, model)) is not None and suite.models[model].price_id is None:
            used.append(_declared_hour(model, price, prices.currency))
    for embedder in suite.embedders_used:
        if (price := suite.embedders[embedder].device_hour_price) is not None:
            used.append(_declared_hour(embedder, price, prices.currency))
    return tuple(used)


def _declared_hour(name: str, price: Decimal, currency: str) -> PriceUsed:
    return PriceUsed(
        item=f"{name}: device hour", price=f"{price} {currency}", as_of="declared", source="suite.yaml"
    )


def _priced(row: PriceRow) -> Iterator[tuple[str, Decimal]]:
    amounts = {rate.name: getattr(row.rates, rate.name) for rate in fields(row.rates)} | {"train": row.train}
    return ((name, price) for name, price in amounts.items() if price is not None)


def _rows_used(suite: Suite, prices: PriceTable) -> dict[str, PriceRow]:
    rows = {}
    for model in suite.models:
        if (price_id := suite.models[model].price_id) is not None:
            with suppress(PriceError):  # an unknown id is an error only where money is needed: check_prices
                rows[model] = prices.lookup(price_id)
    for embedder in suite.embedders_used:
        if (row := embedder_row(suite.embedders[embedder], prices)) is not None:
            rows[embedder] = row
    return rows
