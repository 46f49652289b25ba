"""Which candidates break a limit: ``decision.limits`` compared with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.records.comparison import ArmSummary
from evalkit.suite.schema import LATENCY_LIMITS, Limit

COST_LIMIT = "cost_per_request"


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """One candidate's figures compared with the limits.

    Attributes:
        broken: In words, each limit that its observed figure breaks.
        unknown: Names of the limits for which it has no figure.
    """

    broken: tuple[str, ...]
    unknown: tuple[str, ...]


def check_limits(
    summary: ArmSummary,
    unit_cost: float | None,
    limits: Mapping[str, Limit],
    *,
    shift: float = 0.0,
    primary: str | None = None,
) -> LimitCheck:
    """Compare an arm's observed figures with the limits; a figure that is not known breaks none.

    Args:
        summary: Quality and latency.
        unit_cost: Money per request in the scenario that the verdict uses; None when unknown.
        limits: By metric name, ``p50_latency_s``, ``p95_latency_s`` and their like, or ``cost_per_request``.
        shift: By how much the primary metric is taken to be higher.
        primary: Name of the primary metric.
    """
    broken, unknown = [], []
    for name, limit in limits.items():
        figure = observed(summary, unit_cost, name)
        if figure is None:
            unknown.append(name)
            continue
        figure += shift if name == primary else 0.0
        if not within(figure, limit):
            side = (
                f"at least {limit.min:g}"
                if limit.min is not None and figure < limit.min
                else f"at most {limit.max:g}"
            )
            broken.append(f"{name} is {figure:.4g}, must be {side}")
    return LimitCheck(tuple(broken), tuple(unknown))


def observed(summary: ArmSummary, unit_cost: float | None, name: str) -> float | None:
    """The figure of an arm that a limit is about; None where it was not measured.

    Args:
        summary: The arm's quality and latency.
        unit_cost: Its money per request; None when unknown.
        name: Of the limit.
    """
    if name == COST_LIMIT:
        return unit_cost
    if name in LATENCY_LIMITS:
        percentile: float | None = getattr(summary.latency, name.removesuffix("_latency_s"), None)
        return percentile
    quality = summary.quality.get(name)
    return None if quality is None else quality.mean


def within(figure: float, limit: Limit) -> bool:
    """Whether a figure lies between the two ends of a limit, the ends included."""
    return (limit.min is None or figure >= limit.min) and (limit.max is None or figure <= limit.max)
