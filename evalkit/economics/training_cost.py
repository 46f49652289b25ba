"""What it costs to make and keep a tuned model: training, failed runs, labour, hosting."""

from __future__ import annotations

from decimal import Decimal

from evalkit.economics.line_item import MILLION, Factor, LineItem
from evalkit.economics.triangular import TriangularRange

HOURS_A_MONTH = 730
"""8,760 hours a year / 12. Microsoft's own example counts a month of 30 days, 720 hours."""


def token_training(tokens: int, epochs: Decimal | int, price: Decimal | None, *, source: str) -> LineItem:
    """Training billed by tokens: tokens of the dataset x epochs x price per million.

    Args:
        tokens: Tokens of the training rows, once.
        epochs: Times the rows are seen.
        price: Per million tokens; None when it is not known.
        source: Input name of the price, "<model id> train".

    >>> token_training(1_000_000, 2, Decimal("3.00"), source="ft:gpt-4o-mini train").basis
    '1,000,000 tokens x 2 epochs x 3.00 per million'
    """
    return LineItem("training", (*_passes(tokens, epochs, "epochs"), _per_million(price, source)))


def token_validation(tokens: int, evaluations: int, price: Decimal | None, *, source: str) -> LineItem:
    """Validation tokens billed at each evaluation during training, as Together does; OpenAI and Azure do not.

    >>> token_validation(50_000, 4, Decimal("0.48"), source="llama train").basis
    '50,000 tokens x 4 evaluations x 0.48 per million'
    """
    return LineItem("validation", (*_passes(tokens, evaluations, "evaluations"), _per_million(price, source)))


def hour_training(hours: TriangularRange, price: Decimal | None, *, source: str) -> LineItem:
    """Training billed by time: device-hours x price per hour.

    Args:
        hours: Device-hours of the run that is kept.
        price: Per device-hour; None when it is not known.
        source: Input name of the price, "<model id> train_per_hour".

    >>> hour_training(TriangularRange.point(Decimal("1.5")), Decimal(100), source="ft:o4-mini train_per_hour").basis
    '1.5 hours x 100 per hour'
    """
    factors = (Factor(hours, "hours", "training_hours"), Factor.exact(price, "per hour", source=source))
    return LineItem("training", factors)


def failed_runs(run: LineItem, count: TriangularRange) -> LineItem:
    """Runs that were paid for and thrown away; Azure does not bill failed runs, so there the count is 0.

    >>> run = token_training(1_000_000, 2, Decimal("3.00"), source="ft:gpt-4o-mini train")
    >>> failed_runs(run, TriangularRange.point(2)).basis
    '1,000,000 tokens x 2 epochs x 3.00 per million x 2 failed runs'
    """
    return LineItem("failed runs", (*run.factors, Factor(count, "failed runs", "failed_runs")))


def labour(
    name: str, hours: TriangularRange, rate: TriangularRange, *, hours_source: str = "labour_hours"
) -> LineItem:
    """People's time: hours x rate.

    Args:
        name: What they do ("engineering", "labelling", "retuning").
        hours: Hours of work.
        rate: Money per hour.
        hours_source: Input name of the hours ("retune_hours" for one renewal).

    >>> labour("engineering", TriangularRange.point(24), TriangularRange.point(60)).amount
    Decimal('1440')
    """
    return LineItem(name, (Factor(hours, "hours", hours_source), Factor(rate, "per hour", "labour_rate")))


def hosting(price: Decimal | None, *, hours_a_month: Decimal | int = HOURS_A_MONTH, source: str) -> LineItem:
    """One month of a deployed model, used or not: price per hour x hours deployed.

    Args:
        price: Per hour deployed; None when it is not known.
        hours_a_month: Hours a month for which the model stays deployed.
        source: Input name of the price, "<model id> hosting_per_hour".

    >>> hosting(Decimal("1.70"), hours_a_month=720, source="azure/ft:o4-mini hosting_per_hour").amount
    Decimal('1224.00')
    """
    factors = (Factor.exact(price, "per hour", source=source), Factor.exact(hours_a_month, "hours a month"))
    return LineItem("hosting", factors)


def _passes(tokens: int, times: Decimal | int, unit: str) -> tuple[Factor, Factor]:
    return Factor.exact(tokens, "tokens"), Factor.exact(times, unit)


def _per_million(price: Decimal | None, source: str) -> Factor:
    return Factor.exact(price, "per million", source=source, per=MILLION)
