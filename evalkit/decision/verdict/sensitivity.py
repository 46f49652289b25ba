"""How firmly the verdict stands: regret, the value of knowing more, what would change it, and by how much.

``analyse`` varies every input on the draws that the verdict was made from; ``full_reason`` then completes the reason
of a verdict that depends on one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.decision.context import DecisionContext
from evalkit.decision.payoffs.more_evidence import EvidencePrices, values_of_evidence
from evalkit.decision.payoffs.payoff_model import UNCHANGED, PayoffModel, Payoffs, WhatIf
from evalkit.decision.verdict.choose_verdict import (
    DEPENDS,
    Ladder,
    VerdictInputs,
    VerdictStep,
)
from evalkit.decision.verdict.would_change import (
    LIMITS,
    QUALITY,
    OwnSpread,
    VariedInput,
    expected_crossing,
    nearest_change,
    varied_inputs,
)
from evalkit.economics.payoff_table import NONE
from evalkit.records.decision import Condition, Outcome, SampleValue, TornadoBar, WouldChange
from evalkit.records.digits import significant
from evalkit.stats.value_of_information import choice, evppi

RARE = 0.05
"""A verdict does not depend on an input whose flip is rarer than this in its declared range."""
CASES, TRAININGS = "quality", "trainings"
"""Names under which the EVPPI of what the cases tell, and of how trainings turn out, is recorded."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What stands beside a verdict.

    Attributes:
        regret: By choice inside the limits, its expected regret in money over the horizon.
        evpi: Value of perfect information, money over the horizon; None without a value per answer.
        evppi: By input, what it would be worth to know it exactly; the largest first.
        evsi: What more cases and more trainings would be worth.
        would_change: For each input, where the verdict changes; those inside their own range first.
        tornado: How far each input moves the lead of the recommended choice, the widest bar first.
    """

    regret: Mapping[str, float] = field(default_factory=dict)
    evpi: float | None = None
    evppi: Mapping[str, float] = field(default_factory=dict)
    evsi: tuple[SampleValue, ...] = ()
    would_change: tuple[WouldChange, ...] = ()
    tornado: tuple[TornadoBar, ...] = ()


def analyse(
    payoff_model: PayoffModel,
    context: DecisionContext,
    inputs: VerdictInputs,
    step: VerdictStep,
    prices: EvidencePrices,
    verdict_of: Callable[[WhatIf], VerdictStep],
) -> Sensitivity:
    """Vary every input on the same draws, and value what is not known.

    Scores that carry no verdict carry none whatever the inputs, and neither does a run with a cost that is not known:
    then no input is varied.

    Args:
        payoff_model: Payoffs.
        context: The run and the pair of arms in question.
        inputs: What the verdict rests on beside the payoffs.
        step: The verdict.
        prices: Of more evidence.
        verdict_of: The verdict under an assumption.
    """
    payoffs = payoff_model.at()
    quality = {
        arm.name: mean
        for arm in payoff_model.draws.arms
        if (mean := context.shared_quality(arm.name)) is not None
    }
    varied = varied_inputs(payoff_model, quality)
    spreads = own_spreads(payoff_model, context)
    changes: tuple[WouldChange, ...] = ()
    if not inputs.no_verdict and not inputs.missing:
        changes = tuple(
            nearest_change(
                each, verdict_of, _crossing(payoff_model, context, each, quality), spreads.get(each.name)
            )
            for each in varied
        )
    chosen = step.arm if step.side != NONE else NONE
    return Sensitivity(
        regret=expected_regret(payoffs),
        evpi=perfect_information_value(payoffs),
        evppi=input_information_values(payoff_model, payoffs),
        evsi=values_of_evidence(payoff_model, prices, chosen),
        would_change=by_likelihood(changes),
        tornado=() if chosen is None else tornado(payoff_model, varied, spreads, chosen),
    )


def by_likelihood(changes: Sequence[WouldChange]) -> tuple[WouldChange, ...]:
    """Flips inside their own range first, the likeliest first; then the others in their order."""

    def key(item: tuple[int, WouldChange]) -> tuple[bool, float, int]:
        place, change = item
        return not change.inside, -significant(change.probability or 0.0) if change.inside else 0.0, place

    return tuple(change for _, change in sorted(enumerate(changes), key=key))


def condition_of(
    step: VerdictStep, ladder: Ladder, inputs: VerdictInputs, sensitivity: Sensitivity, currency: str
) -> Condition | None:
    """The one condition that a verdict which cannot decide has failed; None for the others.

    Where no earlier condition fails, that is in order: an input whose flip lies inside its range, indifference, and a
    share below its threshold.

    Args:
        step: The verdict.
        ladder: What it was read from.
        inputs: What is missing, in words.
        sensitivity: Flips.
        currency: Of money.
    """
    if step.verdict.value != "not_decidable":
        return None
    if step.reason != DEPENDS:
        return Condition(
            code=step.reason,
            subject=step.subject,
            figure=step.figure,
            needed=step.needed,
            unit=step.subject if step.subject in ("cases", "clusters") else "",
            messages=inputs.missing if step.reason == "missing_input" else (),
        )
    decisive = next(
        (
            change
            for change in sensitivity.would_change
            if change.inside
            and (change.probability or 0.0) >= RARE
            and not change.input.startswith((QUALITY, LIMITS))
        ),
        None,
    )
    if decisive is not None:
        return _depends(decisive)
    if (indifferent := ladder.indifference()) is not None:
        return Condition(
            code="indifferent",
            subject=step.arm or NONE,
            figure=indifferent[0],
            needed=indifferent[1],
            unit=currency,
        )
    share = step.confidence
    return Condition(
        code="not_sure_enough",
        subject=step.arm or NONE,
        figure=None if share is None else share.found.share,
        needed=None if share is None else share.threshold,
        unit="share of draws",
    )


def _depends(change: WouldChange) -> Condition:
    """An input decides: what follows below its flip and above it."""
    now = Outcome(at=change.current, verdict=change.verdict_now or "")
    below, above = now, now
    if change.flips_below is not None and change.verdict_below is not None:
        below = Outcome(at=change.flips_below, verdict=change.verdict_below, arm=change.arm_below)
    if change.flips_above is not None and change.verdict_above is not None:
        above = Outcome(at=change.flips_above, verdict=change.verdict_above, arm=change.arm_above)
    return Condition(
        code=f"depends_on_{change.input.replace(' ', '_')}",
        subject=change.input,
        figure=change.current,
        needed=change.flips_at,
        unit=change.unit,
        low_side=below,
        high_side=above,
    )


def own_spreads(payoff_model: PayoffModel, context: DecisionContext) -> dict[str, OwnSpread]:
    """By input, its declared range; by quality, the interval of the arm with the draws of its mean."""
    spreads = {
        name: OwnSpread(float(span.low), float(span.high), span)
        for name, span in payoff_model.draws.ranges.items()
    }
    for arm in payoff_model.draws.arms:
        drawn = payoff_model.draws.answers[arm.name].quality
        estimate = context.summaries[arm.name].quality.get(context.table.primary)
        if estimate is not None and estimate.low is not None and estimate.high is not None:
            low, high = (float(end) for end in np.percentile(drawn, (2.5, 97.5)))
            spreads[f"{QUALITY}{arm.name}"] = OwnSpread(low, high, draws=drawn)
    return spreads


def expected_regret(payoffs: Payoffs) -> dict[str, float]:
    """By choice inside the limits, what it is expected to lose, in money over the horizon.

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
    """EVPPI: what it would be worth to know one input exactly.

    The quality of all arms together is one of them, and how trainings turn out another.

    Returns:
        By input, money over the horizon, the largest first; empty without a value per answer or with fewer than two
        choices.
    """
    if not payoffs.in_value or len(payoffs.names) < 2:
        return {}
    draws = payoff_model.draws
    distinct = {int(draws.column_of[at]): arm.name for at, arm in reversed(list(enumerate(draws.arms)))}
    names = [name for name in distinct.values() if name in payoffs.names]
    if not names:
        return {}
    quality = np.stack([draws.answers[name].quality for name in names], axis=1)
    values = {CASES: evppi(payoffs.payoff, quality)}
    offsets = [draws.answers[name].offset for name in names if draws.answers[name].plan is not None]
    if offsets:
        values[TRAININGS] = evppi(payoffs.payoff, np.stack(offsets, axis=1))
    values |= {name: evppi(payoffs.payoff, drawn) for name, drawn in draws.inputs.items()}
    return dict(sorted(values.items(), key=lambda item: (-significant(item[1]), item[0])))


def tornado(
    payoff_model: PayoffModel,
    varied: Sequence[VariedInput],
    spreads: Mapping[str, OwnSpread],
    chosen: str,
) -> tuple[TornadoBar, ...]:
    """The expected lead of one choice, with each input at either end of its range.

    Args:
        payoff_model: Payoffs.
        varied: The inputs.
        spreads: By input name, the two ends of its range; inputs without one are left out.
        chosen: Name of the recommended choice.

    Returns:
        The widest bar first; an input that moves nothing has none.
    """
    bars = []
    for each in varied:
        if each.name not in spreads:
            continue
        low, high = spreads[each.name].low, spreads[each.name].high
        at_low, at_high = (expected_lead(payoff_model, chosen, each.at(end)) for end in (low, high))
        if at_low is not None and at_high is not None and at_low != at_high:
            bars.append(
                TornadoBar(input=each.name, low_input=low, high_input=high, at_low=at_low, at_high=at_high)
            )
    return tuple(sorted(bars, key=lambda bar: -significant(abs(bar.at_high - bar.at_low))))


def expected_lead(payoff_model: PayoffModel, chosen: str, what_if: WhatIf = UNCHANGED) -> float | None:
    """Expected net benefit of a choice less that of the best choice of the other sides (else: of the best other one).

    Returns:
        Money over the horizon; None without a value per answer, for an arm outside the limits, and where nothing else
        can be chosen.
    """
    payoffs = payoff_model.at(what_if)
    if chosen not in payoffs.names or not payoffs.in_value:
        return None
    column = payoffs.names.index(chosen)
    others = np.array([side != payoffs.sides[column] for side in payoffs.sides])
    if not others.any():
        others = np.arange(len(payoffs.names)) != column
    if not others.any():
        return None
    means = payoffs.payoff.mean(axis=0)
    return float(means[column] - means[others].max())


def _crossing(
    payoff_model: PayoffModel, context: DecisionContext, varied: VariedInput, quality: Mapping[str, float]
) -> float | None:
    tuned, untuned = context.tuned, context.untuned
    if tuned is None or untuned is None or not {tuned, untuned} <= quality.keys():
        return None
    return expected_crossing(payoff_model, varied, tuned, untuned, quality, context.wrong)
