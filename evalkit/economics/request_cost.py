"""What one request to a hosted model costs, from its tokens, under each prompt-cache scenario."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

import numpy as np

from evalkit.economics.line_item import MILLION, Factor, LineItem, total
from evalkit.economics.prices import PriceRow, Rates
from evalkit.economics.prompt_cache import OBSERVED, PromptCache
from evalkit.economics.triangular import FloatArray

Count = int | Decimal


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one request (or of an average one); None where they were not counted.

    Attributes:
        input: Uncached prompt tokens only; the prompt is input + cache_read + cache_write.
        output: Generated tokens, reasoning included.
        cache_read: Prompt tokens read from the provider's cache.
        cache_write: Prompt tokens written to it.
        reasoning: The part of ``output`` spent on reasoning; None is fine where it has no price of its own.
    """

    input: Count | None
    output: Count | None
    cache_read: Count | None = 0
    cache_write: Count | None = 0
    reasoning: Count | None = 0


@dataclass(frozen=True, slots=True)
class TokenColumns:
    """Tokens of many requests; NaN where they were not counted.

    Attributes:
        input: Shape (n,), uncached prompt tokens.
        output: Shape (n,), reasoning included.
        cache_read: Shape (n,).
        cache_write: Shape (n,).
        reasoning: Shape (n,), part of ``output``.
    """

    input: FloatArray
    output: FloatArray
    cache_read: FloatArray
    cache_write: FloatArray
    reasoning: FloatArray


def rates_in_force(prices: PriceRow, *, prompt_tokens: Count = 0, batch: bool = False) -> Rates:
    """The prices of one request, with the documented fallbacks filled in.

    Explicit batch rows win over ``batch_discount``; a prompt above ``long_context_above`` is priced by
    ``long_context``. A missing cache-read or cache-write price falls back to the input price, a missing reasoning
    price to the output price.

    Returns:
        Prices per million tokens; None stays where nothing is known, as for a batch without batch price.
    """
    rates, explicit = prices.rates, prices.batch or Rates()
    if prices.long_context and prices.long_context_above and prompt_tokens > prices.long_context_above:
        # Batch rows are quoted for ordinary prompts; a long one in a batch is known only through the discount.
        rates, explicit = prices.long_context, Rates()
    if batch:
        rates = _batch_rates(explicit, rates, prices.batch_discount)
    return Rates(
        input=rates.input,
        output=rates.output,
        input_cache_read=rates.input if rates.input_cache_read is None else rates.input_cache_read,
        input_cache_write=rates.input if rates.input_cache_write is None else rates.input_cache_write,
        reasoning=rates.output if rates.reasoning is None else rates.reasoning,
    )


def request_lines(
    tokens: Tokens, prices: PriceRow, *, cache: PromptCache = OBSERVED, batch: bool = False
) -> tuple[LineItem, ...]:
    """The lines of one request, each with its computation in words.

    Args:
        tokens: Of one request, or the means over many (exact: cost is linear in tokens, except where prompts lie
            on both sides of a long-context threshold or are shorter than the shared prefix).
        prices: The model's row.
        cache: Prompt-cache scenario.
        batch: Whether the request goes through the batch interface.

    Returns:
        One line per kind of token that occurs; at least one. Its amount is None where tokens or price are unknown.

    >>> from evalkit.economics.price_file import shipped_prices
    >>> row = shipped_prices().lookup("gpt-4o-mini")
    >>> for line in request_lines(Tokens(input=200, output=30, cache_read=1024), row):
    ...     print(f"{line.name}: {line.basis} = {line.amount.normalize():f}")
    uncached input: 200 tokens x 0.15 per million = 0.00003
    cached input: 1,024 tokens x 0.075 per million = 0.0000768
    output: 30 tokens x 0.60 per million = 0.000018
    """
    placed = _place(tokens, cache)
    prompt = (placed.input, placed.cache_read, placed.cache_write)
    rates = rates_in_force(prices, prompt_tokens=sum((part or 0 for part in prompt), Decimal(0)), batch=batch)
    apart = rates.reasoning != rates.output
    reasoning = placed.reasoning if apart else 0
    answer = None if placed.output is None or reasoning is None else placed.output - reasoning
    kind = "batch " if batch else ""
    parts = (
        ("uncached input", placed.input, rates.input, "input"),
        ("cached input", placed.cache_read, rates.input_cache_read, "input_cache_read"),
        ("cache write", placed.cache_write, rates.input_cache_write, "input_cache_write"),
        ("output", answer, rates.output, "output"),
        ("reasoning", reasoning, rates.reasoning, "reasoning"),
    )
    lines = tuple(
        LineItem(
            name,
            (
                Factor.exact(count, "tokens"),
                Factor.exact(price, "per million", source=f"{prices.model} {kind}{key}", per=MILLION),
            ),
        )
        for name, count, price, key in parts
        if count is None or count > 0
    )
    return lines or (LineItem("no tokens", (Factor.exact(0, "tokens"),)),)


def request_cost(
    tokens: Tokens, prices: PriceRow, *, cache: PromptCache = OBSERVED, batch: bool = False
) -> Decimal | None:
    """Cost of one request.

    Returns:
        Money in the row's currency; None when a count or a price is unknown, never 0 instead.
    """
    return total(request_lines(tokens, prices, cache=cache, batch=batch))


def request_costs(
    tokens: TokenColumns, prices: PriceRow, *, cache: PromptCache = OBSERVED, batch: bool = False
) -> FloatArray:
    """``request_cost`` of many requests at once.

    Returns:
        Shape (n,), money per request; NaN where ``request_cost`` gives None.
    """
    read, write, fresh = _place_columns(tokens, cache)
    rates = _rates_array(rates_in_force(prices, batch=batch))[:, np.newaxis]
    if prices.long_context_above is not None:
        above = prices.long_context_above + 1
        long = _rates_array(rates_in_force(prices, prompt_tokens=above, batch=batch))[:, np.newaxis]
        rates = np.where(fresh + read + write >= above, long, rates)
    same_price = (rates[1] == rates[4]) | np.isnan(rates[[1, 4]]).all(axis=0)
    reasoning = np.where(same_price, 0.0, tokens.reasoning)
    counts = np.stack([fresh, tokens.output - reasoning, read, write, reasoning])
    # An unknown price of a kind of token that does not occur is no gap: 0 x NaN must stay 0.
    amounts = np.where(counts == 0, 0.0, counts * rates)
    return np.asarray(amounts.sum(axis=0) / float(MILLION), dtype=np.float64)


def _batch_rates(explicit: Rates, rates: Rates, discount: Decimal | None) -> Rates:
    """Explicit batch prices, else the discount taken off ``rates``, else unknown; part by part."""
    resolved: dict[str, Decimal | None] = {}
    for part in fields(Rates):
        price, full = getattr(explicit, part.name), getattr(rates, part.name)
        if price is None and full is not None and discount is not None:
            price = full * (1 - discount)
        resolved[part.name] = price
    return Rates(**resolved)


def _place(tokens: Tokens, cache: PromptCache) -> Tokens:
    """The same request with its prompt tokens where the scenario puts them."""
    if cache.scenario == "observed":
        return tokens
    prompt = (tokens.input, tokens.cache_read, tokens.cache_write)
    if any(part is None for part in prompt):
        return Tokens(None, tokens.output, reasoning=tokens.reasoning)
    whole = sum((part for part in prompt if part is not None), Decimal(0))
    shared = min(Decimal(cache.cached_prefix), whole)
    hit = cache.hit_rate * shared
    return Tokens(whole - shared, tokens.output, hit, shared - hit, tokens.reasoning)


def _place_columns(tokens: TokenColumns, cache: PromptCache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(read, written, uncached) prompt tokens under the scenario."""
    if cache.scenario == "observed":
        return tokens.cache_read, tokens.cache_write, tokens.input
    whole = tokens.input + tokens.cache_read + tokens.cache_write
    shared = np.minimum(float(cache.cached_prefix), whole)
    hit = float(cache.hit_rate) * shared
    return hit, shared - hit, whole - shared


def _rates_array(rates: Rates) -> FloatArray:
    """Shape (5,), in the order input, output, cache read, cache write, reasoning; NaN where unknown."""
    prices = (rates.input, rates.output, rates.input_cache_read, rates.input_cache_write, rates.reasoning)
    return np.array([np.nan if price is None else float(price) for price in prices])
