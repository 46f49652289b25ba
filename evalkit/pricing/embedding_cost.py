"""What embedding costs, from the suite's prices and what an embedder used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from evalkit.economics.line_item import MILLION
from evalkit.economics.prices import PriceError, PriceRow, PriceTable
from evalkit.suite.retrieval import EmbedderConfig, HashedEmbedderConfig
from evalkit.suite.schema import Suite

EmbeddingPricer = Callable[[float | None, float | None], Decimal | None]
"""Money from embedding tokens and seconds; None where it is not known."""

_HOUR_S = Decimal(3600)


def embedder_row(config: EmbedderConfig, prices: PriceTable) -> PriceRow | None:
    """The price row of an embedder, or None where there is none."""
    if config.price_id is not None:
        with suppress(PriceError):
            return prices.lookup(config.price_id)
    return None


def embedding_price(suite: Suite, embedder: str, prices: PriceTable) -> EmbeddingPricer:
    """Money from tokens and seconds of one embedder.

    A hosted one is billed by tokens at the ``input`` price of its row, one on this machine by its ``device_hour``. The
    hashed one runs in this process, as BM25 does, and costs nothing.

    Returns:
        A function that gives None when tokens, seconds or price are unknown, never 0 instead.
    """
    config = suite.embedders[embedder]
    if isinstance(config, HashedEmbedderConfig):
        return lambda tokens, seconds: Decimal(0)
    if config.price_id is None:
        hour_price = config.device_hour_price
        return lambda tokens, seconds: (
            None if hour_price is None or seconds is None else Decimal(repr(seconds)) * hour_price / _HOUR_S
        )
    row = embedder_row(config, prices)
    rate = None if row is None else row.rates.input
    return lambda tokens, seconds: (
        None if rate is None or tokens is None else Decimal(repr(tokens)) * rate / MILLION
    )
