"""How firmly the verdict stands: regret, the value of knowing more, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.decision.dossier import Dossier
from evalkit.decision.information import expected_regret, input_values, value_of_everything
from evalkit.decision.ladder import Evidence, Step, climb
from evalkit.decision.more_cases import values_of_more_cases
from evalkit.decision.outlook import AS_IT_STANDS, Outlooks, WhatIf
from evalkit.decision.tornado import spans_of, tornado
from evalkit.decision.would_change import Input, expected_crossing, inputs_of, nearest_change
from evalkit.records.decision import SampleValue, TornadoBar, WouldChange


@dataclass(frozen=True, slots=True)
class Weighed:
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


def weigh(outlooks: Outlooks, dossier: Dossier, evidence: Evidence, step: Step) -> Weighed:
    """Vary every input on the same draws, and value what is not known.

    A scorer that failed its negative control carries no verdict, whatever the inputs: then nothing is varied.
    """
    outlook = outlooks.at()
    quality = {
        arm.name: mean for arm in outlooks.world.arms if (mean := dossier.quality(arm.name)) is not None
    }
    inputs = inputs_of(outlooks, quality)
    spans = spans_of(outlooks.world.ranges, _intervals(dossier, quality))
    changes: tuple[WouldChange, ...] = ()
    if not evidence.control_failed:

        def verdict(what_if: WhatIf) -> Step:
            return climb(outlooks, dossier.claims, evidence, what_if)

        changes = tuple(
            nearest_change(given, verdict, _crossing(outlooks, dossier, given, quality)) for given in inputs
        )
    return Weighed(
        regret=expected_regret(outlook),
        evpi=value_of_everything(outlook),
        evppi=input_values(outlooks, outlook),
        evsi=_values_of_more_cases(outlooks, evidence),
        would_change=changes,
        tornado=() if step.arm is None else tornado(outlooks, inputs, spans, step.arm),
        spans=spans,
    )


def _crossing(
    outlooks: Outlooks, dossier: Dossier, given: Input, quality: Mapping[str, float]
) -> float | None:
    pair = (dossier.tuned, dossier.untuned)
    if pair[0] is None or pair[1] is None or not {*pair} <= quality.keys():
        return None
    return expected_crossing(outlooks, given, pair[0], pair[1], quality, dossier.wrong)


def _values_of_more_cases(outlooks: Outlooks, evidence: Evidence) -> tuple[SampleValue, ...]:
    if outlooks.terms.value_per_correct is None:
        return ()
    return values_of_more_cases(outlooks, AS_IT_STANDS, cost_per_case=evidence.cost_per_case)


def _intervals(dossier: Dossier, quality: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """By candidate, the interval of its quality, where it has one."""
    found = {}
    for name in quality:
        estimate = dossier.summaries[name].quality[dossier.table.primary]
        if estimate.low is not None and estimate.high is not None:
            found[name] = (estimate.low, estimate.high)
    return found
