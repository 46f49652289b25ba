"""Ledgers and break-even as the report shows them."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.payoff_model import PayoffModel
from evalkit.economics.break_even import Basis, break_even
from evalkit.economics.break_even_range import BreakEvenBand, break_even_range
from evalkit.economics.ledger import ledger
from evalkit.economics.line_item import LineItem
from evalkit.economics.pareto import ParetoPoint, pareto_front
from evalkit.records.decision import BreakEven, Interval3, LedgerColumn, LedgerLine

_REACH = 100.0
"""A volume more than so many times the declared one is out of reach."""


def ledger_columns(context: DecisionContext) -> dict[str, LedgerColumn]:
    """By candidate, what it costs over the horizon; empty where no economics are declared."""
    if context.terms is None:
        return {}
    columns = {}
    for arm in context.candidates:
        costs, life = context.costs(arm.name), context.lives[arm.name]
        arm_ledger = ledger(costs, context.terms, life)
        columns[arm.name] = LedgerColumn(
            currency=arm_ledger.currency,
            one_off=_lines(arm_ledger.one_off.items),
            standing=_lines(arm_ledger.standing.items),
            recurring=_lines(arm_ledger.recurring.items),
            per_request=_lines(costs.request_lines),
            one_off_total=arm_ledger.one_off.mode,
            standing_total=arm_ledger.standing.mode,
            recurring_total=arm_ledger.recurring.mode,
            per_request_total=costs.unit_cost,
            requests=int(context.terms.requests_per_month.mode * life.months),
            total=arm_ledger.total.mode,
            total_mean=arm_ledger.total.mean,
            scenario=arm_ledger.scenario,
            scenarios={str(name): unit for name, unit in costs.unit_costs.items()},
        )
    return columns


def break_evens(context: DecisionContext, payoff_model: PayoffModel | None) -> tuple[BreakEven, ...]:
    """Every candidate against the best untuned one, on cost alone and, where answers have a value, net.

    Args:
        context: The arms and what they cost.
        payoff_model: Draws for the ranges; None where a cost is not known.

    Returns:
        A pair of which one arm's model shuts inside the horizon is left out: the two do not answer for the same months.
    """
    if context.terms is None or context.untuned is None:
        return ()
    bases: tuple[Basis, ...] = ("cost", "net") if context.terms.value_per_correct is not None else ("cost",)
    return tuple(
        record
        for arm in context.candidates
        if arm.name != context.untuned and _same_life(context, arm.name, context.untuned)
        for basis in bases
        for record in _break_even(context, payoff_model, arm.name, context.untuned, basis)
    )


def pareto(context: DecisionContext) -> tuple[str, ...]:
    """The candidates that no other beats in quality, cost and latency at once."""
    points = []
    for arm in context.candidates:
        quality, summary = context.quality(arm.name), context.summaries[arm.name]
        unit_cost = context.unit_cost(arm.name)
        median = None if summary.latency is None else summary.latency.p50
        if quality is not None:
            points.append(
                ParetoPoint(arm.name, quality, None if unit_cost is None else float(unit_cost), median)
            )
    return tuple(result.arm for result in pareto_front(points) if result.on_front)


def _break_even(
    context: DecisionContext, payoff_model: PayoffModel | None, treatment: str, control: str, basis: Basis
) -> Iterator[BreakEven]:
    terms = context.terms
    left, right = context.priced(treatment), context.priced(control)
    if terms is None or left is None or right is None:
        return
    likeliest = break_even(left, right, terms, basis=basis)
    point = break_even(
        left, right, terms, basis=basis, at="mean"
    )  # on the basis of the draws, whose band stands beside
    volume = None if point.requests_per_month is None else float(point.requests_per_month)
    at_mode = None if likeliest.side != point.side else likeliest.requests_per_month
    declared = float(terms.requests_per_month.mode)
    months = None if likeliest.months is None else float(likeliest.months)
    never = None if point.side == "unknown" else 1.0 if point.side == "never" else 0.0
    volumes, payback = BreakEvenBand(volume, None, volume), BreakEvenBand(months, None, months)
    if payoff_model is not None and {treatment, control} <= payoff_model.draws.answers.keys():
        drawn = break_even_range(
            payoff_model.arm(treatment),
            payoff_model.arm(control),
            terms,
            payoff_model.draws.inputs,
            basis=basis,
            side="below" if point.side == "below" else "above",
        )
        volumes, payback, never = drawn.requests_per_month, drawn.months, drawn.share_never
    has_volume = point.side not in ("never", "unknown")
    yield BreakEven(
        treatment=treatment,
        control=control,
        basis=basis,
        requests_per_month=Interval3(
            low=volumes.low,
            mode=None if at_mode is None else float(at_mode),
            high=volumes.high,
            mean=volume,
        )
        if has_volume
        else None,
        months=None if months is None else Interval3(low=payback.low, mode=months, high=payback.high),
        never=never,
        reason=point.reason,
        side=point.side,
        out_of_reach=volume is not None and volume > _REACH * declared,
    )


def _same_life(context: DecisionContext, one: str, other: str) -> bool:
    return context.lives[one].months == context.lives[other].months


def _lines(items: tuple[LineItem, ...]) -> tuple[LedgerLine, ...]:
    return tuple(LedgerLine(name=item.name, amount=item.amount, basis=item.basis) for item in items)
