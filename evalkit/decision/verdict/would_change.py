"""What would change the verdict: for every input the nearest value at which it does, on the same draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from evalkit.decision.payoffs.deterministic import point_net_benefit
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.decision.verdict.choose_verdict import VerdictStep
from evalkit.economics.ledger import VALUE, VOLUME, WRONG, ArmCosts
from evalkit.economics.sensitivity import crossing
from evalkit.pricing.arm_costs import CADENCE
from evalkit.records.decision import WouldChange

MARGIN = "margin"
QUALITY = "quality:"
REACH = 100.0
_STEPS = 20  # of the log grid on each side: a factor of 1.26 a step
_HALVINGS = 20  # of one step: to two parts in ten million

Climb = Callable[[WhatIf], VerdictStep]


@dataclass(frozen=True, slots=True)
class Input:
    """One number that the verdict rests on.

    Attributes:
        name: ``requests_per_month``, a price, hours, ``retune_every_months``, ``margin``, or ``quality:`` and an arm.
        current: The declared number, the mode of its range, or the observed mean.
        unit: For people.
        values: The grid, nearest first, below and above.
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


def inputs_of(payoff_model: PayoffModel, quality: Mapping[str, float]) -> tuple[Input, ...]:
    """All inputs worth varying, in a fixed order; what is 0 or not declared is left out.

    Args:
        payoff_model: Terms, prices, ranges.
        quality: By candidate, its observed mean.
    """
    terms, world = payoff_model.terms, payoff_model.world
    declared: dict[str, tuple[float, str]] = {
        VOLUME: (float(terms.requests_per_month.mode), "requests a month")
    }
    if terms.value_per_correct is not None:
        declared[VALUE] = (float(terms.value_per_correct.mode), f"{terms.currency} per correct answer")
        declared[WRONG] = (float(terms.cost_per_wrong.mode), f"{terms.currency} per wrong answer")
    for money in world.money.values():
        used = {factor.source for line in money.costs.request_lines for factor in line.factors}
        for name, price in money.request_prices.items():
            if name in used:
                declared.setdefault(name, (float(price), _price_unit(name, terms.currency)))
        for factor in (factor for item in money.costs.items for factor in item.factors):
            # A price that stands in for a missing one (cached input at the input price) moves with its original.
            if factor.source and factor.value is not None and factor.source not in used:
                unit = _price_unit(factor.source, terms.currency) if "hour" in factor.unit else factor.unit
                declared.setdefault(factor.source, (float(factor.value.mode), unit))
    found = [_on_log_grid(name, *figure) for name, figure in declared.items() if figure[0] > 0.0]
    cadences = {
        float(renewal.every_months)
        for money in world.money.values()
        for renewal in money.costs.renewals
        if any(item.name == "retuning" for item in renewal.items)
    }
    found += [_cadence(months, terms.horizon_months) for months in sorted(cadences)[:1]]
    found.append(_on_log_grid(MARGIN, payoff_model.margin, "of the score", highest=1.0))
    found += [_quality(arm, mean) for arm, mean in quality.items()]
    return tuple(found)


def nearest_change(given: Input, climb: Climb, closed_form: float | None) -> WouldChange:
    """Search outward from the current value, then halve the interval in which the verdict changes.

    The verdict is compared with the one at the current value **as a point**: what a range adds is uncertainty about
    the input, and the question here is what follows once it is known.

    Args:
        given: The input.
        climb: The verdict under an assumption.
        closed_form: Where the expected net benefits cross, or None.
    """
    now = climb(given.at(given.current))
    sides = {"below": _Side(given.current, given.below), "above": _Side(given.current, given.above)}
    for index in range(max(len(given.below), len(given.above))):
        for side in sides.values():
            if index >= len(side.values):
                continue
            then = climb(given.at(side.values[index]))
            if then.verdict is not now.verdict:
                near, far, then = _halved(given, climb, side.last, side.values[index], now, then)
                return _record(given, now, far if given.whole else _between(near, far), then, closed_form)
            side.last = side.values[index]
    return _record(given, now, None, None, closed_form)


class _Side:
    """One direction of the search, and the last value at which the verdict was still the same."""

    def __init__(self, current: float, values: tuple[float, ...]) -> None:
        self.values = values
        self.last = current


def _halved(
    given: Input, climb: Climb, near: float, far: float, now: VerdictStep, then: VerdictStep
) -> tuple[float, float, VerdictStep]:
    """Narrow (near: same verdict, far: another) down to neighbouring numbers."""
    for _ in range(0 if given.whole else _HALVINGS):
        middle = _between(near, far)
        found = climb(given.at(middle))
        if found.verdict is now.verdict:
            near = middle
        else:
            far, then = middle, found
    return near, far, then


def _between(near: float, far: float) -> float:
    return math.sqrt(near * far) if near > 0.0 and far > 0.0 else (near + far) / 2.0


def _record(
    given: Input,
    now: VerdictStep,
    flips_at: float | None,
    then: VerdictStep | None,
    closed_form: float | None,
) -> WouldChange:
    return WouldChange(
        input=given.name,
        current=given.current,
        unit=given.unit,
        flips_at=flips_at,
        verdict_now=now.verdict.value,
        verdict_then=None if then is None else then.verdict.value,
        arm_then=None if then is None else then.arm,
        closed_form=closed_form,
    )


def expected_crossing(
    payoff_model: PayoffModel,
    given: Input,
    treatment: str,
    control: str,
    quality: Mapping[str, float],
    wrong: Mapping[str, float],
) -> float | None:
    """Where the expected net benefits of two arms are equal as one input moves, in closed form.

    Args:
        payoff_model: Terms and ledger lines.
        given: The input.
        treatment: Name of an arm.
        control: Name of the arm it is held against.
        quality: By arm, its observed mean.
        wrong: By arm, its observed share of wrong answers.

    Returns:
        None without a value per answer, for inputs that net benefit is not linear in, where the input does not move
        the difference, and where the crossing is below 0.
    """
    if payoff_model.terms.value_per_correct is None or given.name in (MARGIN, CADENCE):
        return None
    costs: dict[str, ArmCosts] = {arm: payoff_model.world.money[arm].costs for arm in (treatment, control)}

    def worth(arm: str, value: float) -> Decimal:
        shift = value - given.current if given.name == f"{QUALITY}{arm}" else 0.0
        inputs = {} if given.name.startswith(QUALITY) else {given.name: value}
        found = point_net_benefit(
            costs[arm],
            payoff_model.terms,
            quality=quality[arm] + shift,
            wrong=wrong[arm] - shift,
            inputs=inputs,
            at="mean",
        )
        return Decimal(0) if found is None else found

    found = crossing(lambda value: worth(treatment, float(value)) - worth(control, float(value)))
    return None if found.at is None or found.at < 0 else float(found.at)


def _on_log_grid(name: str, current: float, unit: str, *, highest: float = math.inf) -> Input:
    ratio = REACH ** (1.0 / _STEPS)
    steps = range(1, _STEPS + 1)
    above = tuple(value for step in steps if (value := current * ratio**step) < highest)
    return Input(name, current, unit, tuple(current / ratio**step for step in steps), above)


def _cadence(current: float, horizon: int) -> Input:
    months = [float(month) for month in range(1, horizon + 1)]
    below = tuple(month for month in reversed(months) if month < current)
    above = tuple(month for month in months if month > current)
    return Input(CADENCE, current, "months", below, above, whole=True)


def _quality(arm: str, mean: float) -> Input:
    def grid(end: float) -> Iterator[float]:
        for step in range(1, _STEPS + 1):
            yield mean + (end - mean) * step / _STEPS

    below = () if mean <= 0.0 else tuple(grid(0.0))
    above = () if mean >= 1.0 else tuple(grid(1.0))
    return Input(f"{QUALITY}{arm}", mean, "of the score", below, above)


def _price_unit(name: str, currency: str) -> str:
    if name.endswith(("device_hour", "per_hour", "labour_rate")):
        return f"{currency} an hour"
    if name.endswith("_per_request"):
        return f"{currency} a request"
    if name.endswith("_hours"):
        return "hours"
    return f"{currency} per million tokens"
