"""Dated prices of models, and the rule by which an id finds its row.

No row, no price: an unknown id is an error that names the nearest ids, and a fine-tuned id never falls back to
its base's row, because a tune is often served at another price than its base.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from typing import Literal, Self

Sure = Literal["high", "medium", "stated"]

SNAPSHOT = r"-\d{4}(-\d{2}-\d{2})?"
"""How a dated snapshot is told from its model: gpt-4o-2024-08-06, gpt-3.5-turbo-0125."""

# OpenAI names a tune ft:BASE[SNAPSHOT]:ORGANISATION:SUFFIX:ID, Azure BASE[SNAPSHOT].ft-ID.
_OPENAI_TUNE = re.compile(rf"ft:(?P<base>[^:]+?)({SNAPSHOT})?(:.*)?")
_AZURE_TUNE = re.compile(rf"(?P<base>.+?)({SNAPSHOT})?\.ft-.*")


class PriceError(ValueError):
    """A price that is missing, undated, without source, or in another currency."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices per million tokens, or None where no price is known.

    Attributes:
        input: Uncached prompt tokens.
        output: Generated tokens.
        input_cache_read: Prompt tokens read from the provider's cache.
        input_cache_write: Prompt tokens written to it.
        reasoning: Reasoning tokens, where they are priced apart from the other output.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None
    reasoning: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The prices of one model at one provider on one day.

    Attributes:
        model: Id under which the row is found: "gpt-4o", "ft:gpt-4o-mini", "azure/ft:gpt-4o-mini".
        currency: Three-letter code.
        as_of: The day on which the prices were checked.
        source: Where they stand.
        provider: Who charges them; "" in a suite's own row for whoever serves the model.
        rates: Inference, per million tokens.
        batch: Inference through the batch interface, per million tokens; wins over ``batch_discount``.
        batch_discount: Share taken off ``rates`` in a batch, 0.5 is half price.
        long_context: Inference when the prompt is longer than ``long_context_above``; wins over ``rates``.
        long_context_above: Prompt tokens above which ``long_context`` holds for the whole request.
        train: Per million training tokens (dataset tokens x epochs).
        train_per_hour: Per hour of training, where time is billed instead of tokens.
        hosting_per_hour: Per hour that a tuned model is deployed, used or not.
        sure: "high" for several agreeing copies, "medium" for one, "stated" for the suite's own word.
        note: What a reader of the price should know, or "".

    Raises:
        PriceError: Date, source or currency is missing, a price is negative, or a discount lies outside [0, 1].
    """

    model: str
    currency: str
    as_of: date
    source: str
    provider: str = ""
    rates: Rates = field(default_factory=Rates)
    batch: Rates | None = None
    batch_discount: Decimal | None = None
    long_context: Rates | None = None
    long_context_above: int | None = None
    train: Decimal | None = None
    train_per_hour: Decimal | None = None
    hosting_per_hour: Decimal | None = None
    sure: Sure = "stated"
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("as_of", "source", "currency"):
            if not getattr(self, name):
                raise PriceError(f"the price of {self.model!r} has no {name}: add it, or leave the price out")
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise PriceError(f"the price of {self.model!r}: currency must be a code like 'USD'")
        for name, price in self._amounts():
            if price is not None and not (price.is_finite() and price >= 0):
                raise PriceError(f"the price of {self.model!r}: {name} must not be negative, got {price}")
        if self.batch_discount is not None and self.batch_discount > 1:
            raise PriceError(f"the price of {self.model!r}: batch_discount is a share, 0.5 is half price")
        if (self.long_context is None) != (self.long_context_above is None):
            raise PriceError(f"the price of {self.model!r}: long_context needs long_context_above")

    def _amounts(self) -> Iterator[tuple[str, Decimal | None]]:
        for rates in (self.rates, self.batch, self.long_context):
            if rates is not None:
                yield from ((part.name, getattr(rates, part.name)) for part in fields(rates))
        for name in ("train", "train_per_hour", "hosting_per_hour", "batch_discount"):
            yield name, getattr(self, name)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices in force for one suite, in one currency.

    Attributes:
        rows: Row by model id.
        currency: What the suite counts in.

    >>> row = PriceRow("gpt-4o", "USD", date(2026, 11, 20), "pricing page", "openai")
    >>> PriceTable({"gpt-4o": row}, "USD").lookup("openai:gpt-4o").source
    'pricing page'
    """

    rows: Mapping[str, PriceRow]
    currency: str

    def over(self, own: Iterable[PriceRow]) -> Self:
        """A table in which the suite's own rows replace whole rows of the same id.

        A replaced row gives nothing to its successor but the provider's name: prices of two dates or two
        sources never mix in one row.
        """
        rows = dict(self.rows)
        for row in own:
            before = rows.get(row.model)
            inherited = before.provider if before is not None else ""
            rows[row.model] = row if row.provider else replace(row, provider=inherited)
        return replace(self, rows=rows)

    def lookup(self, model_id: str) -> PriceRow:
        """The row that prices a model.

        The id is taken as written first, then without its provider ("openai:gpt-4o", "openai/gpt-4o"), then,
        for a tune, as its provider's row for tunes of that base: "ft:gpt-4o-mini:acme::Ab12" finds
        "ft:gpt-4o-mini". The base's own row is never tried.

        Raises:
            PriceError: No row has that id (the nearest are named), or its row is in another currency.
        """
        row = next((row for row in map(self._match, _spellings(model_id)) if row is not None), None)
        if row is None:
            raise PriceError(self._unknown(model_id))
        if row.currency != self.currency:
            raise PriceError(
                f"{model_id!r} is priced in {row.currency} (as of {row.as_of}) and the suite counts in "
                f"{self.currency}: give its price in {self.currency} under prices"
            )
        return row

    def _match(self, spelling: tuple[str, str]) -> PriceRow | None:
        provider, model = spelling
        row = self.rows.get(model)
        if row is None or (provider and row.provider not in ("", provider)):
            return None
        return row

    def _unknown(self, model_id: str) -> str:
        near = difflib.get_close_matches(model_id[:200], self.rows, n=3, cutoff=0.5)
        nearest = f"Nearest: {', '.join(map(repr, near))}. " if near else ""
        tuned = "A tuned model needs a row of its own. " if is_tune(model_id) else ""
        return (
            f"no price is known for {model_id!r}. {nearest}{tuned}"
            f"Give one under prices, with as_of and source, or write the id of a known model"
        )


def is_tune(model_id: str) -> bool:
    """Whether an id is of the form that OpenAI or Azure give to fine-tuned models.

    >>> is_tune("ft:gpt-4o-mini:acme::Ab12"), is_tune("gpt-4o-mini-2024-07-18.ft-0a1b"), is_tune("gpt-4o")
    (True, True, False)
    """
    name = _without_provider(model_id)[1]
    return bool(_OPENAI_TUNE.fullmatch(name) or _AZURE_TUNE.fullmatch(name))


def _spellings(model_id: str) -> Iterator[tuple[str, str]]:
    """(provider or "", key) in the order in which a row is looked for; a provider must be the row's own."""
    provider, name = _without_provider(model_id)
    yield "", model_id
    if provider:
        yield "", f"{provider}/{name}"
        yield provider, name
    if tune := _OPENAI_TUNE.fullmatch(name):
        if provider:
            yield "", f"{provider}/ft:{tune['base']}"
        yield provider, f"ft:{tune['base']}"
    elif tune := _AZURE_TUNE.fullmatch(name):
        yield "", f"azure/ft:{tune['base']}"


def _without_provider(model_id: str) -> tuple[str, str]:
    """("openai", "gpt-4o") from "openai:gpt-4o" or "openai/gpt-4o"; ("", id) for an id without provider."""
    prefixed = re.fullmatch(r"(?!ft:)(?P<provider>[a-z0-9_-]+)[:/](?P<name>.+)", model_id)
    return (prefixed["provider"], prefixed["name"]) if prefixed else ("", model_id)
