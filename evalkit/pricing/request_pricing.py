"""By what one request of an arm is priced: its tokens, its device seconds, or what its answers state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from evalkit.economics.device_cost import device_lines
from evalkit.economics.ledger import ArmCosts
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.prices import PriceRow, PriceTable
from evalkit.economics.prompt_cache import PromptCache
from evalkit.economics.request_cost import Tokens, request_lines
from evalkit.economics.triangular import exact
from evalkit.pricing.fixed_costs import served_model
from evalkit.pricing.prices_in_force import device_hour
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.suite.schema import Suite


@dataclass(frozen=True, slots=True)
class RequestPricing:
    """By what one request of an arm is priced: tokens, device seconds, or what its answers state.

    Attributes:
        row: Prices per token; None for models paid by the hour.
        hour_price: Price of one device hour; None for models priced by tokens, or where it is not known.
        hour_source: Name under which that price is varied.
        prefill_s: Seconds that a cold prefill of the shared prefix takes.
        stated: Money of a request as its answers came with it, where neither tokens nor hours are priced.
        served: The model of the suite whose machine answers.
    """

    row: PriceRow | None
    hour_price: Decimal | None
    hour_source: str
    prefill_s: Decimal
    stated: Decimal | None
    served: str

    def lines(self, summary: ArmSummary, cache: PromptCache) -> tuple[LineItem, ...]:
        """The ledger lines of one average request in one prompt-cache scenario."""
        if self.stated is not None:
            return (LineItem("request", (Factor.exact(self.stated, "a request, as its answers state"),)),)
        if self.row is None:
            seconds = None if summary.device_s is None else exact(round(summary.device_s, 9))
            return device_lines(
                seconds,
                self.hour_price,
                prefix_prefill_s=self.prefill_s,
                cache=cache,
                source=self.hour_source,
            )
        if summary.tokens is None:
            return request_lines(Tokens(None, None), self.row, cache=cache)
        means = {
            kind: exact(round(getattr(summary.tokens, kind), 4))
            for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
        }
        return request_lines(Tokens(**means), self.row, cache=cache)


def request_pricing(suite: Suite, arm: ArmFacts, summary: ArmSummary, prices: PriceTable) -> RequestPricing:
    """How a request of one arm is priced.

    Args:
        suite: Names the models.
        arm: Candidate or curve point.
        summary: Its mean device seconds, prefix, and what its answers state that they cost.
        prices: In force.
    """
    price_id = suite.models[arm.model].price_id
    served = served_model(suite, arm.model)
    row = None if price_id is None else prices.lookup(price_id)
    hour_price = device_hour(suite, served) if price_id is None else None
    priced = row is not None or hour_price is not None or summary.unit_cost is None
    return RequestPricing(
        row=row,
        hour_price=hour_price,
        hour_source=f"{served} device_hour",
        prefill_s=exact(round(summary.prefill_s, 6)),
        stated=None if priced or summary.unit_cost is None else Decimal(summary.unit_cost),
        served=served,
    )


def unknown_of_request(
    suite: Suite, arm: ArmFacts, summary: ArmSummary, answers: ArmCosts, request: RequestPricing
) -> Iterator[str]:
    """Why the cost of a request is not known, and what to declare so that it is; nothing where it is known.

    Args:
        suite: Names the models.
        arm: Whose costs.
        summary: Whether its tokens or device seconds were counted.
        answers: Its costs without those of passages.
        request: By what a request is priced.
    """
    if answers.unit_cost is not None or not answers.per_request[answers.scenario]:
        return
    row, served = request.row, request.served
    if row is not None and summary.tokens is None:
        yield f"{arm.name}: its answers carry no token counts; add `usage` to their rows"
    elif row is not None:
        yield f"{arm.name}: the price of {row.model!r} lacks a part that its requests use; add it under `prices`"
    elif suite.models[served].type in ("embedded", "transformers") or summary.device_s is not None:
        if request.hour_price is None:
            yield f"{arm.name}: what an hour of its machine costs is not declared; give models.{served}.device_hour"
        else:
            yield f"{arm.name}: no answer has device seconds; run it again without the answer cache"
    else:
        yield f"{arm.name}: nothing says what model {served!r} is priced as; give models.{served}.price"
