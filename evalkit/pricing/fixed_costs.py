"""The ledger lines of an arm that do not depend on volume: training, work, hosting, renewals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from evalkit.economics.cash_flow import cadence
from evalkit.economics.ledger import ArmCosts, Renewal
from evalkit.economics.line_item import Factor, LineItem
from evalkit.economics.prices import PriceRow
from evalkit.economics.training_cost import failed_runs, hosting, hour_training, labour, token_training
from evalkit.economics.triangular import TriangularRange, exact
from evalkit.pricing.prices_in_force import device_hour
from evalkit.records.arm import ArmFacts
from evalkit.records.tuning import TuningReport
from evalkit.suite.economics import Economics
from evalkit.suite.economics import Range as DeclaredRange
from evalkit.suite.models import ModelConfig, TrainingBill, TunedModelConfig
from evalkit.suite.schema import Suite

CADENCE = "retune_every_months"
"""Name of the input that says how many months lie between two tunings."""

RETUNE_HOURS = "retune_hours"
"""Name of the input that says how many hours of work one retuning takes."""

TRAINING = "training"
"""Name of the ledger line of one training."""

_RETUNING = "retuning"


def retune_every(economics: Economics) -> Decimal | None:
    """Months between two tunings: the shorter of the declared cadence and how fast the knowledge changes."""
    limits = (economics.retune_every_months, economics.knowledge_changes_every_months)
    return cadence(*(None if months is None else Decimal(months) for months in limits))


def training_lines(
    suite: Suite, arm: ArmFacts, tuning: TuningReport | None, row: PriceRow | None
) -> Iterator[LineItem]:
    """What training an arm's model once costs; it is paid at the start and at each renewal.

    Args:
        suite: Names the model and, for one that was tuned elsewhere, its bill.
        arm: A tuned arm.
        tuning: What the run's own training took, where it trained.
        row: The model's prices; None where it is not priced by tokens.
    """
    config = suite.models[arm.model]
    if isinstance(config, TunedModelConfig):
        yield _measured_training(suite, arm, config, tuning)
        return
    bill = config.training
    if bill is None:
        yield LineItem("training", (Factor.exact(None, "bill"),))
    elif bill.cost is not None:
        yield LineItem("training", (Factor.exact(bill.cost, "as billed"),))
    elif bill.tokens is not None:
        per_million = None if row is None else row.train
        name = "tuned" if row is None else row.model
        yield token_training(bill.tokens, exact(bill.epochs or 1), per_million, source=f"{name} train")
    else:
        yield _training_by_hour(suite, arm, config, bill, row)


def _measured_training(
    suite: Suite, arm: ArmFacts, config: TunedModelConfig, tuning: TuningReport | None
) -> LineItem:
    """A training that the run made itself: the hours it took, of the arm's own seed where that was trained."""
    own_machine = config.device_hour is not None
    price = config.device_hour if own_machine else device_hour(suite, config.base)
    source = f"{arm.model if own_machine else served_model(suite, arm.model)} device_hour"
    runs = [
        run
        for run in (() if tuning is None else tuning.runs)
        if run.model == arm.model and run.fraction == (arm.fraction or 1.0)
    ]
    runs.sort(key=lambda run: run.seed != (arm.seed or 1))
    hours = exact(round(runs[0].seconds / 3600, 6)) if runs else None
    return LineItem(
        "training", (Factor.exact(hours, "hours"), Factor.exact(price, "per hour", source=source))
    )


def _training_by_hour(
    suite: Suite, arm: ArmFacts, config: ModelConfig, bill: TrainingBill, row: PriceRow | None
) -> LineItem:
    """A training made elsewhere and billed by device hours: at the price row's rate, else at a machine's."""
    if bill.device_hours is None:
        return LineItem("training", (Factor.exact(None, "device hours"),))
    base = config.tuned_from_name
    machine = device_hour(suite, arm.model) or (None if base is None else device_hour(suite, base))
    price = row.train_per_hour if row is not None and row.train_per_hour is not None else machine
    hours = TriangularRange.point(exact(bill.device_hours))
    return hour_training(hours, price, source=f"{arm.model} train_per_hour")


def one_off_lines(
    economics: Economics, arm: ArmFacts, training: tuple[LineItem, ...], index: tuple[LineItem, ...]
) -> Iterator[LineItem]:
    """The lines of an arm that are paid once at the start."""
    effort = economics.training
    if arm.tuned:
        yield from training
        if effort.failed_runs:
            yield from (
                failed_runs(run, TriangularRange.point(exact(effort.failed_runs))) for run in training
            )
        yield labour("engineering", range_of(effort.labour_hours), range_of(effort.labour_rate))
        yield from _evaluation(economics)
        if effort.labelling_cost:
            yield LineItem("labelling", (Factor.exact(effort.labelling_cost, "as declared"),))
    yield from index


def standing_lines(economics: Economics, arm: ArmFacts, row: PriceRow | None) -> Iterator[LineItem]:
    """The lines of an arm that are paid every month, whatever the volume."""
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
    """What an arm does again and again: tune its model, build its index."""
    effort = economics.training
    every = retune_every(economics)
    if arm.tuned and every is not None:
        hours = range_of(effort.retune_hours)
        work = labour(_RETUNING, hours, range_of(effort.labour_rate), hours_source=RETUNE_HOURS)
        yield Renewal(every, (*training, work, *_evaluation(economics)))
    if index and economics.reindex_every_months is not None:
        again = tuple(LineItem("re-indexing", line.factors) for line in index)
        yield Renewal(Decimal(economics.reindex_every_months), again)


def _evaluation(economics: Economics) -> Iterator[LineItem]:
    if economics.training.evaluation_cost:
        yield LineItem("evaluation", (Factor.exact(economics.training.evaluation_cost, "per tuning"),))


def with_cadence(costs: ArmCosts, months: float) -> ArmCosts:
    """The same arm tuned again every ``months`` months; an arm that is never tuned again stays as it is."""
    renewals = tuple(
        replace(renewal, every_months=exact(months)) if is_retune(renewal) else renewal
        for renewal in costs.renewals
    )
    return replace(costs, renewals=renewals)


def without_training(costs: ArmCosts) -> ArmCosts:
    """The same arm with its first training already paid; what a later one costs stays."""
    return replace(costs, one_off=tuple(item for item in costs.one_off if item.name != TRAINING))


def is_retune(renewal: Renewal) -> bool:
    """Whether a renewal is a tuning, and not an index built again."""
    return any(item.name == _RETUNING for item in renewal.items)


def served_model(suite: Suite, model: str) -> str:
    """The model whose machine answers: a tune made here answers on its base's."""
    config = suite.models[model]
    return served_model(suite, config.base) if isinstance(config, TunedModelConfig) else model


def range_of(declared: DeclaredRange) -> TriangularRange:
    """A range of the suite as the economics floor takes it."""
    return TriangularRange.of(declared.low, declared.mode, declared.high)
