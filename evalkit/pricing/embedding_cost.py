"""What embedding costs, from the suite's prices and what an embedder used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from evalkit.economics.line_item import MILLION
from evalkit.economics.prices import PriceError, PriceRow, PriceTable
from evalkit.suite.retrieval import EmbedderConfig, HashedEmbedderConfig, OpenAIEmbedderConfig
from evalkit.suite.schema import Suite

EmbeddingPricer = Callable[[float | None, float | None], Decimal | None]
"""Money from embedding tokens and seconds; None where it is not known."""

_HOUR_S = Decimal(3600)


def embedder_price_id(config: EmbedderConfig) -> str | None:
    """The id under which an embedder's tokens are priced; None for one that bills none."""
    if (named := getattr(config, "price", None)) is not None:
        return str(named)
    return config.model if isinstance(config, OpenAIEmbedderConfig) else None


def embedder_row(config: EmbedderConfig, prices: PriceTable) -> PriceRow | None:
    """The price row of an embedder, or None where there is none."""
    named = embedder_price_id(config)
    if named is not None:
        with suppress(PriceError):
            return prices.lookup(named)
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
    if embedder_price_id(config) is None:
        hour: Decimal | None = getattr(config, "device_hour", None)
        return lambda tokens, seconds: (
            None if hour is None or seconds is None else Decimal(repr(seconds)) * hour / _HOUR_S
        )
    row = embedder_row(config, prices)
    rate = None if row is None else row.rates.input
    return lambda tokens, seconds: (
        None if rate is None or tokens is None else Decimal(repr(tokens)) * rate / MILLION
    )
