"""Which candidates break a limit: ``decision.limits`` compared with what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.records.comparison import ArmSummary
from evalkit.suite.schema import LATENCY_LIMITS, Limit
from evalkit.text.number_format import money, significant

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
    currency: str = "USD",
) -> LimitCheck:
    """Compare an arm's observed figures with the limits; a figure that is not known breaks none.

    Args:
        summary: Quality and latency.
        unit_cost: Money per request in the scenario that the verdict uses; None when unknown.
        limits: By metric name, ``p50_latency_s``, ``p95_latency_s`` and their like, or ``cost_per_request``.
        shift: By how much the primary metric is taken to be higher.
        primary: Name of the primary metric.
        currency: Of the unit cost.
    """
    broken, unknown = [], []
    for name, limit in limits.items():
        figure = observed(summary, unit_cost, name)
        if figure is None:
            unknown.append(name)
            continue
        figure += shift if name == primary else 0.0
        if not within(figure, limit):
            broken.append(_in_words(name, figure, limit, currency))
    return LimitCheck(tuple(broken), tuple(unknown))


def _in_words(name: str, figure: float, limit: Limit, currency: str) -> str:
    """What a figure is and must be, in the limit's unit; with more digits where three would hide the difference."""
    below = limit.min is not None and figure < limit.min
    bound = limit.min if below else limit.max
    assert bound is not None  # noqa: S101 - the figure is outside
    subject = name.removesuffix("_s") if name in LATENCY_LIMITS else name
    subject = subject.replace("_", " ") if name in (*LATENCY_LIMITS, COST_LIMIT) else name
    is_, must = (_with_unit(name, value, currency, 3) for value in (figure, bound))
    if is_ == must:
        is_, must = (_with_unit(name, value, currency, 6) for value in (figure, bound))
    return f"{subject} is {is_}, must be {'at least' if below else 'at most'} {must}"


def _with_unit(name: str, value: float, currency: str, digits: int) -> str:
    if name in LATENCY_LIMITS:
        return f"{significant(value, digits)} s"
    if name == COST_LIMIT:
        return money(value, currency) if digits == 3 else f"{significant(value, digits)} {currency}"
    return f"{significant(100 * value, digits)}%"


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
