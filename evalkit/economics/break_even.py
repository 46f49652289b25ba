"""From how many requests a month one arm is ahead of another, and when it has paid itself back.

Over the horizon the treatment leads by A x volume x m - F: m is what it gains per request, F the discounted
fixed costs it has more, A the present value of 1 a month. So the two are level at volume F / (A x m).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Literal

from evalkit.economics.cash_flow import discounted_months, renewal_months
from evalkit.economics.ledger import Terms
from evalkit.economics.line_item import LineItem, in_words
from evalkit.economics.net_benefit import (
    At,
    PricedArm,
    at_point,
    fixed_cost,
    margin_per_request,
    sum_at,
    unit_cost_at,
)
from evalkit.economics.payback import payback_months

_DIGITS = 6
Basis = Literal["cost", "net"]
Side = Literal["above", "below", "always", "never", "unknown"]


@dataclass(frozen=True, slots=True)
class BreakEvenPoint:
    """Where treatment and control are level, on one basis.

    Attributes:
        treatment: Name of the arm that should pay.
        control: Name of the arm that it is compared with.
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


def break_even(
    treatment: PricedArm, control: PricedArm, terms: Terms, *, basis: Basis, at: At = "mode"
) -> BreakEvenPoint:
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
    >>> from evalkit.economics.triangular import TriangularRange
    >>> def arm(name, unit, once):
    ...     request = LineItem("request", (Factor.exact(Decimal(unit), "per request"),))
    ...     training = LineItem("training", (Factor.exact(once, "once"),))
    ...     costs = ArmCosts(name, "USD", None, {"observed": (request,)}, one_off=(training,))
    ...     return PricedArm(costs, Decimal(1), Decimal(0))
    >>> level = break_even(
    ...     arm("tuned", "0.001", 1200), arm("few_shot", "0.002", 0),
    ...     Terms("USD", 12, TriangularRange.point(200_000)), basis="cost",
    ... )
    >>> f"{level.requests_per_month:,f} a month, paid back in {level.months:f} months"
    '100,000 a month, paid back in 6 months'
    >>> level.reason
    '1,200 USD more fixed cost / (12 months x 0.001 USD gained per request)'
    """
    point = partial(BreakEvenPoint, treatment.costs.arm, control.costs.arm, basis)
    fixed = _less(fixed_cost(treatment.costs, terms, at=at), fixed_cost(control.costs, terms, at=at))
    gain = _gain(treatment, control, terms, basis, at)
    if fixed is None or gain is None:
        return point("unknown", None, None, _what_is_unknown(treatment, control, terms, basis))
    paid = terms.currency
    paid_back = _payback(treatment, control, terms, gain, at)
    months = discounted_months(terms.discount_rate, terms.horizon_months)
    if gain >= 0 and fixed <= 0:
        reason = f"{_by_hand(-fixed)} {paid} less fixed cost and {_by_hand(gain)} {paid} gained per request"
        return point("always", Decimal(0), paid_back, reason)
    if gain <= 0 and fixed >= 0:
        reason = f"{_by_hand(fixed)} {paid} more fixed cost and {_by_hand(-gain)} {paid} lost per request"
        return point("never", None, paid_back, reason)
    side: Side = "above" if gain > 0 else "below"
    change, effect = ("more", "gained") if gain > 0 else ("less", "lost")
    span = f"{in_words(months)} {'months' if terms.discount_rate == 0 else 'discounted months'}"
    reason = (
        f"{_by_hand(abs(fixed))} {paid} {change} fixed cost / ({span} x {_by_hand(abs(gain))} {paid} {effect} per "
        "request)"
    )
    return point(side, fixed / (months * gain), paid_back, reason)


def _by_hand(amount: Decimal) -> str:
    """An amount with the digits that a level volume of three digits needs: cents, or six significant digits.

    >>> _by_hand(Decimal("1680.00428128")), _by_hand(Decimal("0.00286666668")), _by_hand(Decimal("0.00050"))
    ('1,680', '0.00286667', '0.0005')
    """
    places = 2 if amount >= 1 else _DIGITS - 1 - amount.adjusted()
    exponent = amount.as_tuple().exponent
    long = isinstance(exponent, int) and -exponent > places
    if not long:
        return in_words(amount)
    rounded = amount.quantize(Decimal(1).scaleb(-places))
    return in_words(rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded)


def _gain(treatment: PricedArm, control: PricedArm, terms: Terms, basis: Basis, at: At) -> Decimal | None:
    """Money the treatment gains on each request."""
    if basis == "cost":
        return _less(unit_cost_at(control.costs, at), unit_cost_at(treatment.costs, at))
    return _less(margin_per_request(treatment, terms, at=at), margin_per_request(control, terms, at=at))


def _payback(treatment: PricedArm, control: PricedArm, terms: Terms, gain: Decimal, at: At) -> Decimal | None:
    """Months to pay back at the volume of the terms; every amount is known here."""
    later: dict[Decimal, Decimal] = {}
    for arm, sign in ((treatment, -1), (control, 1)):
        for renewal in arm.costs.renewals:
            for due in renewal_months(terms.horizon_months, renewal.every_months):
                later[due] = later.get(due, Decimal(0)) + sign * _amount(renewal.items, at)
    standing = _amount(control.costs.standing, at) - _amount(treatment.costs.standing, at)
    return payback_months(
        terms.discount_rate,
        terms.horizon_months,
        upfront=_amount(control.costs.one_off, at) - _amount(treatment.costs.one_off, at),
        monthly=at_point(terms.requests_per_month, at) * gain + standing,
        later=later,
    )


def _amount(items: tuple[LineItem, ...], at: At) -> Decimal:
    amount = sum_at(items, at)
    assert amount is not None  # noqa: S101 - fixed_cost is known, so every amount is; this tells mypy
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
