"""How firmly the verdict stands: regret, the value of knowing more, what would change it, and by how much.

``analyse`` varies every input on the draws that the verdict was made from; ``full_reason`` then completes the reason
of a verdict that depends on one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.more_cases import values_of_more_cases
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel, Payoffs, WhatIf
from evalkit.decision.verdict.choose_verdict import DEPENDS, VerdictInputs, VerdictStep, choose_verdict
from evalkit.decision.verdict.would_change import (
    QUALITY,
    VariedInput,
    expected_crossing,
    nearest_change,
    varied_inputs,
)
from evalkit.economics.triangular import TriangularRange
from evalkit.records.decision import SampleValue, TornadoBar, WouldChange
from evalkit.records.digits import significant
from evalkit.stats.value_of_information import choice, evppi

CASES = "quality"
"""Name under which the EVPPI of what the cases tell, the quality of all arms at once, is recorded."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What stands beside a verdict.

    Attributes:
        regret: By arm inside the limits, its expected regret in money over the horizon.
        evpi: Value of perfect information, money over the horizon; None without a value per answer.
        evppi: By input, what it would be worth to know it exactly; the largest first.
        evsi: For growing numbers of cases, what answering them would be worth.
        would_change: For each input, where the verdict changes.
        tornado: How far each input moves the lead of the recommended arm, the widest bar first.
        ranges: By input, the two ends of its range.
    """

    regret: Mapping[str, float] = field(default_factory=dict)
    evpi: float | None = None
    evppi: Mapping[str, float] = field(default_factory=dict)
    evsi: tuple[SampleValue, ...] = ()
    would_change: tuple[WouldChange, ...] = ()
    tornado: tuple[TornadoBar, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def analyse(
    payoff_model: PayoffModel, context: DecisionContext, inputs: VerdictInputs, step: VerdictStep
) -> Sensitivity:
    """Vary every input on the same draws, and value what is not known.

    A scorer that failed its negative control carries no verdict, whatever the inputs: then nothing is varied.

    Args:
        payoff_model: Payoffs.
        context: The run and the pair of arms in question.
        inputs: What the verdict rests on beside the payoffs.
        step: The verdict.
    """
    payoffs = payoff_model.at()
    quality = {
        arm.name: mean for arm in payoff_model.draws.arms if (mean := context.quality(arm.name)) is not None
    }
    varied = varied_inputs(payoff_model, quality)
    ranges = input_ranges_of(payoff_model.draws.ranges, _quality_intervals(context, quality))
    changes: tuple[WouldChange, ...] = ()
    if not inputs.control_failed:

        def verdict_at(what_if: WhatIf) -> VerdictStep:
            return choose_verdict(payoff_model, context.claims, inputs, what_if)

        changes = tuple(
            nearest_change(each, verdict_at, _crossing(payoff_model, context, each, quality))
            for each in varied
        )
    return Sensitivity(
        regret=expected_regret(payoffs),
        evpi=perfect_information_value(payoffs),
        evppi=input_information_values(payoff_model, payoffs),
        evsi=_values_of_more_cases(payoff_model, inputs),
        would_change=changes,
        tornado=() if step.arm is None else tornado(payoff_model, varied, ranges, step.arm),
        ranges=ranges,
    )


def full_reason(step: VerdictStep, sensitivity: Sensitivity) -> str:
    """The reason of a verdict; where it depends on an input, with the name of that input.

    That is the input of the largest EVPPI whose flip lies inside its range.

    Args:
        step: The verdict, its reason ``depends`` where an input decides.
        sensitivity: EVPPI, flips and ranges, from ``analyse``.
    """
    if step.reason != DEPENDS:
        return step.reason
    flips = {change.input: change.flips_at for change in sensitivity.would_change}
    ranges = sensitivity.ranges

    def flips_inside(name: str) -> bool:
        at = flips.get(name)
        return at is not None and name in ranges and ranges[name][0] <= at <= ranges[name][1]

    some_quality = any(flips_inside(name) for name in flips if name.startswith(QUALITY))
    for name in sensitivity.evppi:
        if flips_inside(name) or (name == CASES and some_quality):
            return f"depends_on_{name.replace(' ', '_')}"
    # No single input flips it inside its range: what is left is the spread of the cases.
    return f"depends_on_{CASES}"


def expected_regret(payoffs: Payoffs) -> dict[str, float]:
    """By arm inside the limits, what choosing it is expected to lose, in money over the horizon.

    An arm that counts in no draw is left out.
    """
    return {
        name: float(loss)
        for name, loss in zip(payoffs.names, payoffs.regret(), strict=True)
        if np.isfinite(loss)
    }


def perfect_information_value(payoffs: Payoffs) -> float | None:
    """EVPI: what knowing everything is worth, in money over the horizon; None without a value per answer."""
    return choice(payoffs.payoff).evpi if payoffs.in_value and payoffs.names else None


def input_information_values(payoff_model: PayoffModel, payoffs: Payoffs) -> dict[str, float]:
    """EVPPI: what it would be worth to know one input exactly, the quality of all arms being one of them.

    Returns:
        By input, money over the horizon, the largest first; empty without a value per answer or with fewer than two
        arms.
    """
    if not payoffs.in_value or len(payoffs.names) < 2:
        return {}
    draws = payoff_model.draws
    quality = np.stack([draws.answers[name].quality for name in payoffs.names], axis=1)
    values = {CASES: evppi(payoffs.payoff, quality)}
    values |= {name: evppi(payoffs.payoff, drawn) for name, drawn in draws.inputs.items()}
    return dict(sorted(values.items(), key=lambda item: (-significant(item[1]), item[0])))


def tornado(
    payoff_model: PayoffModel,
    varied: Sequence[VariedInput],
    ranges: Mapping[str, tuple[float, float]],
    arm: str,
) -> tuple[TornadoBar, ...]:
    """The expected lead of one arm, with each input at either end of its range.

    Args:
        payoff_model: Payoffs.
        varied: The inputs.
        ranges: By input name, the two ends of its range; inputs without a range are left out.
        arm: Name of the recommended arm.

    Returns:
        The widest bar first; an input that moves nothing has none.
    """
    bars = []
    for each in varied:
        if each.name not in ranges:
            continue
        low, high = ranges[each.name]
        at_low, at_high = (expected_lead(payoff_model, arm, each.at(end)) for end in (low, high))
        if at_low is not None and at_high is not None and at_low != at_high:
            bars.append(
                TornadoBar(input=each.name, low_input=low, high_input=high, at_low=at_low, at_high=at_high)
            )
    return tuple(sorted(bars, key=lambda bar: -significant(abs(bar.at_high - bar.at_low))))


def expected_lead(payoff_model: PayoffModel, arm: str, what_if: WhatIf = UNCHANGED) -> float | None:
    """Expected net benefit of an arm less that of the best arm of the other family (else: of the best other arm).

    Returns:
        Money over the horizon; None without a value per answer, for an arm outside the limits, and where no other arm
        is inside them.
    """
    payoffs = payoff_model.at(what_if)
    if arm not in payoffs.names or not payoffs.in_value:
        return None
    column = payoffs.names.index(arm)
    others = payoffs.tuned != payoffs.tuned[column]
    if not others.any():
        others = np.arange(len(payoffs.names)) != column
    if not others.any():
        return None
    means = payoffs.payoff.mean(axis=0)
    return float(means[column] - means[others].max())


def input_ranges_of(
    ranges: Mapping[str, TriangularRange], intervals: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The two ends of each uncertain input: of its declared range, or of the interval of an arm's quality."""
    ends = {name: (float(declared.low), float(declared.high)) for name, declared in ranges.items()}
    return ends | {f"{QUALITY}{arm}": interval for arm, interval in intervals.items()}


def _crossing(
    payoff_model: PayoffModel, context: DecisionContext, varied: VariedInput, quality: Mapping[str, float]
) -> float | None:
    tuned, untuned = context.tuned, context.untuned
    if tuned is None or untuned is None or not {tuned, untuned} <= quality.keys():
        return None
    return expected_crossing(payoff_model, varied, tuned, untuned, quality, context.wrong)


def _values_of_more_cases(payoff_model: PayoffModel, inputs: VerdictInputs) -> tuple[SampleValue, ...]:
    if payoff_model.terms.value_per_correct is None:
        return ()
    return values_of_more_cases(payoff_model, UNCHANGED, cost_per_case=inputs.cost_per_case)


def _quality_intervals(
    context: DecisionContext, quality: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """By candidate, the interval of its quality, where it has one."""
    intervals = {}
    for name in quality:
        estimate = context.summaries[name].quality[context.table.primary]
        if estimate.low is not None and estimate.high is not None:
            intervals[name] = (estimate.low, estimate.high)
    return intervals
