"""The ledger lines of an arm that do not depend on volume: training, work, hosting, renewals."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from evalkit.economics.cash_flow import cadence
from evalkit.economics.ledger import Renewal
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.prices import PriceRow
from evalkit.economics.training_cost import failed_runs, hosting, hour_training, labour, token_training
from evalkit.economics.triangular import TriangularRange, exact
from evalkit.pricing.prices_in_force import device_hour
from evalkit.records.arm import ArmFacts
from evalkit.records.tuning import TuningReport
from evalkit.suite.economics import Economics
from evalkit.suite.economics import Range as DeclaredRange
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite

RETUNE_HOURS = "retune_hours"
_RETUNING = "retuning"


def retune_every(economics: Economics) -> Decimal | None:
    """Months between two tunings: the shorter of the declared cadence and how fast the knowledge changes."""
    months = (economics.retune_every_months, economics.knowledge_changes_every_months)
    return cadence(*(None if known is None else Decimal(known) for known in months))


def training_lines(
    suite: Suite, arm: ArmFacts, tuning: TuningReport | None, row: PriceRow | None
) -> Iterator[LineItem]:
    """One training run, paid at the start and at each renewal."""
    config = suite.models[arm.model]
    if isinstance(config, TunedModelConfig):
        hour = config.device_hour if config.device_hour is not None else device_hour(suite, config.base)
        own = config.device_hour is not None
        source = f"{arm.model if own else served_model(suite, arm.model)} device_hour"
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
            yield hour_training(TriangularRange.point(hours), by_hour, source=f"{arm.model} train_per_hour")


def one_off_lines(
    economics: Economics, arm: ArmFacts, training: tuple[LineItem, ...], index: tuple[LineItem, ...]
) -> Iterator[LineItem]:
    """Paid once at the start."""
    effort = economics.training
    if arm.tuned:
        yield from training
        if effort.failed_runs:
            yield from (
                failed_runs(run, TriangularRange.point(exact(effort.failed_runs))) for run in training
            )
        yield labour("engineering", range_of(effort.labour_hours), TriangularRange.point(effort.labour_rate))
        yield from _evaluation(economics)
        if effort.labelling_cost:
            yield LineItem("labelling", (Factor.exact(effort.labelling_cost, "as declared"),))
    yield from index


def standing_lines(economics: Economics, arm: ArmFacts, row: PriceRow | None) -> Iterator[LineItem]:
    """Paid every month."""
    declared = economics.hosting
    if arm.tuned:
        hours = exact(declared.hours_per_month)
        if declared.tuned_per_hour is not None:
            yield hosting(declared.tuned_per_hour, hours_a_month=hours, source="hosting tuned_per_hour")
        elif row is not None and row.hosting_per_hour is not None:
            yield hosting(row.hosting_per_hour, hours_a_month=hours, source=f"{row.model} hosting_per_hour")
    if arm.kind.retrieves and declared.vector_store_per_month:
        yield LineItem("vector store", (Factor.exact(declared.vector_store_per_month, "per month"),))


def renewals(
    economics: Economics, arm: ArmFacts, training: tuple[LineItem, ...], index: tuple[LineItem, ...]
) -> Iterator[Renewal]:
    """Tuning again, and building the index again."""
    effort = economics.training
    every = retune_every(economics)
    if arm.tuned and every is not None:
        hours = range_of(effort.retune_hours)
        work = labour(_RETUNING, hours, TriangularRange.point(effort.labour_rate), hours_source=RETUNE_HOURS)
        yield Renewal(every, (*training, work, *_evaluation(economics)))
    if index and economics.reindex_every_months is not None:
        again = tuple(LineItem("re-indexing", line.factors) for line in index)
        yield Renewal(Decimal(economics.reindex_every_months), again)


def _evaluation(economics: Economics) -> Iterator[LineItem]:
    if economics.training.evaluation_cost:
        yield LineItem("evaluation", (Factor.exact(economics.training.evaluation_cost, "per tuning"),))


def is_retune(renewal: Renewal) -> bool:
    """Whether a renewal is a tuning, and not an index."""
    return any(item.name == _RETUNING for item in renewal.items)


def served_model(suite: Suite, model: str) -> str:
    """The model whose machine answers: a tune made here answers on its base's."""
    config = suite.models[model]
    return served_model(suite, config.base) if isinstance(config, TunedModelConfig) else model


def range_of(declared: DeclaredRange) -> TriangularRange:
    """A range of the suite as the economics floor takes it."""
    return TriangularRange.of(declared.low, declared.mode, declared.high)
