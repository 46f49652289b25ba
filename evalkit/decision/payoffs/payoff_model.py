"""What every choice is worth in every draw, as things stand or with one assumption changed.

With ``value_per_correct`` the payoff is net benefit, and to run no arm is one of the choices. Without it the payoff is
minus the cost, and an arm counts in a draw only where it is non-inferior to the best arm of that draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from evalkit.comparison.table import BoolArray, FloatArray, IntArray
from evalkit.decision.limits import check_limits
from evalkit.decision.payoffs.joint_draws import JointDraws, deployed_otherwise
from evalkit.decision.shared_cases import kind_of
from evalkit.economics.cheapest_adequate import cheapest_adequate
from evalkit.economics.ledger import VALUE, VOLUME, WRONG, Terms
from evalkit.economics.lifetime_costs import lifetime_cost_draws
from evalkit.economics.net_benefit import DrawnArm, input_draws
from evalkit.economics.payoff_table import NONE, ArmDraws, costs_over_horizon, net_benefits
from evalkit.economics.prompt_cache import Scenario
from evalkit.pricing.fixed_costs import CADENCE, with_cadence
from evalkit.records.comparison import ArmSummary
from evalkit.records.decision import Side
from evalkit.records.digits import significant
from evalkit.stats.settled_share import MONTE_CARLO_ERRORS
from evalkit.stats.training_runs import Deploy
from evalkit.stats.value_of_information import choice
from evalkit.suite.schema import Limit

TUNED: Side = "tuned"
UNTUNED: Side = "untuned"
_SIDES: dict[str, Side] = {"tuned": "tuned", "none": "none"}
_ORDER = {NONE: 0, UNTUNED: 1, TUNED: 2}


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Assumptions put in place of the declared or measured ones; the draws stay the same.

    Attributes:
        inputs: Volume, value, prices, hours, by name: a point in place of the range or the price. The cadence goes
            by the name ``retune_every_months``.
        shifts: By arm, how much higher its quality came out, in every draw.
        margin: The loss that would not matter.
        scenario: The prompt-cache scenario.
        limits: Ends of limits by name and side: ``("format", "min")``.
    """

    inputs: Mapping[str, float] = field(default_factory=dict)
    shifts: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None
    scenario: Scenario | None = None
    limits: Mapping[tuple[str, str], float] = field(default_factory=dict)


UNCHANGED = WhatIf()


@dataclass(frozen=True, eq=False)
class Payoffs:
    """Payoffs of the choices: the candidates inside the limits and, where answers have a value, none.

    Attributes:
        names: Names of the choices; column i of every table is choice i. ``none`` is last.
        kinds: ``tuned``, ``prompting``, ``retrieval``, ``none``.
        payoff: Shape (n_draws, n_choices), money over the horizon; minus infinity where an arm does not count.
        in_value: The payoff is net benefit; else minus cost.
        cost: Shape (n_choices,), mean cost over the horizon where cost decides; 0 where net benefit does.
        column_of: Shape (n_choices,), equal numbers for arms that are one and the same score column; -1 for none.
        no_spread: Shape (n_choices, n_choices), pairs of arms whose scores differ by the same in every case.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    payoff: FloatArray
    in_value: bool
    cost: FloatArray
    column_of: IntArray
    no_spread: BoolArray

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        """Side of each choice: ``tuned``, ``untuned`` or ``none``."""
        return tuple(_SIDES.get(kind, "untuned") for kind in self.kinds)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The choices that are arms."""
        return tuple(name for name in self.names if name != NONE)

    @cached_property
    def expected(self) -> FloatArray:
        """Shape (n_choices,): mean payoff to the digits that no processor changes.

        Without a value, the share of draws in which the choice is the cheapest that counts.
        """
        return np.array([significant(float(column.mean())) for column in self._score.T])

    @cached_property
    def _score(self) -> FloatArray:
        if self.in_value:
            return self.payoff
        highest = self.payoff.max(axis=1, keepdims=True)
        wins = (self.payoff == highest) & np.isfinite(self.payoff)
        shares: FloatArray = wins / np.maximum(1, wins.sum(axis=1, keepdims=True))
        return shares

    def ranked(self) -> tuple[int, ...]:
        """Columns of the choices, the best first; of equals the one that asks for less comes first.

        To run nothing asks for less than an untuned arm, and that for less than a tuned one. Without a value, of arms
        that are the cheapest equally often the one of lower mean cost.
        """

        def key(column: int) -> tuple[float, float, int, int]:
            cost = 0.0 if self.in_value else significant(float(self.cost[column]))
            return -float(self.expected[column]), cost, _ORDER[self.sides[column]], column

        return tuple(sorted(range(len(self.names)), key=key))

    def winner(self) -> int:
        """Column of the choice of highest expected payoff.

        Where another side's best choice follows so closely that the draws cannot tell which of them leads, the one that
        asks for less: else the seed would decide.
        """
        first, *others = self.ranked()
        for at in others:
            if _ORDER[self.sides[at]] < _ORDER[self.sides[first]] and self.in_value:
                lead = self.payoff[:, first] - self.payoff[:, at]
                noise = float(lead.std()) / math.sqrt(lead.size)
                if float(lead.mean()) <= MONTE_CARLO_ERRORS * noise:
                    first = at
        return first

    def best_of(self, side: str) -> int | None:
        """Column of the best choice of a side; None where the side has none."""
        return next((column for column in self.ranked() if self.sides[column] == side), None)

    def distinct(self, side: str) -> int:
        """How many different score columns a side has; copies of an arm count once."""
        return len({int(self.column_of[at]) for at, own in enumerate(self.sides) if own == side})

    def regret_of(self, column: int) -> float:
        """Mean loss of one choice against the best of each draw; with a declared value only."""
        return float((self.payoff.max(axis=1) - self.payoff[:, column]).mean())

    def regret(self) -> FloatArray:
        """Shape (n_choices,), mean loss against the best choice of each draw, over the draws in which a choice counts.

        NaN for an arm that never counts.
        """
        if self.in_value:
            return choice(self.payoff).expected_regret
        best = self.payoff.max(axis=1, keepdims=True, initial=-np.inf)
        counts = np.isfinite(self.payoff)
        lost = np.zeros_like(self.payoff)
        np.subtract(best, self.payoff, out=lost, where=counts)
        times = counts.sum(axis=0)
        mean = np.full(times.shape, np.nan)
        np.divide(lost.sum(axis=0), times, out=mean, where=times > 0)
        return mean


class PayoffModel:
    """Works out payoffs on one set of draws; what a changed assumption does not touch is computed once.

    Args:
        draws: The joint draws; what every candidate costs is known.
        limits: ``decision.limits``.
        margin: ``decision.margin``.
        summaries: By arm, the observed figures that are compared with the limits.
    """

    def __init__(
        self,
        draws: JointDraws,
        limits: Mapping[str, Limit],
        margin: float,
        summaries: Mapping[str, ArmSummary],
    ) -> None:
        self.draws = draws
        self.terms: Terms = draws.terms
        self.limits = limits
        self.margin = margin
        self.summaries = summaries
        self._fixed: dict[str, FloatArray | float] = {}
        self._arms: dict[str, DrawnArm] = {}
        self._performance: dict[str, tuple[FloatArray, FloatArray]] = {}
        self._draws: dict[str, tuple[DrawnArm, FloatArray | float, ArmDraws]] = {}
        self._sources = {
            name: {factor.source for item in model.costs.items for factor in item.factors}
            | set(model.request_prices)
            for name, model in draws.cost_models.items()
        }

    def again(self, times: int) -> PayoffModel:
        """The same on so many times the draws."""
        return PayoffModel(self.draws.draw_again(times), self.limits, self.margin, self.summaries)

    @cached_property
    def without_offsets(self) -> PayoffModel:
        """The same with production models exactly as good as the measured ones: only cases and inputs vary."""
        answers = {
            name: replace(each, offset=np.zeros_like(each.offset))
            for name, each in self.draws.answers.items()
        }
        return PayoffModel(replace(self.draws, answers=answers), self.limits, self.margin, self.summaries)

    def deployed_otherwise(self, deploy: Deploy) -> PayoffModel:
        """The same with tuned models that come about in the other way."""
        return PayoffModel(deployed_otherwise(self.draws, deploy), self.limits, self.margin, self.summaries)

    @property
    def in_value(self) -> bool:
        """Whether a correct answer has a declared value, so that net benefit decides."""
        return self.terms.value_per_correct is not None

    def at(self, what_if: WhatIf = UNCHANGED) -> Payoffs:
        """Payoffs of the choices, as things stand or under changed assumptions."""
        arms = [arm for arm in self.draws.arms if self._inside(arm.name, what_if)]
        places = [self.draws.arms.index(arm) for arm in arms]
        drawn = [self.arm_draws(arm.name, what_if) for arm in arms]
        in_value, inputs = self.in_value, self.drawn_inputs(what_if)
        volume = input_draws(self.terms.requests_per_month, VOLUME, inputs)
        names, kinds = [arm.name for arm in arms], [kind_of(arm.kind) for arm in arms]
        columns = self.draws.column_of[places]
        n_choices = len(arms) + in_value
        no_spread = np.zeros((n_choices, n_choices), dtype=bool)
        no_spread[: len(arms), : len(arms)] = self.draws.constant_difference[np.ix_(places, places)]
        cost = np.zeros(n_choices)  # of no use where net benefit decides
        if in_value:
            names, kinds, columns = [*names, NONE], [*kinds, NONE], np.append(columns, -1)
            payoff = np.zeros((self.draws.n_draws, 1))
            if drawn:
                payoff = net_benefits(
                    drawn,
                    volume=volume,
                    value_per_correct=input_draws(self.terms.value_per_correct, VALUE, inputs),
                    cost_per_wrong=input_draws(self.terms.cost_per_wrong, WRONG, inputs),
                )
        else:
            margin = self.margin if what_if.margin is None else what_if.margin
            payoff = np.empty((self.draws.n_draws, 0))
            if drawn:
                quality = np.stack([arm.quality for arm in drawn], axis=1)
                costs = costs_over_horizon(drawn, volume=volume)
                cost, payoff = costs.mean(axis=0), cheapest_adequate(quality, costs, margin).payoffs
        return Payoffs(
            names=tuple(names),
            kinds=tuple(kinds),
            payoff=payoff,
            in_value=in_value,
            cost=cost,
            column_of=columns.astype(np.int64),
            no_spread=no_spread,
        )

    def net_benefit(self, name: str) -> FloatArray:
        """Shape (n_draws,): what one candidate is worth over the horizon, inside the limits or not.

        Raises:
            ValueError: No value per answer is declared.
        """
        inputs = self.drawn_inputs(UNCHANGED)
        table = net_benefits(
            [self.arm_draws(name)],
            volume=input_draws(self.terms.requests_per_month, VOLUME, inputs),
            value_per_correct=input_draws(self.terms.value_per_correct, VALUE, inputs),
            cost_per_wrong=input_draws(self.terms.cost_per_wrong, WRONG, inputs),
        )
        return table[:, 0]

    def total_cost(self, name: str) -> FloatArray:
        """Shape (n_draws,): what one candidate costs over its life inside the horizon, discounted."""
        volume = input_draws(self.terms.requests_per_month, VOLUME, self.draws.inputs)
        return costs_over_horizon([self.arm_draws(name)], volume=volume)[:, 0]

    def drawn_inputs(self, what_if: WhatIf) -> Mapping[str, FloatArray]:
        """The uncertain inputs in every draw, points in place of those that are changed."""
        if not what_if.inputs:
            return self.draws.inputs
        points = {name: np.full(self.draws.n_draws, value) for name, value in what_if.inputs.items()}
        return {**self.draws.inputs, **points}

    def arm_draws(self, name: str, what_if: WhatIf = UNCHANGED) -> ArmDraws:
        """One candidate in every draw, for the table of payoffs."""
        arm, fixed = self.arm(name, what_if), self.fixed(name, what_if)
        known = self._draws.get(name)
        if known is not None and known[0] is arm and known[1] is fixed:
            return known[2]
        drawn = ArmDraws(
            name=name,
            months=float(self.draws.lives[name].discounted_months),
            quality=arm.quality,
            wrong=arm.wrong,
            unit_cost=arm.unit_cost,
            fixed=fixed,
        )
        if arm is self._arms.get(name) and fixed is self._fixed.get(name):
            self._draws[name] = (arm, fixed, drawn)
        return drawn

    def arm(self, name: str, what_if: WhatIf = UNCHANGED) -> DrawnArm:
        """Costs, quality, share of wrong answers and unit cost of one candidate in every draw."""
        answers, cost_model = self.draws.answers[name], self.draws.cost_models[name]
        shift = what_if.shifts.get(name, 0.0)
        prices = {key: value for key, value in what_if.inputs.items() if key in cost_model.request_prices}
        untouched = shift == 0.0 and not prices and what_if.scenario is None
        if untouched and name in self._arms:
            return self._arms[name]
        if shift != 0.0:
            quality, wrong = answers.over_life(shift)
        else:
            if name not in self._performance:
                self._performance[name] = answers.over_life()
            quality, wrong = self._performance[name]
        if shift != 0.0 and not prices and what_if.scenario is None:
            unit_cost = self.arm(name).unit_cost
        else:
            unit_cost = cost_model.unit_costs(
                answers.tokens,
                answers.device_s,
                stated=answers.stated,
                scenario=what_if.scenario,
                prices=prices,
            )
        arm = DrawnArm(cost_model.costs, quality, wrong, unit_cost)
        if untouched:
            self._arms[name] = arm
        return arm

    def fixed(self, name: str, what_if: WhatIf = UNCHANGED) -> FloatArray | float:
        """Discounted cost of one candidate that does not depend on volume, in every draw."""
        months = what_if.inputs.get(CADENCE)
        untouched = months is None and not self._sources[name] & what_if.inputs.keys()
        if untouched and name in self._fixed:
            return self._fixed[name]
        costs = self.draws.costs(name)
        changed = costs if months is None else with_cadence(costs, months)
        fixed = lifetime_cost_draws(changed, self.draws.lives[name], self.drawn_inputs(what_if))
        if untouched:
            self._fixed[name] = fixed
        return fixed

    def _inside(self, name: str, what_if: WhatIf) -> bool:
        """Whether the observed figures keep to the limits; a shifted quality is compared with the limit on it."""
        if not self.limits:
            return True
        unit_cost = self.draws.cost_models[name].costs.unit_cost
        check = check_limits(
            self.summaries[name],
            None if unit_cost is None else float(unit_cost),
            changed_limits(self.limits, what_if.limits),
            shift=what_if.shifts.get(name, 0.0),
            primary=self.draws.primary,
        )
        return not check.broken


def changed_limits(
    limits: Mapping[str, Limit], changes: Mapping[tuple[str, str], float]
) -> Mapping[str, Limit]:
    """The limits with some of their ends put elsewhere."""
    if not changes:
        return limits
    changed = dict(limits)
    for (name, end), value in changes.items():
        changed[name] = changed[name].model_copy(update={end: value})
    return changed
