"""What each arm costs: the suite's economics, the prices in force and what the run measured, as ledger lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.economics.cash_flow import cadence
from evalkit.economics.device_cost import device_costs, device_lines
from evalkit.economics.ledger import ArmCosts, Renewal, Terms
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.price_file import RATE_KEYS
from evalkit.economics.prices import PriceError, PriceRow, PriceTable
from evalkit.economics.prompt_cache import PromptCache, Scenario
from evalkit.economics.request_cost import TokenColumns, Tokens, request_costs, request_lines
from evalkit.economics.training_cost import failed_runs, hosting, hour_training, labour, token_training
from evalkit.economics.triangular import FloatArray, Range, exact
from evalkit.errors import Problem, SuiteError
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.records.tuning import TuningReport
from evalkit.runner.pricing import device_hour, price_id, price_table
from evalkit.suite.economics import Economics
from evalkit.suite.economics import Range as DeclaredRange
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite

CADENCE = "retune_every_months"
LABOUR_HOURS = "labour_hours"
RETUNE_HOURS = "retune_hours"
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
        unknown: What is not known of its costs, and what to declare; empty when everything is.
    """

    costs: ArmCosts
    row: PriceRow | None
    hour: Decimal | None
    hour_source: str
    prefill_s: Decimal
    caches: Mapping[Scenario, PromptCache]
    unknown: tuple[str, ...]

    @property
    def request_prices(self) -> dict[str, Decimal]:
        """The prices behind one request, by the name under which each is varied."""
        if self.row is None:
            return {} if self.hour is None else {self.hour_source: self.hour}
        rates = {key: getattr(self.row.rates, key) for key in RATE_KEYS}
        return {f"{self.row.model} {key}": price for key, price in rates.items() if price is not None}

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
        if self.row is not None:
            rates = {name.rpartition(" ")[2]: value for name, value in changed.items()}
            row = replace(self.row, rates=replace(self.row.rates, **rates)) if rates else self.row
            return request_costs(tokens, row, cache=cache)
        hour = changed.get(self.hour_source, self.hour)
        if hour is None:
            return np.full(device_s.shape, np.nan)
        return device_costs(device_s, hour, prefix_prefill_s=self.prefill_s, cache=cache)


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
        requests_per_month=_range(economics.requests_per_month),
        value_per_correct=None if value is None else Range.point(value),
        cost_per_wrong=Range.point(economics.cost_per_wrong),
        discount_rate=exact(economics.discount_rate),
    )


def retune_every(economics: Economics) -> Decimal | None:
    """Months between two tunings: the shorter of the declared cadence and how fast the knowledge changes."""
    months = (economics.retune_every_months, economics.knowledge_changes_every_months)
    return cadence(*(None if known is None else Decimal(known) for known in months))


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
    served = _served_model(suite, arm.model)
    hour = None if named is not None else device_hour(suite, served)
    source = f"{served} device_hour"
    caches = _caches(economics, summary)
    prefill = exact(round(summary.prefill_s, 6))
    per_request = {
        scenario: _request_lines(summary, row, hour, source, prefill, cache)
        for scenario, cache in caches.items()
    }
    training = tuple(_training_lines(suite, arm, tuning, row)) if arm.tuned else ()
    costs = ArmCosts(
        arm=arm.name,
        currency=economics.currency,
        prices_as_of=None if row is None else row.as_of,
        per_request=per_request,
        scenario="observed" if economics.prompt_cache_hit is None else "assumed",
        one_off=tuple(_one_off(economics, arm, training)),
        standing=tuple(_standing(economics, arm, row)),
        renewals=tuple(_renewals(economics, arm, training)),
    )
    return ArmMoney(
        costs=costs,
        row=row,
        hour=hour,
        hour_source=source,
        prefill_s=prefill,
        caches=caches,
        unknown=tuple(_unknown(suite, arm, summary, costs, row, hour, served)),
    )


def with_cadence(costs: ArmCosts, months: float) -> ArmCosts:
    """The same arm tuned again every ``months`` months, where it is a tuned one."""
    renewals = tuple(
        replace(renewal, every_months=exact(months)) if _is_retune(renewal) else renewal
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
                    replace(factor, value=Range.point(value)) if factor.source == name else factor
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


def _caches(economics: Economics, summary: ArmSummary) -> dict[Scenario, PromptCache]:
    caches: dict[Scenario, PromptCache] = {"cold": PromptCache("cold"), "observed": PromptCache("observed")}
    if economics.prompt_cache_hit is not None:
        hit = exact(economics.prompt_cache_hit)
        caches["assumed"] = PromptCache("assumed", shared_prefix=round(summary.prefix_tokens), hit_rate=hit)
    return caches


def _request_lines(
    summary: ArmSummary,
    row: PriceRow | None,
    hour: Decimal | None,
    source: str,
    prefill: Decimal,
    cache: PromptCache,
) -> tuple[LineItem, ...]:
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


def _training_lines(
    suite: Suite, arm: ArmFacts, tuning: TuningReport | None, row: PriceRow | None
) -> Iterator[LineItem]:
    """One training run, paid at the start and at each renewal."""
    config = suite.models[arm.model]
    if isinstance(config, TunedModelConfig):
        hour = config.device_hour if config.device_hour is not None else device_hour(suite, config.base)
        own = config.device_hour is not None
        source = f"{arm.model if own else _served_model(suite, arm.model)} device_hour"
        runs = [] if tuning is None else tuning.runs
        found = [run for run in runs if run.model == arm.model and run.fraction == (arm.fraction or 1.0)]
        found.sort(key=lambda run: run.seed != (arm.seed or 1))
        hours = exact(round(found[0].seconds / 3600, 6)) if found else None
        price = Factor.exact(hour, "per hour", source=source)
        yield LineItem("training", (Factor.exact(hours, "hours"), price))
        return
    bill = getattr(config, "training", None)
    if bill is None:
        yield LineItem("training", (Factor.exact(None, "bill"),))
    elif bill.cost is not None:
        yield LineItem("training", (Factor.exact(bill.cost, "as billed"),))
    elif bill.tokens is not None:
        per_million = None if row is None else row.train
        name = "tuned" if row is None else row.model
        yield token_training(bill.tokens, exact(bill.epochs or 1), per_million, source=f"{name} train")
    else:
        base = getattr(config, "tuned_from", None)
        hour = device_hour(suite, arm.model) or (device_hour(suite, base) if base is not None else None)
        by_hour = row.train_per_hour if row is not None and row.train_per_hour is not None else hour
        hours = None if bill.device_hours is None else exact(bill.device_hours)
        if hours is None:
            yield LineItem("training", (Factor.exact(None, "device hours"),))
        else:
            yield hour_training(Range.point(hours), by_hour, source=f"{arm.model} train_per_hour")


def _one_off(economics: Economics, arm: ArmFacts, training: tuple[LineItem, ...]) -> Iterator[LineItem]:
    effort = economics.training
    if arm.tuned:
        yield from training
        if effort.failed_runs:
            yield from (failed_runs(run, Range.point(exact(effort.failed_runs))) for run in training)
        yield labour("engineering", _range(effort.labour_hours), Range.point(effort.labour_rate))
        if effort.labelling_cost:
            yield LineItem("labelling", (Factor.exact(effort.labelling_cost, "as declared"),))
    if arm.kind.retrieves and economics.reindex_cost:
        yield LineItem("index building", (Factor.exact(economics.reindex_cost, "per build"),))


def _standing(economics: Economics, arm: ArmFacts, row: PriceRow | None) -> Iterator[LineItem]:
    declared = economics.hosting
    if arm.tuned:
        hours = exact(declared.hours_per_month)
        if declared.tuned_per_hour is not None:
            yield hosting(declared.tuned_per_hour, hours_a_month=hours, source="hosting tuned_per_hour")
        elif row is not None and row.hosting_per_hour is not None:
            yield hosting(row.hosting_per_hour, hours_a_month=hours, source=f"{row.model} hosting_per_hour")
    if arm.kind.retrieves and declared.vector_store_per_month:
        yield LineItem("vector store", (Factor.exact(declared.vector_store_per_month, "per month"),))


def _renewals(economics: Economics, arm: ArmFacts, training: tuple[LineItem, ...]) -> Iterator[Renewal]:
    effort = economics.training
    every = retune_every(economics)
    if arm.tuned and every is not None:
        hours = _range(effort.retune_hours)
        work = labour("retuning", hours, Range.point(effort.labour_rate), hours_source=RETUNE_HOURS)
        yield Renewal(every, (*training, work))
    if arm.kind.retrieves and economics.reindex_every_months is not None and economics.reindex_cost:
        index = LineItem("re-indexing", (Factor.exact(economics.reindex_cost, "per build"),))
        yield Renewal(Decimal(economics.reindex_every_months), (index,))


def _is_retune(renewal: Renewal) -> bool:
    return any(item.name == "retuning" for item in renewal.items)


def _unknown(
    suite: Suite,
    arm: ArmFacts,
    summary: ArmSummary,
    costs: ArmCosts,
    row: PriceRow | None,
    hour: Decimal | None,
    served: str,
) -> Iterator[str]:
    """What stands in the way of a figure, and what to declare."""
    if costs.unit_cost is None:
        if row is not None and summary.tokens is None:
            yield f"{arm.name}: its answers carry no token counts; add `usage` to their rows"
        elif row is not None:
            yield f"{arm.name}: the price of {row.model!r} lacks a part that its requests use; add it under `prices`"
        elif suite.models[served].type in ("embedded", "transformers") or summary.device_s is not None:
            if hour is None:
                yield f"{arm.name}: what an hour of its machine costs is not declared; give models.{served}.device_hour"
            else:
                yield f"{arm.name}: no answer has device seconds; run it again without the answer cache"
        else:
            yield f"{arm.name}: nothing says what model {served!r} is priced as; give models.{served}.price"
    for item in costs.items:
        if item.amount is None and item.name == "training":
            config = suite.models[arm.model]
            if isinstance(config, TunedModelConfig):
                yield f"{arm.name}: its training is not priced; give models.{arm.model}.device_hour"
            else:
                yield f"{arm.name}: what its training cost is not declared; give models.{arm.model}.training"
            return


def _served_model(suite: Suite, model: str) -> str:
    """The model whose machine answers: a tune made here answers on its base's."""
    config = suite.models[model]
    return _served_model(suite, config.base) if isinstance(config, TunedModelConfig) else model


def _range(declared: DeclaredRange) -> Range:
    return Range.of(declared.low, declared.mode, declared.high)
