"""Which arms no other arm beats in quality, cost and latency at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """One arm's three figures.

    Attributes:
        arm: Its name.
        quality: Mean score, more is better.
        cost: Money per request, less is better; None when unknown.
        latency_s: Seconds, less is better; None when unknown.
    """

    arm: str
    quality: float
    cost: float | None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class ParetoResult:
    """Whether other arms beat one arm.

    Attributes:
        arm: Its name.
        on_front: True when no arm is at least as good in everything and better in something; None when its cost
            is unknown, so that it has no place.
        dominated_by: Names of the arms that are at least as good in everything and better in something.
    """

    arm: str
    on_front: bool | None
    dominated_by: tuple[str, ...]


def pareto_front(points: Sequence[ParetoPoint]) -> tuple[ParetoResult, ...]:
    """Which arms no other arm beats, in the order given.

    Latency counts between two arms only where both have one. Equal arms do not dominate each other.

    >>> results = pareto_front([
    ...     ParetoPoint("few_shot", 0.70, 0.002),
    ...     ParetoPoint("rag", 0.68, 0.003),
    ...     ParetoPoint("fine_tuned", 0.80, 0.004),
    ... ])
    >>> [(result.arm, result.on_front, result.dominated_by) for result in results]
    [('few_shot', True, ()), ('rag', False, ('few_shot',)), ('fine_tuned', True, ())]
    """
    results = []
    for point in points:
        better = tuple(other.arm for other in points if _dominates(other, point))
        results.append(ParetoResult(point.arm, None if point.cost is None else not better, better))
    return tuple(results)


def _dominates(one: ParetoPoint, other: ParetoPoint) -> bool:
    if one.cost is None or other.cost is None:
        return False
    pairs = [(-one.quality, -other.quality), (one.cost, other.cost)]
    if one.latency_s is not None and other.latency_s is not None:
        pairs.append((one.latency_s, other.latency_s))
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)
