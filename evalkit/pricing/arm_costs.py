"""What each arm costs: the suite's economics, the prices in force and what the run measured, as ledger lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.economics.device_cost import device_costs
from evalkit.economics.ledger import ArmCosts, Terms
from evalkit.economics.price_file import RATE_KEYS
from evalkit.economics.prices import PriceRow, PriceTable
from evalkit.economics.prompt_cache import PromptCache, Scenario
from evalkit.economics.request_cost import TokenColumns, request_costs
from evalkit.economics.triangular import FloatArray, exact
from evalkit.pricing.fixed_costs import (
    one_off_lines,
    range_of,
    renewals,
    standing_lines,
    training_lines,
)
from evalkit.pricing.request_pricing import request_pricing, unknown_of_request
from evalkit.pricing.retrieval_costs import retrieval_costs
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.records.tuning import TuningReport
from evalkit.suite.economics import Economics
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite


@dataclass(frozen=True, slots=True)
class ArmCostModel:
    """An arm's ledger lines, and how its unit cost follows from drawn tokens or device seconds.

    Attributes:
        costs: Lines at the run's mean tokens or device seconds.
        row: Prices per token; None for models paid by the hour.
        hour_price: Price of one device hour; None for models priced by tokens, or where it is not known.
        hour_source: Name under which that price is varied.
        prefill_s: Seconds that a cold prefill of the shared prefix takes.
        caches: The prompt-cache scenarios that could be priced.
        retrieval: Prices of one request's passages, by the name under which each is varied.
        unknown: What is not known of its costs, and what to declare; empty when everything is.
        stated: Mean money of a request as its answers came with it, where nothing else prices the arm.
        passages_known: Whether the prices of ``retrieval`` are all that its passages cost.
    """

    costs: ArmCosts
    row: PriceRow | None
    hour_price: Decimal | None
    hour_source: str
    prefill_s: Decimal
    caches: Mapping[Scenario, PromptCache]
    retrieval: Mapping[str, Decimal]
    unknown: tuple[str, ...]
    stated: Decimal | None = None
    passages_known: bool = True

    @property
    def request_prices(self) -> dict[str, Decimal]:
        """The prices behind one request, by the name under which each is varied."""
        if self.row is None:
            by_hour = {} if self.hour_price is None else {self.hour_source: self.hour_price}
            return {**by_hour, **self.retrieval}
        rates = {key: getattr(self.row.rates, key) for key in RATE_KEYS}
        by_token = {f"{self.row.model} {key}": price for key, price in rates.items() if price is not None}
        return {**by_token, **self.retrieval}

    def unit_costs(
        self,
        tokens: TokenColumns,
        device_s: FloatArray,
        *,
        stated: FloatArray | None = None,
        scenario: Scenario | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> FloatArray:
        """Money per request in every draw.

        Args:
            tokens: Mean tokens of a request in every draw; not read for models paid by the hour.
            device_s: Shape (n_draws,), mean device seconds; read only for models paid by the hour.
            stated: Shape (n_draws,), mean money of a request as its answers came with it; read only for arms that
                nothing else prices. Default: the observed mean in every draw.
            scenario: Default: the one that the verdict uses.
            prices: Prices to put in place of the declared ones, by name.

        Returns:
            Shape (n_draws,); NaN where the cost is not known.
        """
        cache = self.caches.get(scenario or self.costs.scenario)
        if cache is None:
            return np.full(device_s.shape, np.nan)
        changed = {
            name: exact(value) for name, value in (prices or {}).items() if name in self.request_prices
        }
        passages = float(sum(changed.pop(name, price) for name, price in self.retrieval.items()))
        if not self.passages_known:
            return np.full(device_s.shape, np.nan)
        if self.row is not None:
            rates = {name.rpartition(" ")[2]: value for name, value in changed.items()}
            row = replace(self.row, rates=replace(self.row.rates, **rates)) if rates else self.row
            return request_costs(tokens, row, cache=cache) + passages
        hour_price = changed.get(self.hour_source, self.hour_price)
        if hour_price is None:
            mean = np.full(device_s.shape, np.nan if self.stated is None else float(self.stated))
            return mean if stated is None or self.stated is None else np.where(np.isnan(stated), mean, stated)
        return device_costs(device_s, hour_price, prefix_prefill_s=self.prefill_s, cache=cache) + passages


def terms_of(economics: Economics) -> Terms:
    """What all arms of a suite share: currency, volume, value, horizon and discount rate.

    A value of 0 with nothing lost by a wrong answer is no value declared: every arm would lose to doing nothing.
    """
    value = economics.value_per_correct
    if value is not None and value.high == 0 and economics.cost_per_wrong.high == 0:
        value = None
    return Terms(
        currency=economics.currency,
        horizon_months=economics.horizon_months,
        requests_per_month=range_of(economics.requests_per_month),
        value_per_correct=None if value is None else range_of(value),
        cost_per_wrong=range_of(economics.cost_per_wrong),
        discount_rate=exact(economics.discount_rate),
    )


def arm_cost_model(
    suite: Suite,
    economics: Economics,
    arm: ArmFacts,
    summary: ArmSummary,
    tuning: TuningReport | None,
    prices: PriceTable,
) -> ArmCostModel:
    """The costs of one arm, and how they follow from what its requests use.

    Args:
        suite: Models and what their training cost.
        economics: The suite's, here known to be declared.
        arm: Candidate or curve point.
        summary: Its mean tokens, device seconds and prefix.
        tuning: What the run's own training took.
        prices: In force, checked by ``check_prices``.
    """
    request = request_pricing(suite, arm, summary, prices)
    caches = _caches(suite, economics, arm, summary, by_token=request.row is not None)
    passages = retrieval_costs(suite, economics, arm, summary, prices)
    per_request = {scenario: request.lines(summary, cache) for scenario, cache in caches.items()}
    if economics.prompt_cache_hit is not None:
        per_request.setdefault("assumed", ())
    training = tuple(training_lines(suite, arm, tuning, request.row)) if arm.tuned else ()
    costs = ArmCosts(
        arm=arm.name,
        currency=economics.currency,
        prices_as_of=None if request.row is None else request.row.as_of,
        per_request={name: lines and (*lines, *passages.lines) for name, lines in per_request.items()},
        scenario="observed" if economics.prompt_cache_hit is None else "assumed",
        one_off=tuple(one_off_lines(economics, arm, training, passages.index)),
        standing=tuple(standing_lines(economics, arm, request.row)),
        renewals=tuple(renewals(economics, arm, training, passages.index)),
    )
    answers = replace(costs, per_request=per_request)
    unknown = [
        *_unknown_prefix(arm, costs),
        *unknown_of_request(suite, arm, summary, answers, request),
        *_unknown_training(suite, arm, costs),
    ]
    return ArmCostModel(
        costs=costs,
        row=request.row,
        hour_price=request.hour_price,
        hour_source=request.hour_source,
        prefill_s=request.prefill_s,
        caches=caches,
        retrieval=passages.prices,
        unknown=(*unknown, *passages.unknown),
        stated=request.stated,
        passages_known=not any(line.amount is None for line in passages.lines),
    )


def _caches(
    suite: Suite, economics: Economics, arm: ArmFacts, summary: ArmSummary, *, by_token: bool
) -> dict[Scenario, PromptCache]:
    """The scenarios that can be priced; the assumed one only where the shared prefix is known or does not matter."""
    caches: dict[Scenario, PromptCache] = {"cold": PromptCache("cold"), "observed": PromptCache("observed")}
    if economics.prompt_cache_hit is None:
        return caches
    prefix = prefix_of(suite, arm, summary)
    if prefix is not None or not by_token or economics.prompt_cache_hit == 0:
        hit = exact(economics.prompt_cache_hit)
        caches["assumed"] = PromptCache("assumed", shared_prefix=round(prefix or 0), hit_rate=hit)
    return caches


def prefix_of(suite: Suite, arm: ArmFacts, summary: ArmSummary) -> float | None:
    """Tokens of the prompt prefix that all requests of an arm share: declared, else measured; None for unknown."""
    config = suite.arms.get(arm.parent or arm.name)
    return summary.prefix_tokens if config is None or config.prefix_tokens is None else config.prefix_tokens


def _unknown_prefix(arm: ArmFacts, costs: ArmCosts) -> Iterator[str]:
    """What to declare so that the assumed hit rate can be priced."""
    if not costs.per_request[costs.scenario]:
        yield (
            f"{arm.name}: a prompt-cache hit rate is assumed and how much of its prompt all requests share is not "
            f"known; give arms.{arm.parent or arm.name}.prefix_tokens"
        )


def _unknown_training(suite: Suite, arm: ArmFacts, costs: ArmCosts) -> Iterator[str]:
    """What to declare so that the cost of training is known; nothing where it is known."""
    if all(item.amount is not None for item in costs.items if item.name == "training"):
        return
    if isinstance(suite.models[arm.model], TunedModelConfig):
        yield f"{arm.name}: its training is not priced; give models.{arm.model}.device_hour"
    else:
        yield f"{arm.name}: what its training cost is not declared; give models.{arm.model}.training"
