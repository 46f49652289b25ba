"""The break-even volume and the payback in every joint draw, as quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from evalkit.economics.break_even import Basis
from evalkit.economics.cash_flow import discounted_months, renewal_months
from evalkit.economics.ledger import VOLUME, Terms
from evalkit.economics.line_item import total_draws
from evalkit.economics.net_benefit import DrawnArm, fixed_cost_draws, input_draws, worth_draws
from evalkit.economics.payback import payback_draws
from evalkit.economics.triangular import FloatArray

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class BreakEvenBand:
    """Quantiles of the draws; None where a quantile is infinite: beyond any volume, or not inside the horizon.

    Attributes:
        low: Lower quantile.
        median: Middle draw.
        high: Upper quantile.
    """

    low: float | None
    median: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class BreakEvenRange:
    """Break-even over the joint draws.

    Attributes:
        side: "above": volumes above which the treatment is ahead; "below": volumes below which it is.
        requests_per_month: The level volume. Above: a draw in which the treatment is ahead at every volume counts
            as 0, one in which no volume suffices as infinite. Below: the other way round.
        months: Months to pay back at the drawn volume.
        level: Share of draws between ``low`` and ``high``.
        share_never: Share of draws in which the treatment is ahead at no volume on that side.
        n_draws: How many draws.
    """

    side: Literal["above", "below"]
    requests_per_month: BreakEvenBand
    months: BreakEvenBand
    level: float
    share_never: float
    n_draws: int


def break_even_range(
    treatment: DrawnArm,
    control: DrawnArm,
    terms: Terms,
    drawn: Mapping[str, FloatArray],
    *,
    basis: Basis,
    level: float = 0.9,
    side: Literal["above", "below"] = "above",
) -> BreakEvenRange:
    """Break-even in every joint draw.

    Args:
        treatment: The arm that should pay, in every draw.
        control: The arm that it is compared with, in the same draws.
        terms: Horizon and value.
        drawn: Uncertain inputs by name, from ``draw_inputs``.
        basis: "cost" counts only what is paid; "net" also what right and wrong answers are worth.
        level: Share of draws between the two outer quantiles.
        side: "below" where ``break_even`` says so: the treatment saves fixed cost and loses on every request.

    Returns:
        Quantiles over all draws, those without a level volume included.

    Raises:
        PriceError: An arm is priced in another currency than the terms.
        ValueError: A line or the value of an answer is unknown, or a range was not drawn.
    """
    for_treatment, for_control = control.unit_cost, treatment.unit_cost
    if basis == "net":
        for_treatment = for_treatment + worth_draws(treatment, terms, drawn)
        for_control = for_control + worth_draws(control, terms, drawn)
    gain = _difference(for_treatment, for_control)
    more = _difference(
        fixed_cost_draws(treatment.costs, terms, drawn), fixed_cost_draws(control.costs, terms, drawn)
    )
    fixed = np.broadcast_to(more, gain.shape)
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    always = (gain >= 0) & (fixed <= 0)
    crosses = (gain > 0) & (fixed > 0) if side == "above" else (gain < 0) & (fixed < 0)
    at_once, not_at_all = (0.0, np.inf) if side == "above" else (np.inf, 0.0)
    crossing = np.divide(fixed, months * gain, out=np.zeros_like(gain), where=crosses)
    return BreakEvenRange(
        side=side,
        requests_per_month=_quantiles(
            np.where(crosses, crossing, np.where(always, at_once, not_at_all)), level
        ),
        months=_quantiles(_payback(treatment, control, terms, drawn, gain), level),
        level=level,
        share_never=float((~(crosses | always)).mean()),
        n_draws=len(gain),
    )


def _difference(one: FloatArray | float, other: FloatArray | float) -> FloatArray:
    """``one - other``, exactly 0 where it is only the rounding of floats.

    Else 1e-19 lost on a request would be a level volume of 1e+18 where there is none.
    """
    difference = np.subtract(one, other, dtype=np.float64)
    return np.where(np.abs(difference) <= _ROUNDING * (np.abs(one) + np.abs(other)), 0.0, difference)


def _payback(
    treatment: DrawnArm, control: DrawnArm, terms: Terms, drawn: Mapping[str, FloatArray], gain: FloatArray
) -> FloatArray:
    upfront = total_draws(control.costs.one_off, drawn) - total_draws(treatment.costs.one_off, drawn)
    standing = total_draws(control.costs.standing, drawn) - total_draws(treatment.costs.standing, drawn)
    later: dict[Decimal, FloatArray | float] = {}
    for arm, sign in ((treatment, -1.0), (control, 1.0)):
        for renewal in arm.costs.renewals:
            for due in renewal_months(terms.horizon_months, renewal.every_months):
                later[due] = later.get(due, 0.0) + sign * total_draws(renewal.items, drawn)
    volume = input_draws(terms.requests_per_month, VOLUME, drawn)
    return payback_draws(
        terms.discount_rate,
        terms.horizon_months,
        upfront=upfront + np.zeros_like(gain),
        monthly=volume * gain + standing,
        later=later,
    )


def _quantiles(values: FloatArray, level: float) -> BreakEvenBand:
    tail = (1 - level) / 2
    # inverted_cdf picks a draw and never averages with infinity.
    low, median, high = np.quantile(values, [tail, 0.5, 1 - tail], method="inverted_cdf")
    return BreakEvenBand(_finite(low), _finite(median), _finite(high))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
