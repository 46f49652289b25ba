"""The cost of one request to a local model."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from evalkit.economics.device_cost import device_costs, device_lines
from evalkit.economics.line_item import total
from evalkit.economics.prompt_cache import PromptCache

SECOND = Decimal("0.036")
HOUR = Decimal("1.00")
PREFILL = Decimal("0.9")


@pytest.mark.parametrize(
    ("cache", "cost"),
    [
        (PromptCache(), "0.00001"),
        (PromptCache("cold"), "0.00026"),
        (PromptCache("assumed", hit_rate=Decimal("0.8")), "0.00006"),
        (PromptCache("assumed", hit_rate=Decimal(1)), "0.00001"),
    ],
)
def test_requests_that_miss_the_prefix_pay_its_prefill(cache: PromptCache, cost: str):
    assert total(device_lines(SECOND, HOUR, prefix_prefill_s=PREFILL, cache=cache)) == Decimal(cost)
    many = device_costs(np.array([0.036, np.nan]), HOUR, prefix_prefill_s=PREFILL, cache=cache)
    assert many[0] == pytest.approx(float(cost))
    assert np.isnan(many[1])


def test_an_arm_without_shared_prefix_costs_the_same_cold():
    cold = device_lines(SECOND, HOUR, prefix_prefill_s=Decimal(0), cache=PromptCache("cold"))
    assert cold == device_lines(SECOND, HOUR)


def test_what_was_not_measured_is_unknown():
    assert total(device_lines(None, HOUR)) is None
    assert total(device_lines(SECOND, None)) is None
    assert total(device_lines(SECOND, HOUR, cache=PromptCache("cold"))) is None
    assert np.isnan(device_costs(np.array([1.0]), HOUR, cache=PromptCache("cold"))).all()
