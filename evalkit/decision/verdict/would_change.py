"""What would change the verdict: for every input the nearest value at which it does, on the same draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.decision.verdict.choose_verdict import VerdictStep
from evalkit.economics.crossing import crossing
from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.pricing.fixed_costs import CADENCE, is_retune
from evalkit.records.decision import WouldChange

MARGIN = "margin"
QUALITY = "quality:"
REACH = 100.0
_STEPS = 20  # of the log grid on each side: a factor of 1.26 a step
_HALVINGS = 20  # of one step: to two parts in ten million

VerdictAt = Callable[[WhatIf], VerdictStep]
"""The verdict under an assumption."""


@dataclass(frozen=True, slots=True)
class VariedInput:
    """One number that the verdict rests on.

    Attributes:
        name: ``requests_per_month``, a price, hours, ``retune_every_months``, ``margin``, or ``quality:`` and an arm.
        current: The declared number, the mode of its range, or the observed mean.
        unit: What the number counts, in words.
        below: Values to try below the current one, the nearest first.
        above: Values to try above the current one, the nearest first.
        whole: Only whole numbers make sense.
    """

    name: str
    current: float
    unit: str
    below: tuple[float, ...]
    above: tuple[float, ...]
    whole: bool = False

    def at(self, value: float) -> WhatIf:
        """The assumption that this input is ``value``."""
        if self.name == MARGIN:
            return WhatIf(margin=value)
        if self.name.startswith(QUALITY):
            return WhatIf(shifts={self.name.removeprefix(QUALITY): value - self.current})
        return WhatIf(inputs={self.name: value})


def varied_inputs(payoff_model: PayoffModel, quality: Mapping[str, float]) -> tuple[VariedInput, ...]:
    """All inputs worth varying, in a fixed order; what is 0 or not declared is left out.

    Args:
        payoff_model: Terms, prices, ranges.
        quality: By candidate, its observed mean.
    """
    terms, cost_models = payoff_model.terms, payoff_model.draws.cost_models.values()
    declared: dict[str, tuple[float, str]] = {
        VOLUME: (float(terms.requests_per_month.mode), "requests a month")
    }
    if terms.value_per_correct is not None:
        declared[VALUE] = (float(terms.value_per_correct.mode), f"{terms.currency} per correct answer")
        declared[WRONG] = (float(terms.cost_per_wrong.mode), f"{terms.currency} per wrong answer")
    for cost_model in cost_models:
        for name, current, unit in _costs_of(cost_model, terms.currency):
            declared.setdefault(name, (current, unit))
    varied = [_on_log_grid(name, *figure) for name, figure in declared.items() if figure[0] > 0.0]
    cadences = {
        float(renewal.every_months)
        for cost_model in cost_models
        for renewal in cost_model.costs.renewals
        if is_retune(renewal)
    }
    varied += [_cadence(months, terms.horizon_months) for months in sorted(cadences)[:1]]
    varied.append(_on_log_grid(MARGIN, payoff_model.margin, "of the score", highest=1.0))
    varied += [_quality(arm, mean) for arm, mean in quality.items()]
    return tuple(varied)


def _costs_of(cost_model: ArmCostModel, currency: str) -> Iterator[tuple[str, float, str]]:
    """Name, current value and unit of each price, rate and number of hours behind an arm's costs."""
    used = {factor.source for line in cost_model.costs.request_lines for factor in line.factors}
    for name, price in cost_model.request_prices.items():
        if name in used:
            yield name, float(price), _price_unit(name, currency)
    for factor in (factor for item in cost_model.costs.items for factor in item.factors):
        # A price that stands in for a missing one (cached input at the input price) moves with its original.
        if factor.source and factor.value is not None and factor.source not in used:
            unit = _price_unit(factor.source, currency) if "hour" in factor.unit else factor.unit
            yield factor.source, float(factor.value.mode), unit


def nearest_change(varied: VariedInput, verdict_at: VerdictAt, closed_form: float | None) -> WouldChange:
    """The nearest value of an input at which the verdict changes.

    Search outward from the current value, then halve the interval in which the verdict changes.

    The verdict is compared with the one at the current value **as a point**: what a range adds is uncertainty about
    the input, and the question here is what follows once it is known.

    Args:
        varied: The input.
        verdict_at: The verdict under an assumption.
        closed_form: Where the expected net benefits cross, or None.
    """
    now = verdict_at(varied.at(varied.current))
    sides = {"below": _Side(varied.current, varied.below), "above": _Side(varied.current, varied.above)}
    for index in range(max(len(varied.below), len(varied.above))):
        for side in sides.values():
            if index >= len(side.values):
                continue
            then = verdict_at(varied.at(side.values[index]))
            if then.verdict is not now.verdict:
                near, far, then = _halved(varied, verdict_at, side.last, side.values[index], now, then)
                return _record(varied, now, far if varied.whole else _between(near, far), then, closed_form)
            side.last = side.values[index]
    return _record(varied, now, None, None, closed_form)


class _Side:
    """One direction of the search, and the last value at which the verdict was still the same."""

    def __init__(self, current: float, values: tuple[float, ...]) -> None:
        self.values = values
        self.last = current


def _halved(
    varied: VariedInput, verdict_at: VerdictAt, near: float, far: float, now: VerdictStep, then: VerdictStep
) -> tuple[float, float, VerdictStep]:
    """Narrow (near: same verdict, far: another) down to neighbouring numbers."""
    for _ in range(0 if varied.whole else _HALVINGS):
        middle = _between(near, far)
        at_middle = verdict_at(varied.at(middle))
        if at_middle.verdict is now.verdict:
            near = middle
        else:
            far, then = middle, at_middle
    return near, far, then


def _between(near: float, far: float) -> float:
    return math.sqrt(near * far) if near > 0.0 and far > 0.0 else (near + far) / 2.0


def _record(
    varied: VariedInput,
    now: VerdictStep,
    flips_at: float | None,
    then: VerdictStep | None,
    closed_form: float | None,
) -> WouldChange:
    return WouldChange(
        input=varied.name,
        current=varied.current,
        unit=varied.unit,
        flips_at=flips_at,
        verdict_now=now.verdict.value,
        verdict_then=None if then is None else then.verdict.value,
        arm_then=None if then is None else then.arm,
        closed_form=closed_form,
    )


def expected_crossing(
    payoff_model: PayoffModel,
    varied: VariedInput,
    treatment: str,
    control: str,
    quality: Mapping[str, float],
    wrong: Mapping[str, float],
) -> float | None:
    """Where the expected net benefits of two arms are equal as one input moves, in closed form.

    Args:
        payoff_model: Terms and ledger lines.
        varied: The input.
        treatment: Name of an arm.
        control: Name of the arm that it is compared with.
        quality: By arm, its observed mean.
        wrong: By arm, its observed share of wrong answers.

    Returns:
        None without a value per answer, for inputs that net benefit is not linear in, where the input does not move
        the difference, and where the crossing is below 0.
    """
    if payoff_model.terms.value_per_correct is None or varied.name in (MARGIN, CADENCE):
        return None
    costs: dict[str, ArmCosts] = {
        arm: payoff_model.draws.cost_models[arm].costs for arm in (treatment, control)
    }

    def worth(arm: str, value: float) -> Decimal:
        shift = value - varied.current if varied.name == f"{QUALITY}{arm}" else 0.0
        inputs = {} if varied.name.startswith(QUALITY) else {varied.name: value}
        net_benefit = point_net_benefit(
            costs[arm],
            payoff_model.terms,
            quality=quality[arm] + shift,
            wrong=wrong[arm] - shift,
            inputs=inputs,
            at="mean",
        )
        return Decimal(0) if net_benefit is None else net_benefit

    level = crossing(lambda value: worth(treatment, float(value)) - worth(control, float(value)))
    return None if level.at is None or level.at < 0 else float(level.at)


def _on_log_grid(name: str, current: float, unit: str, *, highest: float = math.inf) -> VariedInput:
    ratio = REACH ** (1.0 / _STEPS)
    steps = range(1, _STEPS + 1)
    above = tuple(value for step in steps if (value := current * ratio**step) < highest)
    return VariedInput(name, current, unit, tuple(current / ratio**step for step in steps), above)


def _cadence(current: float, horizon: int) -> VariedInput:
    months = [float(month) for month in range(1, horizon + 1)]
    below = tuple(month for month in reversed(months) if month < current)
    above = tuple(month for month in months if month > current)
    return VariedInput(CADENCE, current, "months", below, above, whole=True)


def _quality(arm: str, mean: float) -> VariedInput:
    def grid(end: float) -> Iterator[float]:
        for step in range(1, _STEPS + 1):
            yield mean + (end - mean) * step / _STEPS

    below = () if mean <= 0.0 else tuple(grid(0.0))
    above = () if mean >= 1.0 else tuple(grid(1.0))
    return VariedInput(f"{QUALITY}{arm}", mean, "of the score", below, above)


def _price_unit(name: str, currency: str) -> str:
    if name.endswith(("device_hour", "per_hour", "labour_rate")):
        return f"{currency} an hour"
    if name.endswith("_per_request"):
        return f"{currency} a request"
    if name.endswith("_hours"):
        return "hours"
    return f"{currency} per million tokens"
