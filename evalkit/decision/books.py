"""Ledgers and break-even as the report shows them."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.decision.dossier import Dossier
from evalkit.decision.outlook import Outlooks
from evalkit.economics.break_even import Basis, break_even
from evalkit.economics.break_even_range import Spread, break_even_range
from evalkit.economics.ledger import ledger
from evalkit.economics.line_item import LineItem
from evalkit.economics.pareto import ParetoPoint, pareto_front
from evalkit.records.decision import BreakEven, Interval3, LedgerColumn, LedgerLine


def ledger_columns(dossier: Dossier) -> dict[str, LedgerColumn]:
    """By candidate, what it costs over the horizon; empty where no economics are declared."""
    if dossier.terms is None:
        return {}
    columns = {}
    for arm in dossier.candidates:
        costs = dossier.money[arm.name].costs
        book = ledger(costs, dossier.terms)
        columns[arm.name] = LedgerColumn(
            currency=book.currency,
            one_off=_lines(book.one_off.items),
            standing=_lines(book.standing.items),
            recurring=_lines(book.recurring.items),
            per_request=_lines(costs.request_lines),
            one_off_total=book.one_off.mode,
            standing_total=book.standing.mode,
            recurring_total=book.recurring.mode,
            per_request_total=costs.unit_cost,
            requests=int(dossier.terms.requests_per_month.mode * dossier.terms.horizon_months),
            total=book.total.mode,
            total_mean=book.total.mean,
            scenario=book.scenario,
            scenarios={str(name): unit for name, unit in costs.unit_costs.items()},
        )
    return columns


def break_evens(dossier: Dossier, outlooks: Outlooks | None) -> tuple[BreakEven, ...]:
    """Every candidate against the best untuned one, on cost alone and, where answers have a value, net.

    Args:
        dossier: Exact money at the mode.
        outlooks: Draws for the ranges; None where a cost is not known.
    """
    if dossier.terms is None or dossier.untuned is None:
        return ()
    bases: tuple[Basis, ...] = ("cost", "net") if dossier.terms.value_per_correct is not None else ("cost",)
    return tuple(
        record
        for arm in dossier.candidates
        if arm.name != dossier.untuned
        for basis in bases
        for record in _break_even(dossier, outlooks, arm.name, dossier.untuned, basis)
    )


def pareto(dossier: Dossier) -> tuple[str, ...]:
    """The candidates that no other beats in quality, cost and latency at once."""
    points = []
    for arm in dossier.candidates:
        quality, summary = dossier.quality(arm.name), dossier.summaries[arm.name]
        unit = dossier.money[arm.name].costs.unit_cost if arm.name in dossier.money else None
        median = None if summary.latency is None else summary.latency.p50
        if quality is not None:
            points.append(ParetoPoint(arm.name, quality, None if unit is None else float(unit), median))
    return tuple(standing.arm for standing in pareto_front(points) if standing.on_front)


def _break_even(
    dossier: Dossier, outlooks: Outlooks | None, treatment: str, control: str, basis: Basis
) -> Iterator[BreakEven]:
    terms = dossier.terms
    left, right = dossier.priced(treatment), dossier.priced(control)
    if terms is None or left is None or right is None:
        return
    point = break_even(left, right, terms, basis=basis)
    volume = None if point.requests_per_month is None else float(point.requests_per_month)
    months = None if point.months is None else float(point.months)
    never = 1.0 if point.side == "never" else 0.0
    volumes, payback = Spread(volume, None, volume), Spread(months, None, months)
    if outlooks is not None and {treatment, control} <= outlooks.world.answers.keys():
        drawn = break_even_range(
            outlooks.arm(treatment),
            outlooks.arm(control),
            terms,
            outlooks.world.drawn,
            basis=basis,
            side="below" if point.side == "below" else "above",
        )
        volumes, payback, never = drawn.requests_per_month, drawn.months, drawn.share_never
    known = point.side not in ("never", "unknown")
    yield BreakEven(
        treatment=treatment,
        control=control,
        basis=basis,
        requests_per_month=Interval3(low=volumes.low, mode=volume, high=volumes.high) if known else None,
        months=None if months is None else Interval3(low=payback.low, mode=months, high=payback.high),
        never=never,
        reason=point.reason,
    )


def _lines(items: tuple[LineItem, ...]) -> tuple[LedgerLine, ...]:
    return tuple(LedgerLine(name=item.name, amount=item.amount, basis=item.basis) for item in items)
