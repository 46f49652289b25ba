"""Whether every model and embedder that a suite uses has a price, before money or time is spent."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.economics.prices import PriceError, PriceTable
from evalkit.errors import Problem, SuiteError
from evalkit.pricing.prices_in_force import price_table
from evalkit.suite.retrieval import OpenAIEmbedderConfig
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
