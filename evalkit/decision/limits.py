"""Which candidates are out of bounds: ``decision.limits`` against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.records.comparison import ArmSummary
from evalkit.suite.schema import LATENCY_LIMITS, Limit

COST_LIMIT = "cost_per_request"


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """One candidate against the limits.

    Attributes:
        broken: In words, each limit that its observed figure breaks.
        unknown: Names of the limits for which it has no figure.
    """

    broken: tuple[str, ...]
    unknown: tuple[str, ...]


def standing(summary: ArmSummary, unit_cost: float | None, limits: Mapping[str, Limit]) -> LimitCheck:
    """Hold an arm's observed figures against the limits; a figure that is not known breaks none.

    Args:
        summary: Quality and latency.
        unit_cost: Money per request in the scenario that the verdict uses; None when unknown.
        limits: Metric name, ``p95_latency_s`` and its like, or ``cost_per_request``.
    """
    broken, unknown = [], []
    for name, limit in limits.items():
        figure = observed(summary, unit_cost, name)
        if figure is None:
            unknown.append(name)
        elif not within(figure, limit):
            side = (
                f"at least {limit.min:g}"
                if limit.min is not None and figure < limit.min
                else f"at most {limit.max:g}"
            )
            broken.append(f"{name} is {figure:.4g}, must be {side}")
    return LimitCheck(tuple(broken), tuple(unknown))


def observed(summary: ArmSummary, unit_cost: float | None, name: str) -> float | None:
    """The figure that a limit is about."""
    if name == COST_LIMIT:
        return unit_cost
    if name in LATENCY_LIMITS:
        percentile: float | None = getattr(summary.latency, name.removesuffix("_latency_s"), None)
        return percentile
    quality = summary.quality.get(name)
    return None if quality is None else quality.mean


def within(figure: float, limit: Limit) -> bool:
    """Whether a figure keeps to a limit."""
    return (limit.min is None or figure >= limit.min) and (limit.max is None or figure <= limit.max)
