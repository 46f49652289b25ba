"""How far each uncertain input moves the lead of the recommended arm, from one end of its range to the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evalkit.decision.payoffs.payoff_model import AS_IT_STANDS, PayoffModel, WhatIf
from evalkit.decision.verdict.would_change import QUALITY, Input
from evalkit.economics.triangular import TriangularRange
from evalkit.records.decision import TornadoBar
from evalkit.records.digits import significant


def tornado(
    payoff_model: PayoffModel, given: tuple[Input, ...], spans: Mapping[str, tuple[float, float]], arm: str
) -> tuple[TornadoBar, ...]:
    """Net benefit of one arm over the best of the other family, each input at either end of its range.

    Args:
        payoff_model: Payoffs.
        given: Inputs.
        spans: By input name, its two ends; inputs without ends are left out.
        arm: The recommended arm.

    Returns:
        The widest bar first.
    """
    bars = []
    for entry in given:
        if entry.name not in spans:
            continue
        low, high = spans[entry.name]
        ends = [lead(payoff_model, arm, entry.at(end)) for end in (low, high)]
        if ends[0] is None or ends[1] is None or ends[0] == ends[1]:
            continue
        bars.append(
            TornadoBar(input=entry.name, low_input=low, high_input=high, at_low=ends[0], at_high=ends[1])
        )
    return tuple(sorted(bars, key=lambda bar: -significant(abs(bar.at_high - bar.at_low))))


def lead(payoff_model: PayoffModel, arm: str, what_if: WhatIf = AS_IT_STANDS) -> float | None:
    """Expected payoff of an arm less that of the best arm of the other family (else: of the best other arm)."""
    payoffs = payoff_model.at(what_if)
    if arm not in payoffs.names or not payoffs.in_value:
        return None
    column = payoffs.names.index(arm)
    tuned = payoffs.tuned
    others = tuned != tuned[column]
    if not others.any():
        others = np.arange(len(payoffs.names)) != column
    if not others.any():
        return None
    means = payoffs.payoff.mean(axis=0)
    return float(means[column] - means[others].max())


def spans_of(
    ranges: Mapping[str, TriangularRange], intervals: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The two ends of each uncertain input: of its declared range, or of the interval of an arm's quality."""
    spans = {name: (float(span.low), float(span.high)) for name, span in ranges.items()}
    return spans | {f"{QUALITY}{arm}": interval for arm, interval in intervals.items()}
