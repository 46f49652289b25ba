"""Callers without a cost limit."""

from __future__ import annotations

from typing import Any

from evalkit.calls.budget import Spending
from evalkit.calls.caller import Caller
from evalkit.calls.expected_cost import AnswerPrice, ExpectedCost
from evalkit.models.protocol import Model
from evalkit.records.sample import Cost, Timing, Usage
from evalkit.store.cache import NoCache, ResponseCache


def unpriced(usage: Usage | None, timing: Timing | None) -> Cost | None:
    """The price of an answer whose price is not known."""
    return None


def unlimited_caller(
    model: Model, *, cache: ResponseCache | None = None, price: AnswerPrice = unpriced, **settings: Any
) -> Caller:
    """A caller that may spend anything; ``settings`` are those of ``Caller``."""
    return Caller(
        model,
        cache=NoCache() if cache is None else cache,
        spending=Spending(),
        expected_cost=ExpectedCost(price),
        **settings,
    )
