"""Whether every model and embedder that a suite uses has a price, before money or time is spent."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.economics.prices import PriceError, PriceTable
from evalkit.errors import Problem, SuiteError
from evalkit.pricing.embedding_cost import embedding_price
from evalkit.pricing.prices_in_force import price_table, pricer
from evalkit.records.sample import Usage
from evalkit.suite.models import HostedModelConfig, PluginModelConfig
from evalkit.suite.retrieval import OpenAIEmbedderConfig, PluginEmbedderConfig
from evalkit.suite.schema import Suite


def check_prices(suite: Suite, prices: PriceTable | None = None) -> None:
    """Refuse a suite that counts in money but uses a model or an embedder whose price nobody knows.

    Nothing is checked where ``economics`` is not declared: no price is needed then.

    Args:
        suite: Before or after its run.
        prices: In force; default: the shipped ones with the suite's own over them.

    Raises:
        SuiteError: For each such model or embedder, its line and the nearest known ids.
    """
    if suite.economics is None:
        return
    table = price_table(suite) if prices is None else prices
    problems = [*_unpriced_models(suite, table)]
    if not suite.economics.retrieval.embedding_per_request:  # declared, so no price of tokens is needed
        problems += _unpriced_embedders(suite, table)
    if problems:
        raise SuiteError(*problems)


def check_cost_limit(suite: Suite, prices: PriceTable) -> None:
    """Refuse a cost limit that could not end a run: where nothing says what an answer costs at most.

    A provider may leave out what an answer took. Such an answer counts as the most that it can have cost: its price by
    the tokens at which it stops. Models and embedders on this machine are billed by nobody.

    Args:
        suite: Whose run is limited.
        prices: In force.

    Raises:
        SuiteError: For each model without a price or an output limit and each embedder without a price, its line.
    """
    if problems := [*_uncountable_models(suite, prices), *_uncountable_embedders(suite, prices)]:
        raise SuiteError(*problems)


def _uncountable_models(suite: Suite, prices: PriceTable) -> Iterator[Problem]:
    used = {arm.model for arm in suite.arms.values()}
    for name, config in suite.models.items():
        asked = isinstance(config, HostedModelConfig | PluginModelConfig)
        if (
            name not in used
            or not asked
            or (config.price_id is None and config.device_hour_price is not None)
        ):
            continue
        place = ("models", name)
        cost = pricer(suite, name, prices)(Usage(input=1, output=1), None)
        if cost is None or cost.model is None:
            named = config.price_id or name
            message = f"a cost limit needs the price of {named!r}: add `input` and `output` under `prices`"
            yield suite.source.problem(place, message)
        if config.output_limit is None:
            message = "a cost limit needs the tokens at which an answer stops: give `max_tokens`"
            yield suite.source.problem(place, message)


def _uncountable_embedders(suite: Suite, prices: PriceTable) -> Iterator[Problem]:
    for name in suite.embedders_used:
        config = suite.embedders[name]
        asked = isinstance(config, OpenAIEmbedderConfig | PluginEmbedderConfig)
        if not asked or (config.price_id is None and config.device_hour_price is not None):
            continue
        if embedding_price(suite, name, prices)(1.0, None) is None:
            named = config.price_id or name
            message = f"a cost limit needs the price of {named!r}: add `input` under `prices`"
            yield suite.source.problem(("embedders", name), message)


def _unpriced_models(suite: Suite, prices: PriceTable) -> Iterator[Problem]:
    used = {arm.model for arm in suite.arms.values()}
    for name, config in suite.models.items():
        if name not in used or config.price_id is None:
            continue
        try:
            prices.lookup(config.price_id)
        except PriceError as error:
            key = "model" if config.price is None else "price"
            yield suite.source.problem(("models", name, key), str(error))


def _unpriced_embedders(suite: Suite, prices: PriceTable) -> Iterator[Problem]:
    for name in suite.embedders_used:
        config = suite.embedders[name]
        if config.price_id is None:
            continue
        by_own_id = isinstance(config, OpenAIEmbedderConfig) and config.price is None
        key = "model" if by_own_id else "price"
        try:
            row = prices.lookup(config.price_id)
        except PriceError as error:
            yield suite.source.problem(("embedders", name, key), str(error))
            continue
        if row.rates.input is None:
            message = f"the price of {row.model!r} has no `input`, which is what embedding costs"
            yield suite.source.problem(("embedders", name, key), message)
