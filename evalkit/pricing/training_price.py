"""What the machine cost that trained a suite's models, at the suite's price for an hour of it."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from evalkit.economics.line_item import total
from evalkit.economics.training_cost import hour_training
from evalkit.economics.triangular import TriangularRange
from evalkit.pricing.prices_in_force import currency_of, device_hour
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.suite.schema import Suite


def price_trainings(suite: Suite, report: TuningReport) -> TuningReport:
    """The same trainings with the device cost of each; None where the suite knows no price of an hour."""
    return replace(report, runs=tuple(_price_training(suite, run) for run in report.runs))


def _price_training(suite: Suite, run: TuningRun) -> TuningRun:
    hour_price = device_hour(suite, run.model)
    if hour_price is None:
        return replace(run, device_cost=None, currency=None)
    hours = TriangularRange.point(Decimal(str(round(run.seconds / 3600, 6))))
    line = hour_training(hours, hour_price, source=f"{run.model} device_hour")
    return replace(run, device_cost=total([line]), currency=currency_of(suite))
