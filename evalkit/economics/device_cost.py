"""What one request to a local model costs, from its device seconds, under each prompt-cache scenario."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from evalkit.economics.line_item import Factor, LineItem, total
from evalkit.economics.prompt_cache import OBSERVED, PromptCache
from evalkit.economics.triangular import FloatArray

SECONDS_AN_HOUR = Decimal(3600)


def device_lines(
    device_s: Decimal | None,
    device_hour: Decimal | None,
    *,
    prefix_prefill_s: Decimal | None = None,
    cache: PromptCache = OBSERVED,
    source: str = "device_hour",
) -> tuple[LineItem, ...]:
    """The lines of one request to a local model.

    Locally a shared prefix is prefilled once; cold, every request pays its prefill, and at an assumed hit rate
    the requests that miss do.

    Args:
        device_s: Device seconds of the request, batch wall time / rows.
        device_hour: Price of one device-hour.
        prefix_prefill_s: Measured seconds to prefill the arm's shared prefix; 0 where it has none, None where
            it was not measured.
        cache: Prompt-cache scenario.
        source: Input name of the price, for models that run on devices of different price.

    >>> [line.basis for line in device_lines(Decimal("0.018"), Decimal("0.08"))]
    ['0.018 device seconds x 0.08 per hour']
    """
    price = Factor.exact(device_hour, "per hour", source=source, per=SECONDS_AN_HOUR)
    lines = (LineItem("device", (Factor.exact(device_s, "device seconds"), price)),)
    misses = {"cold": Decimal(1), "observed": Decimal(0), "assumed": 1 - cache.hit_rate}[cache.scenario]
    if misses == 0 or prefix_prefill_s == 0:
        return lines
    seconds = Factor.exact(prefix_prefill_s, "prefill seconds of the shared prefix")
    share = () if misses == 1 else (Factor.exact(misses, "of requests miss"),)
    return (*lines, LineItem("prefix prefill", (seconds, *share, price)))


def device_costs(
    device_s: FloatArray,
    device_hour: Decimal,
    *,
    prefix_prefill_s: Decimal | None = None,
    cache: PromptCache = OBSERVED,
) -> FloatArray:
    """Cost of many requests to a local model.

    Args:
        device_s: Shape (n,), NaN where it was not measured.
        device_hour: Price of one device-hour.
        prefix_prefill_s: As in ``device_lines``.
        cache: Prompt-cache scenario.

    Returns:
        Shape (n,), money per request; NaN where unknown.
    """
    lines = device_lines(Decimal(0), device_hour, prefix_prefill_s=prefix_prefill_s, cache=cache)
    extra = total(lines)
    per_second = float(device_hour / SECONDS_AN_HOUR)
    return device_s * per_second + (np.nan if extra is None else float(extra))
