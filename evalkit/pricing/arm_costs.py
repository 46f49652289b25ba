"""What each arm costs: the suite's economics, the prices in force and what the run measured, as ledger lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.economics.device_cost import device_costs, device_lines
from evalkit.economics.ledger import ArmCosts, Terms
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.price_file import RATE_KEYS
from evalkit.economics.prices import PriceError, PriceRow, PriceTable
from evalkit.economics.prompt_cache import PromptCache, Scenario
from evalkit.economics.request_cost import TokenColumns, Tokens, request_costs, request_lines
from evalkit.economics.triangular import FloatArray, TriangularRange, exact
from evalkit.errors import Problem, SuiteError
from evalkit.pricing.embedding_cost import embedder_price_id
from evalkit.pricing.fixed_costs import (
    is_retune,
    one_off_lines,
    range_of,
    renewals,
    served_model,
    standing_lines,
    training_lines,
)
from evalkit.pricing.prices_in_force import device_hour, price_id, price_table
from evalkit.pricing.retrieval_costs import retrieval_costs
from evalkit.pricing.unknown_costs import unknown_costs
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.records.tuning import TuningReport
from evalkit.suite.economics import Economics
from evalkit.suite.schema import Suite

CADENCE = "retune_every_months"
SCENARIOS: tuple[Scenario, ...] = ("cold", "observed", "assumed")


@dataclass(frozen=True, slots=True)
class ArmMoney:
    """An arm's ledger lines, and how its unit cost follows from drawn tokens or device seconds.

    Attributes:
        costs: Lines at the run's mean tokens or device seconds.
        row: Prices per token; None for models paid by the hour.
        hour: Price of one device hour; None for models priced by tokens, or where it is not known.
        hour_source: Name under which that price is varied.
        prefill_s: Seconds that a cold prefill of the shared prefix takes.
        caches: The prompt-cache scenarios that could be priced.
        retrieval: Prices of one request's passages, by name.
        passages_known: Whether those are all that its passages cost.
        unknown: What is not known of its costs, and what to declare; empty when everything is.
        stated: Mean money of a request as its answers came with it, where nothing else prices the arm.
    """

    costs: ArmCosts
    row: PriceRow | None
    hour: Decimal | None
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
            hour = {} if self.hour is None else {self.hour_source: self.hour}
            return {**hour, **self.retrieval}
        rates = {key: getattr(self.row.rates, key) for key in RATE_KEYS}
        named = {f"{self.row.model} {key}": price for key, price in rates.items() if price is not None}
        return {**named, **self.retrieval}

    def unit_costs(
        self,
        tokens: TokenColumns,
        device_s: FloatArray,
        *,
        scenario: Scenario | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> FloatArray:
        """Money per request in every draw.

        Args:
            tokens: Mean tokens of a request in every draw; not read for models paid by the hour.
            device_s: Mean device seconds in every draw; read only for those.
            scenario: Default: the one that the verdict uses.
            prices: Prices to put in place of the declared ones, by name.
        """
        cache = self.caches[scenario or self.costs.scenario]
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
        hour = changed.get(self.hour_source, self.hour)
        if hour is None:
            return np.full(device_s.shape, np.nan if self.stated is None else float(self.stated))
        return device_costs(device_s, hour, prefix_prefill_s=self.prefill_s, cache=cache) + passages


def check_prices(suite: Suite, prices: PriceTable | None = None) -> None:
    """Refuse a suite that counts in money but names a model whose price nobody knows.

    Nothing is checked where ``economics`` is not declared: no price is needed then.

    Args:
        suite: Before or after its run.
        prices: In force; default: the shipped ones with the suite's own over them.

    Raises:
        SuiteError: For each such model, its line and the nearest known ids.
    """
    if suite.economics is None:
        return
    table = price_table(suite) if prices is None else prices
    if problems := list(_unpriced(suite, table)):
        raise SuiteError(*problems)


def terms_of(economics: Economics) -> Terms:
    """What all arms share: volume, value, horizon, discount rate."""
    value = economics.value_per_correct
    return Terms(
        currency=economics.currency,
        horizon_months=economics.horizon_months,
        requests_per_month=range_of(economics.requests_per_month),
        value_per_correct=None if value is None else TriangularRange.point(value),
        cost_per_wrong=TriangularRange.point(economics.cost_per_wrong),
        discount_rate=exact(economics.discount_rate),
    )


def arm_money(
    suite: Suite,
    economics: Economics,
    arm: ArmFacts,
    summary: ArmSummary,
    tuning: TuningReport | None,
    prices: PriceTable,
) -> ArmMoney:
    """The money facts of one arm.

    Args:
        suite: Models and what their training cost.
        economics: The suite's, here known to be declared.
        arm: Candidate or curve point.
        summary: Its mean tokens, device seconds and prefix.
        tuning: What the run's own training took.
        prices: In force, checked by ``check_prices``.
    """
    named = price_id(suite, arm.model)
    row = None if named is None else prices.lookup(named)
    served = served_model(suite, arm.model)
    hour = None if named is not None else device_hour(suite, served)
    source = f"{served} device_hour"
    caches = _caches(economics, summary)
    prefill = exact(round(summary.prefill_s, 6))
    passages = retrieval_costs(suite, economics, arm, summary, prices)
    per_request = {
        scenario: _request_lines(summary, row, hour, source, prefill, cache)
        for scenario, cache in caches.items()
    }
    training = tuple(training_lines(suite, arm, tuning, row)) if arm.tuned else ()
    costs = ArmCosts(
        arm=arm.name,
        currency=economics.currency,
        prices_as_of=None if row is None else row.as_of,
        per_request={name: (*lines, *passages.lines) for name, lines in per_request.items()},
        scenario="observed" if economics.prompt_cache_hit is None else "assumed",
        one_off=tuple(one_off_lines(economics, arm, training, passages.index)),
        standing=tuple(standing_lines(economics, arm, row)),
        renewals=tuple(renewals(economics, arm, training, passages.index)),
    )
    answers = replace(costs, per_request=per_request)
    return ArmMoney(
        costs=costs,
        row=row,
        hour=hour,
        hour_source=source,
        prefill_s=prefill,
        caches=caches,
        retrieval=passages.prices,
        unknown=(
            *unknown_costs(suite, arm, summary, answers, row, hour, served),
            *passages.unknown,
        ),
        passages_known=not any(line.amount is None for line in passages.lines),
        stated=_stated(summary, row, hour),
    )


def with_cadence(costs: ArmCosts, months: float) -> ArmCosts:
    """The same arm tuned again every ``months`` months, where it is a tuned one."""
    renewals = tuple(
        replace(renewal, every_months=exact(months)) if is_retune(renewal) else renewal
        for renewal in costs.renewals
    )
    return replace(costs, renewals=renewals)


def with_input(costs: ArmCosts, name: str, value: Decimal) -> ArmCosts:
    """The same arm with one input of its lines at a point: the hand-checkable form of a changed assumption."""

    def changed(items: tuple[LineItem, ...]) -> tuple[LineItem, ...]:
        return tuple(
            replace(
                item,
                factors=tuple(
                    replace(factor, value=TriangularRange.point(value)) if factor.source == name else factor
                    for factor in item.factors
                ),
            )
            for item in items
        )

    return replace(
        costs,
        per_request={scenario: changed(lines) for scenario, lines in costs.per_request.items()},
        one_off=changed(costs.one_off),
        standing=changed(costs.standing),
        renewals=tuple(replace(renewal, items=changed(renewal.items)) for renewal in costs.renewals),
    )


def _unpriced(suite: Suite, table: PriceTable) -> Iterator[Problem]:
    used = {arm.model for arm in suite.arms.values()}
    for name in suite.models:
        named = price_id(suite, name)
        if name not in used or named is None:
            continue
        try:
            table.lookup(named)
        except PriceError as error:
            key = "model" if suite.models[name].price is None else "price"
            yield suite.source.problem(("models", name, key), str(error))
    if suite.economics is not None and suite.economics.retrieval.embedding_per_request:
        return  # declared, so no price of tokens is needed
    for name in suite.embedders_used:
        if (named := embedder_price_id(suite.embedders[name])) is None:
            continue
        key = "model" if getattr(suite.embedders[name], "price", None) is None else "price"
        try:
            row = table.lookup(named)
        except PriceError as error:
            yield suite.source.problem(("embedders", name, key), str(error))
            continue
        if row.rates.input is None:
            message = f"the price of {row.model!r} has no `input`, which is what embedding costs"
            yield suite.source.problem(("embedders", name, key), message)


def _caches(economics: Economics, summary: ArmSummary) -> dict[Scenario, PromptCache]:
    caches: dict[Scenario, PromptCache] = {"cold": PromptCache("cold"), "observed": PromptCache("observed")}
    if economics.prompt_cache_hit is not None:
        hit = exact(economics.prompt_cache_hit)
        caches["assumed"] = PromptCache("assumed", shared_prefix=round(summary.prefix_tokens), hit_rate=hit)
    return caches


def _stated(summary: ArmSummary, row: PriceRow | None, hour: Decimal | None) -> Decimal | None:
    """What answers brought from elsewhere say they cost, where neither tokens nor hours are priced."""
    priced = row is not None or hour is not None or summary.unit_cost is None
    return None if priced else Decimal(summary.unit_cost or 0)


def _request_lines(
    summary: ArmSummary,
    row: PriceRow | None,
    hour: Decimal | None,
    source: str,
    prefill: Decimal,
    cache: PromptCache,
) -> tuple[LineItem, ...]:
    if (stated := _stated(summary, row, hour)) is not None:
        return (LineItem("request", (Factor.exact(stated, "a request, as its answers state"),)),)
    if row is None:
        seconds = None if summary.device_s is None else exact(round(summary.device_s, 9))
        return device_lines(seconds, hour, prefix_prefill_s=prefill, cache=cache, source=source)
    if summary.tokens is None:
        return request_lines(Tokens(None, None), row, cache=cache)
    means = {
        kind: exact(round(getattr(summary.tokens, kind), 4))
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    return request_lines(Tokens(**means), row, cache=cache)
