"""From how many requests a month one arm is ahead of another, and when it has paid itself back.

Over the horizon the treatment leads by A x volume x m - F: m is what it gains per request, F the discounted
fixed costs it has more, A the present value of 1 a month. So the two are level at volume F / (A x m).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Literal

import numpy as np

from evalkit.economics.cash_flow import discounted_months, payback_months, retune_months
from evalkit.economics.ledger import Terms
from evalkit.economics.line_item import LineItem, in_words, mean_total, total
from evalkit.economics.net_benefit import (
    At,
    DrawnArm,
    PricedArm,
    at_point,
    fixed_cost,
    fixed_cost_draws,
    margin_per_request,
    unit_cost_at,
    worth_draws,
)
from evalkit.economics.triangular import FloatArray

Basis = Literal["cost", "net"]
Side = Literal["above", "below", "always", "never", "unknown"]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where treatment and control are level, on one basis.

    Attributes:
        treatment: Name of the arm that should pay.
        control: Name of the arm it is held against.
        basis: "cost" counts only what is paid; "net" also what right and wrong answers are worth.
        side: The treatment is ahead "above" or "below" the volume, "always", "never", or it is "unknown".
        requests_per_month: The volume at which both are level; 0 for always, None for never and unknown.
        months: Months until the treatment has paid back its extra cost at the volume of the terms; None when it
            does not inside the horizon.
        reason: The computation or, where there is no volume, why.
    """

    treatment: str
    control: str
    basis: Basis
    side: Side
    requests_per_month: Decimal | None
    months: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class BreakEvenRange:
    """The break-even volume over the joint draws.

    Attributes:
        side: "above": volumes above which the treatment is ahead; "below": volumes below which it is.
        low: Lower quantile in requests per month; None where it is beyond any volume.
        median: Middle draw; None likewise.
        high: Upper quantile; None likewise.
        level: Share of draws between ``low`` and ``high``.
        share_never: Share of draws in which the treatment is ahead at no volume on that side.
        n_draws: How many draws.
    """

    side: Literal["above", "below"]
    low: float | None
    median: float | None
    high: float | None
    level: float
    share_never: float
    n_draws: int


def break_even(
    treatment: PricedArm, control: PricedArm, terms: Terms, *, basis: Basis, at: At = "mode"
) -> BreakEven:
    """The volume from which the treatment pays, and the months after which it has, in closed form.

    Args:
        treatment: Usually the tuned arm.
        control: Usually the best untuned arm.
        terms: Horizon, value, volume for the payback.
        basis: "cost" or "net".
        at: Take uncertain inputs at their mode or their mean.

    Returns:
        The level volume with its computation, or the reason why there is none.

    Raises:
        PriceError: An arm is priced in another currency than the terms.

    >>> from evalkit.economics.ledger import ArmCosts
    >>> from evalkit.economics.line_item import Factor, LineItem
    >>> from evalkit.economics.triangular import Range
    >>> def arm(name, unit, once):
    ...     request = LineItem("request", (Factor.exact(Decimal(unit), "per request"),))
    ...     training = LineItem("training", (Factor.exact(once, "once"),))
    ...     costs = ArmCosts(name, "USD", None, {"observed": (request,)}, one_off=(training,))
    ...     return PricedArm(costs, Decimal(1), Decimal(0))
    >>> found = break_even(
    ...     arm("tuned", "0.001", 1200), arm("few_shot", "0.002", 0),
    ...     Terms("USD", 12, Range.point(200_000)), basis="cost",
    ... )
    >>> f"{found.requests_per_month:,f} a month, paid back in {found.months:f} months"
    '100,000 a month, paid back in 6 months'
    >>> found.reason
    '1,200 more fixed cost / (12 months x 0.001 gained per request)'
    """
    found = partial(BreakEven, treatment.costs.arm, control.costs.arm, basis)
    fixed = _less(fixed_cost(treatment.costs, terms, at=at), fixed_cost(control.costs, terms, at=at))
    gain = _gain(treatment, control, terms, basis, at)
    if fixed is None or gain is None:
        return found("unknown", None, None, _what_is_unknown(treatment, control, terms, basis))
    paid_back = _payback(treatment, control, terms, gain, at)
    months = discounted_months(terms.discount_rate, terms.horizon_months)
    if gain >= 0 and fixed <= 0:
        reason = f"{in_words(-fixed)} less fixed cost and {in_words(gain)} gained per request"
        return found("always", Decimal(0), paid_back, reason)
    if gain <= 0 and fixed >= 0:
        reason = f"{in_words(fixed)} more fixed cost and {in_words(-gain)} lost per request"
        return found("never", None, paid_back, reason)
    side: Side = "above" if gain > 0 else "below"
    change, effect = ("more", "gained") if gain > 0 else ("less", "lost")
    span = f"{in_words(months)} {'months' if terms.discount_rate == 0 else 'discounted months'}"
    reason = (
        f"{in_words(abs(fixed))} {change} fixed cost / ({span} x {in_words(abs(gain))} {effect} per request)"
    )
    return found(side, fixed / (months * gain), paid_back, reason)


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
    """The break-even volume in every joint draw, as quantiles.

    Args:
        treatment: The arm that should pay, in every draw.
        control: The arm it is held against, same draws.
        terms: Horizon and value.
        drawn: Uncertain inputs by name, from ``draw_inputs``; the volume among them is not used.
        basis: "cost" or "net".
        level: Share of draws between the two outer quantiles.
        side: "below" where the treatment saves fixed cost and loses on every request.

    Returns:
        Quantiles over all draws. Above: a draw in which the treatment is ahead at every volume counts as 0, one
        in which no volume suffices as beyond any. Below: the other way round.

    Raises:
        PriceError: An arm is priced in another currency than the terms.
        ValueError: A line or the value of an answer is unknown, or a range was not drawn.
    """
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    gain = control.unit_cost - treatment.unit_cost
    if basis == "net":
        gain = gain + worth_draws(treatment, terms, drawn) - worth_draws(control, terms, drawn)
    more = fixed_cost_draws(treatment.costs, terms, drawn) - fixed_cost_draws(control.costs, terms, drawn)
    fixed = np.broadcast_to(np.asarray(more, dtype=np.float64), gain.shape)
    crossing = np.divide(fixed, months * gain, out=np.zeros_like(gain), where=gain != 0)
    always = (gain >= 0) & (fixed <= 0)
    crosses = (gain > 0) & (fixed > 0) if side == "above" else (gain < 0) & (fixed < 0)
    at_once, not_at_all = (0.0, np.inf) if side == "above" else (np.inf, 0.0)
    volume = np.where(crosses, crossing, np.where(always, at_once, not_at_all))
    tail = (1 - level) / 2
    # inverted_cdf picks a draw and never averages with infinity.
    low, median, high = np.quantile(volume, [tail, 0.5, 1 - tail], method="inverted_cdf")
    return BreakEvenRange(
        side=side,
        low=_finite(low),
        median=_finite(median),
        high=_finite(high),
        level=level,
        share_never=float((~(crosses | always)).mean()),
        n_draws=len(volume),
    )


def _gain(treatment: PricedArm, control: PricedArm, terms: Terms, basis: Basis, at: At) -> Decimal | None:
    """Money the treatment gains on each request."""
    if basis == "cost":
        return _less(unit_cost_at(control.costs, at), unit_cost_at(treatment.costs, at))
    return _less(margin_per_request(treatment, terms, at=at), margin_per_request(control, terms, at=at))


def _payback(treatment: PricedArm, control: PricedArm, terms: Terms, gain: Decimal, at: At) -> Decimal | None:
    """Months to pay back at the volume of the terms; every amount is known here."""
    volume = at_point(terms.requests_per_month, at)
    later: dict[Decimal, Decimal] = {}
    for arm, sign in ((treatment, -1), (control, 1)):
        for due in retune_months(terms.horizon_months, arm.costs.retune_every_months):
            later[due] = later.get(due, Decimal(0)) + sign * _known(arm.costs.retune, at)
    return payback_months(
        terms.discount_rate,
        terms.horizon_months,
        upfront=_known(control.costs.one_off, at) - _known(treatment.costs.one_off, at),
        monthly=volume * gain + _known(control.costs.standing, at) - _known(treatment.costs.standing, at),
        later=later,
    )


def _known(items: tuple[LineItem, ...], at: At) -> Decimal:
    amount = total(items) if at == "mode" else mean_total(items)
    assert amount is not None, "fixed_cost has found every amount known"  # noqa: S101 - an invariant for mypy
    return amount


def _what_is_unknown(treatment: PricedArm, control: PricedArm, terms: Terms, basis: Basis) -> str:
    missing = [
        f"{arm.costs.arm}: {item.name} ({item.basis})"
        for arm in (treatment, control)
        for item in arm.costs.items
        if item.amount is None
    ]
    if basis == "net" and terms.value_per_correct is None:
        missing.append("value_per_correct is not declared")
    return f"not known: {'; '.join(missing)}"


def _less(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left - right


def _finite(volume: float) -> float | None:
    return float(volume) if np.isfinite(volume) else None
