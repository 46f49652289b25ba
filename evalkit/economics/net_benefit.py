"""What an arm is worth over the horizon, discounted: as one exact figure, and in every joint draw.

Net benefit = A x volume x (value_per_correct x quality - cost_per_wrong x wrong - unit cost)
- one_off - A x standing - renewals, where A is the present value of 1 a month over the horizon (the number of
months when the discount rate is 0) and each renewal is discounted from the month in which it falls due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from evalkit.economics.cash_flow import discount_factor, discounted_months, renewal_months
from evalkit.economics.ledger import VALUE, WRONG, ArmCosts, Terms, same_currency
from evalkit.economics.line_item import Factor, LineItem, mean_total, total, total_draws
from evalkit.economics.triangular import FloatArray, TriangularRange

At = Literal["mode", "mean"]


@dataclass(frozen=True, slots=True)
class PricedArm:
    """What an arm costs and what it achieved.

    Attributes:
        costs: Its ledger lines.
        quality: Mean score on the primary metric, in [0, 1].
        wrong: Share of wrong answers, in [0, 1]; abstentions make it smaller than 1 - quality.
    """

    costs: ArmCosts
    quality: Decimal
    wrong: Decimal


@dataclass(frozen=True, slots=True)
class DrawnArm:
    """What an arm costs and achieves in every joint draw; one draw is one position in all arrays of all arms.

    Attributes:
        costs: Its ledger lines.
        quality: Shape (n_draws,), in [0, 1].
        wrong: Shape (n_draws,), in [0, 1].
        unit_cost: Shape (n_draws,), money per request in the scenario used.

    Raises:
        ValueError: The arrays differ in shape or hold a number that is not finite.
    """

    costs: ArmCosts
    quality: FloatArray
    wrong: FloatArray
    unit_cost: FloatArray

    def __post_init__(self) -> None:
        for name, draws in (("wrong", self.wrong), ("unit_cost", self.unit_cost)):
            if draws.shape != self.quality.shape:
                raise ValueError(
                    f"{self.costs.arm}: {name} has shape {draws.shape}, not {self.quality.shape}"
                )
        if not all(np.isfinite(draws).all() for draws in (self.quality, self.wrong, self.unit_cost)):
            raise ValueError(
                f"{self.costs.arm}: a draw is not a finite number; unknown costs cannot be drawn"
            )


def at_point(value: TriangularRange, at: At) -> Decimal:
    """A range's mode or its mean."""
    return value.mode if at == "mode" else value.mean


def fixed_cost(costs: ArmCosts, terms: Terms, *, at: At = "mode") -> Decimal | None:
    """Discounted cost that does not depend on volume: one-off, standing and renewals.

    Returns:
        Present value, or None when a line is unknown.

    Raises:
        PriceError: The arm is priced in another currency than the terms.
    """
    same_currency(costs, terms)
    months = discounted_months(terms.discount_rate, terms.horizon_months)
    whole = Decimal(0)
    for weight, items in ((Decimal(1), costs.one_off), (months, costs.standing), *_renewals(costs, terms)):
        amount = sum_at(items, at)
        if amount is None:
            return None
        whole += weight * amount
    return whole


def margin_per_request(arm: PricedArm, terms: Terms, *, at: At = "mode") -> Decimal | None:
    """What one request brings: value_per_correct x quality - cost_per_wrong x wrong - unit cost.

    Returns:
        Money per request, or None when the value of a correct answer or the unit cost is unknown.
    """
    unit_cost = unit_cost_at(arm.costs, at)
    if terms.value_per_correct is None or unit_cost is None:
        return None
    gained = at_point(terms.value_per_correct, at) * arm.quality
    return gained - at_point(terms.cost_per_wrong, at) * arm.wrong - unit_cost


def unit_cost_at(costs: ArmCosts, at: At) -> Decimal | None:
    """Cost of one average request in the scenario used; None when unknown."""
    return sum_at(costs.request_lines, at)


def sum_at(items: tuple[LineItem, ...], at: At) -> Decimal | None:
    """Sum of lines with every input at its mode or its mean; None when one line is unknown."""
    return total(items) if at == "mode" else mean_total(items)


def net_benefit(arm: PricedArm, terms: Terms, *, at: At = "mode") -> Decimal | None:
    """Net benefit of an arm over the horizon, exactly.

    Args:
        arm: Costs and measured quality.
        terms: Volume, value, horizon, discount rate.
        at: Take every uncertain input at its mode (what the table shows) or its mean (what draws average to).

    Returns:
        Present value in the currency of the terms; None when a cost or the value of an answer is unknown.

    Raises:
        PriceError: The arm is priced in another currency than the terms.

    >>> request = LineItem("request", (Factor.exact(Decimal("0.001"), "per request"),))
    >>> training = LineItem("training", (Factor.exact(1440, "once"),))
    >>> costs = ArmCosts("tuned", "USD", None, {"observed": (request,)}, one_off=(training,))
    >>> terms = Terms("USD", 12, TriangularRange.point(100_000), TriangularRange.point(Decimal("0.02")))
    >>> net_benefit(PricedArm(costs, quality=Decimal("0.75"), wrong=Decimal("0.25")), terms)
    Decimal('15360.0000')
    """
    fixed = fixed_cost(arm.costs, terms, at=at)
    margin = margin_per_request(arm, terms, at=at)
    if fixed is None or margin is None:
        return None
    months = discounted_months(terms.discount_rate, terms.horizon_months)
    return months * at_point(terms.requests_per_month, at) * margin - fixed


def fixed_cost_draws(costs: ArmCosts, terms: Terms, drawn: Mapping[str, FloatArray]) -> FloatArray | float:
    """Discounted cost that does not depend on volume, in every draw; one number when nothing in it is drawn.

    Raises:
        PriceError: The arm is priced in another currency than the terms.
        ValueError: A line is unknown, or a range was not drawn.
    """
    same_currency(costs, terms)
    months = float(discounted_months(terms.discount_rate, terms.horizon_months))
    fixed = total_draws(costs.one_off, drawn) + months * total_draws(costs.standing, drawn)
    for weight, items in _renewals(costs, terms):
        fixed = fixed + float(weight) * total_draws(items, drawn)
    return fixed


def worth_draws(arm: DrawnArm, terms: Terms, drawn: Mapping[str, FloatArray]) -> FloatArray:
    """What one answer is worth in every draw: value_per_correct x quality - cost_per_wrong x wrong.

    Returns:
        Shape (n_draws,), money per request.

    Raises:
        ValueError: The value of a correct answer is not declared, or a range was not drawn.
    """
    if terms.value_per_correct is None and VALUE not in drawn:
        raise ValueError("value_per_correct is not declared, so there is no net benefit: compare costs")
    value = input_draws(terms.value_per_correct, VALUE, drawn)
    return value * arm.quality - input_draws(terms.cost_per_wrong, WRONG, drawn) * arm.wrong


def input_draws(
    value: TriangularRange | None, name: str, drawn: Mapping[str, FloatArray]
) -> FloatArray | float:
    """One of the terms in every draw; one number when it is known exactly and not replaced in ``drawn``.

    Raises:
        ValueError: It is unknown, or is a range that was not drawn.
    """
    return Factor(value, name, name).draws(drawn)


def _renewals(costs: ArmCosts, terms: Terms) -> Iterator[tuple[Decimal, tuple[LineItem, ...]]]:
    """Each renewal that falls due inside the horizon, with its occurrences discounted from their months."""
    for renewal in costs.renewals:
        due = renewal_months(terms.horizon_months, renewal.every_months)
        if due:
            weights = (discount_factor(terms.discount_rate, month) for month in due)
            yield sum(weights, Decimal(0)), renewal.items
