"""What is not known of an arm's costs, and what to declare so that it is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from evalkit.economics.ledger import ArmCosts
from evalkit.economics.prices import PriceRow
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary
from evalkit.suite.models import TunedModelConfig
from evalkit.suite.schema import Suite


def unknown_costs(
    suite: Suite,
    arm: ArmFacts,
    summary: ArmSummary,
    costs: ArmCosts,
    row: PriceRow | None,
    hour: Decimal | None,
    served: str,
) -> Iterator[str]:
    """One sentence for each figure that stands in the way of a sum.

    Args:
        suite: Names the models.
        arm: Whose costs.
        summary: Whether its tokens or device seconds were counted.
        costs: Its lines, with holes.
        row: Prices per token; None for models paid by the hour.
        hour: Price of one device hour, where it is known.
        served: The model whose machine answers.
    """
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
