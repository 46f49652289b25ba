"""How firmly the verdict stands: regret, the value of knowing more, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.more_cases import values_of_more_cases
from evalkit.decision.payoffs.payoff_model import AS_IT_STANDS, PayoffModel, WhatIf
from evalkit.decision.verdict.choose_verdict import VerdictInputs, VerdictStep, climb
from evalkit.decision.verdict.information import expected_regret, input_values, value_of_everything
from evalkit.decision.verdict.tornado import spans_of, tornado
from evalkit.decision.verdict.would_change import Input, expected_crossing, inputs_of, nearest_change
from evalkit.records.decision import SampleValue, TornadoBar, WouldChange


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What stands beside a verdict.

    Attributes:
        regret: By arm inside the limits.
        evpi: None without a value per answer.
        evppi: By input, the largest first.
        evsi: For growing numbers of cases.
        would_change: One entry an input.
        tornado: The widest bar first.
        spans: By input, the two ends of its range.
    """

    regret: Mapping[str, float] = field(default_factory=dict)
    evpi: float | None = None
    evppi: Mapping[str, float] = field(default_factory=dict)
    evsi: tuple[SampleValue, ...] = ()
    would_change: tuple[WouldChange, ...] = ()
    tornado: tuple[TornadoBar, ...] = ()
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def weigh(
    payoff_model: PayoffModel, context: DecisionContext, evidence: VerdictInputs, step: VerdictStep
) -> Sensitivity:
    """Vary every input on the same draws, and value what is not known.

    A scorer that failed its negative control carries no verdict, whatever the inputs: then nothing is varied.
    """
    payoffs = payoff_model.at()
    quality = {
        arm.name: mean for arm in payoff_model.world.arms if (mean := context.quality(arm.name)) is not None
    }
    inputs = inputs_of(payoff_model, quality)
    spans = spans_of(payoff_model.world.ranges, _intervals(context, quality))
    changes: tuple[WouldChange, ...] = ()
    if not evidence.control_failed:

        def verdict(what_if: WhatIf) -> VerdictStep:
            return climb(payoff_model, context.claims, evidence, what_if)

        changes = tuple(
            nearest_change(given, verdict, _crossing(payoff_model, context, given, quality))
            for given in inputs
        )
    return Sensitivity(
        regret=expected_regret(payoffs),
        evpi=value_of_everything(payoffs),
        evppi=input_values(payoff_model, payoffs),
        evsi=_values_of_more_cases(payoff_model, evidence),
        would_change=changes,
        tornado=() if step.arm is None else tornado(payoff_model, inputs, spans, step.arm),
        spans=spans,
    )


def _crossing(
    payoff_model: PayoffModel, context: DecisionContext, given: Input, quality: Mapping[str, float]
) -> float | None:
    pair = (context.tuned, context.untuned)
    if pair[0] is None or pair[1] is None or not {*pair} <= quality.keys():
        return None
    return expected_crossing(payoff_model, given, pair[0], pair[1], quality, context.wrong)


def _values_of_more_cases(payoff_model: PayoffModel, evidence: VerdictInputs) -> tuple[SampleValue, ...]:
    if payoff_model.terms.value_per_correct is None:
        return ()
    return values_of_more_cases(payoff_model, AS_IT_STANDS, cost_per_case=evidence.cost_per_case)


def _intervals(context: DecisionContext, quality: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """By candidate, the interval of its quality, where it has one."""
    found = {}
    for name in quality:
        estimate = context.summaries[name].quality[context.table.primary]
        if estimate.low is not None and estimate.high is not None:
            found[name] = (estimate.low, estimate.high)
    return found
