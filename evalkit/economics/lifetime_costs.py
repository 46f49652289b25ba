"""What an arm costs over its life whatever the volume: exactly, and in every joint draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from evalkit.economics.ledger import ArmCosts
from evalkit.economics.lifetime import Lifetime
from evalkit.economics.line_item import LineItem, total_draws
from evalkit.economics.net_benefit import At, sum_at
from evalkit.economics.triangular import FloatArray


def lifetime_costs(costs: ArmCosts, life: Lifetime, *, at: At = "mode") -> Decimal | None:
    """Discounted one-off, standing and recurring costs of one arm, up to the end of its life.

    Args:
        costs: Its ledger lines.
        life: Its life inside the horizon. Nothing is paid for after it: no month of hosting, no retune.
        at: Take every uncertain input at its mode (what the table shows) or its mean (what draws average to).

    Returns:
        Present value; None when a line is unknown, never 0 for want of a price.

    >>> from evalkit.economics.lifetime import lifetime
    >>> from evalkit.economics.line_item import Factor
    >>> hosting = LineItem("hosting", (Factor.exact(100, "per month"),))
    >>> costs = ArmCosts("tuned", "USD", None, {}, standing=(hosting,))
    >>> lifetime_costs(costs, lifetime(12)), lifetime_costs(costs, lifetime(12, shuts_after=Decimal(2)))
    (Decimal('1200'), Decimal('200'))
    """
    whole = Decimal(0)
    for weight, items in _weighted(costs, life):
        amount = sum_at(items, at)
        if amount is None:
            return None
        whole += weight * amount
    return whole


def lifetime_cost_draws(
    costs: ArmCosts, life: Lifetime, drawn: Mapping[str, FloatArray]
) -> FloatArray | float:
    """``lifetime_costs`` in every draw; one number when nothing in it is drawn.

    Args:
        costs: The arm's ledger lines.
        life: Its life inside the horizon.
        drawn: Uncertain inputs by name, each of shape (n_draws,), shared by all arms.

    Raises:
        ValueError: A line is unknown, or a range was not drawn.
    """
    whole: FloatArray | float = 0.0
    for weight, items in _weighted(costs, life):
        whole = whole + float(weight) * total_draws(items, drawn)
    return whole


def _weighted(costs: ArmCosts, life: Lifetime) -> Iterator[tuple[Decimal, tuple[LineItem, ...]]]:
    yield Decimal(1), costs.one_off
    yield life.discounted_months, costs.standing
    for renewal in costs.renewals:
        if life.due(renewal.every_months):
            yield life.weight_of_renewals(renewal.every_months), renewal.items
