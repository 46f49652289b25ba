"""What it costs to make and keep a tuned model."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evalkit.economics.line_item import total
from evalkit.economics.price_file import shipped_prices
from evalkit.economics.request_cost import Tokens, request_lines
from evalkit.economics.training_cost import (
    failed_runs,
    hosting,
    hour_training,
    labour,
    token_training,
    token_validation,
)
from evalkit.economics.triangular import TriangularRange

PRICES = shipped_prices()


@pytest.mark.parametrize(
    ("model_id", "cost"), [("ft:gpt-4.1", "50.00"), ("ft:gpt-4.1-mini", "10.00"), ("ft:gpt-4o-mini", "6.00")]
)
def test_a_million_tokens_twice_at_openai(model_id: str, cost: str):
    row = PRICES.lookup(model_id)
    assert token_training(1_000_000, 2, row.train, source=f"{model_id} train").amount == Decimal(cost)


def test_microsofts_month_of_a_tuned_o4_mini():
    """1.70 x 24 x 30 + 20 x 1.10 + 40 x 4.40 = 1422.00, from Microsoft's cost-management page."""
    row = PRICES.lookup("azure/ft:o4-mini")
    month = hosting(row.hosting_per_hour, hours_a_month=24 * 30, source="azure/ft:o4-mini hosting_per_hour")
    used = request_lines(Tokens(20_000_000, 40_000_000), row)
    assert total((month, *used)) == Decimal("1422.00")


def test_together_bills_the_validation_tokens_of_each_evaluation():
    row = token_validation(50_000, 4, Decimal("0.48"), source="m train")
    assert (row.amount, row.basis) == (
        Decimal("0.096"),
        "50,000 tokens x 4 evaluations x 0.48 per million",
    )


def test_training_billed_by_time():
    hours = hour_training(TriangularRange.of(1, 2, 6), Decimal("100.00"), source="ft:o4-mini train_per_hour")
    assert (hours.amount, hours.mean) == (200, 300)
    assert hours.basis == "2 hours (mean 3) x 100.00 per hour"


def test_failed_runs_are_paid_like_the_one_that_worked():
    run = token_training(1_000_000, 2, Decimal("3.00"), source="ft:gpt-4o-mini train")
    assert failed_runs(run, TriangularRange.point(1.5)).amount == 9
    assert failed_runs(run, TriangularRange.point(0)).amount == 0


def test_labour_keeps_the_names_of_its_inputs():
    item = labour(
        "retuning", TriangularRange.of(2, 4, 6), TriangularRange.point(60), hours_source="retune_hours"
    )
    assert item.amount == 240
    assert [factor.source for factor in item.factors] == ["retune_hours", "labour_rate"]


def test_a_training_price_that_is_not_known_is_not_zero():
    assert token_training(1_000_000, 2, PRICES.lookup("gpt-4o").train, source="gpt-4o train").amount is None
    assert hosting(None, source="m hosting_per_hour").amount is None
