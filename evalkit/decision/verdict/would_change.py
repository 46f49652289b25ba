"""What would change the verdict: for every input the nearest value at which it does, on the same draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.limits import observed
from evalkit.decision.payoffs.deterministic import point_net_benefit, priced
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.decision.verdict.choose_verdict import VerdictStep
from evalkit.economics.crossing import crossing
from evalkit.economics.ledger import VALUE, VOLUME, WRONG
from evalkit.economics.triangular import TriangularRange
from evalkit.pricing.arm_costs import ArmCostModel
from evalkit.pricing.fixed_costs import CADENCE, is_retune
from evalkit.records.decision import WouldChange
from evalkit.suite.schema import OTHER_LIMITS

MARGIN = "margin"
QUALITY = "quality:"
LIMITS = "limits."
REACH = 100.0
_STEPS = 20  # of the log grid on each side: a factor of 1.26 a step
_HALVINGS = 16  # of one step: to four parts in a million
_LOOKS = (_STEPS - 1, 6, 13)
_HAIR = 1e-9

VerdictAt = Callable[[WhatIf], VerdictStep]
"""The verdict under an assumption."""


@dataclass(frozen=True, slots=True)
class VariedInput:
    """One number that the verdict rests on.

    Attributes:
        name: ``requests_per_month``, a price, hours, ``retune_every_months``, ``margin``, ``quality:`` and an arm, or
            ``limits.NAME.min`` and ``limits.NAME.max``.
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
        if self.name.startswith(LIMITS):
            name, _, end = self.name.removeprefix(LIMITS).rpartition(".")
            return WhatIf(limits={(name, end): value})
        return WhatIf(inputs={self.name: value})


def varied_inputs(payoff_model: PayoffModel, quality: Mapping[str, float]) -> tuple[VariedInput, ...]:
    """All inputs worth varying, in a fixed order; what is certainly 0 or not declared is left out.

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
    ranges = payoff_model.draws.ranges
    varied += [
        _from_zero(name, float(ranges[name].high), unit)
        for name, (current, unit) in declared.items()
        if current == 0.0 and name in ranges
    ]
    cadences = {
        float(renewal.every_months)
        for cost_model in cost_models
        for renewal in cost_model.costs.renewals
        if is_retune(renewal)
    }
    varied += [_cadence(months, terms.horizon_months) for months in sorted(cadences)[:1]]
    varied.append(_on_log_grid(MARGIN, payoff_model.margin, "of the score", highest=1.0))
    varied += [_quality(arm, mean) for arm, mean in quality.items()]
    return (*varied, *_limits(payoff_model))


def _limits(payoff_model: PayoffModel) -> Iterator[VariedInput]:
    """Each declared end of a limit, to be put where it lets in or keeps out one more arm."""
    for name, limit in payoff_model.limits.items():
        figures = set()
        for arm in payoff_model.draws.arms:
            unit_cost = payoff_model.draws.cost_models[arm.name].costs.unit_cost
            figure = observed(
                payoff_model.summaries[arm.name], None if unit_cost is None else float(unit_cost), name
            )
            if figure is not None:
                figures.add(figure)
        unit = (
            "s"
            if name.endswith("_s")
            else payoff_model.terms.currency
            if name in OTHER_LIMITS
            else "of the score"
        )
        for end, current in (("min", limit.min), ("max", limit.max)):
            if current is None:
                continue
            # At its own figure an arm is inside; a hair beyond it is outside.
            tighter = 1.0 + (_HAIR if end == "min" else -_HAIR)
            ends = sorted({*figures, *(figure * tighter for figure in figures)})
            yield VariedInput(
                f"{LIMITS}{name}.{end}",
                current,
                unit,
                below=tuple(value for value in reversed(ends) if value < current),
                above=tuple(value for value in ends if value > current),
                whole=True,
            )


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


@dataclass(frozen=True, slots=True, eq=False)
class OwnSpread:
    """What is known of an input by itself.

    Attributes:
        low: Low end of its declared range, or of the interval of a quality.
        high: High end.
        declared: The range; None for a quality.
        draws: Shape (n_draws,), the drawn values of a quality; None for a declared range.
    """

    low: float
    high: float
    declared: TriangularRange | None = None
    draws: FloatArray | None = None

    def share_beyond(self, below: float | None, above: float | None) -> float:
        """How probable it is that the input lies at or beyond one of two values."""
        if self.draws is not None:
            beyond = np.zeros(self.draws.size, dtype=bool)
            beyond |= False if below is None else self.draws <= below
            beyond |= False if above is None else self.draws >= above
            return float(beyond.mean())
        return (0.0 if below is None else self._share_below(below)) + (
            0.0 if above is None else 1.0 - self._share_below(above)
        )

    def _share_below(self, value: float) -> float:
        """The triangular distribution's."""
        assert self.declared is not None  # noqa: S101 - of a declared range
        mode = float(self.declared.mode)
        if value <= self.low:
            return 0.0
        if value >= self.high:
            return 1.0
        whole = self.high - self.low
        if value <= mode:
            return (value - self.low) ** 2 / (whole * (mode - self.low))
        return 1.0 - (self.high - value) ** 2 / (whole * (self.high - mode))


def nearest_change(
    varied: VariedInput, verdict_at: VerdictAt, closed_form: float | None, spread: OwnSpread | None = None
) -> WouldChange:
    """Where the verdict changes as an input moves, on either side of its current value.

    Search outward from the current value, then halve the interval in which the verdict changes.

    The verdict is compared with the one at the current value **as a point**: what a range adds is uncertainty about
    the input, and the question here is what follows once it is known.

    Args:
        varied: The input.
        verdict_at: The verdict under an assumption.
        closed_form: Where the expected net benefits cross, or None.
        spread: What is known of the input by itself; None where it has no range.
    """
    now = verdict_at(varied.at(varied.current))
    below = _first_flip(varied, verdict_at, varied.below, now)
    above = _first_flip(varied, verdict_at, varied.above, now)
    nearest = min(
        (flip for flip in (below, above) if flip is not None),
        key=lambda flip: flip.steps,
        default=None,
    )
    at_below, at_above = (None if flip is None else flip.at for flip in (below, above))
    inside, probability = False, None
    if spread is not None:
        within = [
            flip for flip in (below, above) if flip is not None and spread.low <= flip.at <= spread.high
        ]
        inside, probability = bool(within), spread.share_beyond(at_below, at_above)
        nearest = within[0] if len(within) == 1 else nearest
    return WouldChange(
        input=varied.name,
        current=varied.current,
        unit=varied.unit,
        flips_at=None if nearest is None else nearest.at,
        verdict_now=now.verdict.value,
        verdict_then=None if nearest is None else nearest.then.verdict.value,
        arm_then=None if nearest is None else nearest.then.arm,
        closed_form=closed_form,
        low=None if spread is None else spread.low,
        high=None if spread is None else spread.high,
        inside=inside,
        probability=probability,
        flips_below=at_below,
        verdict_below=None if below is None else below.then.verdict.value,
        arm_below=None if below is None else below.then.arm,
        flips_above=at_above,
        verdict_above=None if above is None else above.then.verdict.value,
        arm_above=None if above is None else above.then.arm,
    )


@dataclass(frozen=True, slots=True)
class _Flip:
    """A value at which the verdict is another one, and how many steps of the search lie before it."""

    at: float
    then: VerdictStep
    steps: int


def _first_flip(
    varied: VariedInput, verdict_at: VerdictAt, values: tuple[float, ...], now: VerdictStep
) -> _Flip | None:
    """The nearest value on one side at which the verdict is another one.

    Net benefit is linear in an input, so that the verdict seldom changes twice on one side: where it is the same, of
    the same arm, at three values from near to the farthest, the ones between are not tried.
    """
    if not varied.whole and len(values) == _STEPS:
        ahead = (verdict_at(varied.at(values[step])) for step in _LOOKS)
        if all((each.verdict, each.arm) == (now.verdict, now.arm) for each in ahead):
            return None
    last = varied.current
    for steps, value in enumerate(values):
        then = verdict_at(varied.at(value))
        if then.verdict is not now.verdict:
            near, far, then = _halved(varied, verdict_at, last, value, now, then)
            return _Flip(far if varied.whole else _between(near, far), then, steps)
        last = value
    return None


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
    if (
        payoff_model.terms.value_per_correct is None
        or varied.name in (MARGIN, CADENCE)
        or varied.name.startswith(LIMITS)
    ):
        return None
    draws = payoff_model.draws

    def worth(arm: str, value: float) -> Decimal:
        shift = value - varied.current if varied.name == f"{QUALITY}{arm}" else 0.0
        inputs = {} if varied.name.startswith(QUALITY) else {varied.name: value}
        net_benefit = point_net_benefit(
            priced(draws.costs(arm), quality[arm] + shift, wrong[arm] - shift),
            payoff_model.terms,
            draws.lives[arm],
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


def _from_zero(name: str, high: float, unit: str) -> VariedInput:
    """An input whose most likely value is 0 and that may be higher: steps to the end of its range, then beyond."""
    ratio = REACH ** (1.0 / _STEPS)
    inside = (high * step / _STEPS for step in range(1, _STEPS + 1))
    beyond = (high * ratio**step for step in range(1, _STEPS + 1))
    return VariedInput(name, 0.0, unit, (), (*inside, *beyond))


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
