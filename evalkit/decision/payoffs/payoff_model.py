"""What every candidate is worth in every draw, as things stand or with one assumption changed.

With ``value_per_correct`` the payoff is net benefit. Without it the payoff is minus the cost, and an arm counts in
a draw only where it is non-inferior to the best arm of that draw and inside every limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from evalkit.comparison.table import BoolArray, FloatArray
from evalkit.decision.limits import COST_LIMIT, observed, within
from evalkit.decision.payoffs.joint_draws import JointDraws
from evalkit.economics.cash_flow import discounted_months
from evalkit.economics.ledger import VOLUME, Terms
from evalkit.economics.net_benefit import DrawnArm, fixed_cost_draws, input_draws, worth_draws
from evalkit.economics.prompt_cache import Scenario
from evalkit.pricing.fixed_costs import CADENCE, with_cadence
from evalkit.records.arm import ArmKind
from evalkit.records.comparison import ArmSummary
from evalkit.suite.schema import Limit


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Assumptions put in place of the declared or measured ones; the draws stay the same.

    Attributes:
        inputs: Volume, value, prices, hours, by name: a point in place of the range or the price. The cadence goes
            by the name ``retune_every_months``.
        shifts: By arm, how much higher its quality came out, in every draw.
        margin: The loss that would not matter.
        scenario: The prompt-cache scenario.
    """

    inputs: Mapping[str, float] = field(default_factory=dict)
    shifts: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None
    scenario: Scenario | None = None


UNCHANGED = WhatIf()


@dataclass(frozen=True, slots=True, eq=False)
class Payoffs:
    """Payoffs of the candidates inside the limits.

    Attributes:
        names: Names of the arms; column i of every table is arm i.
        kinds: Kinds of the arms, in the same order.
        payoff: Shape (n_draws, n_arms), money over the horizon; minus infinity where an arm does not count.
        in_value: The payoff is net benefit; else minus cost.
        cost: Shape (n_arms,), mean cost over the horizon.
    """

    names: tuple[str, ...]
    kinds: tuple[ArmKind, ...]
    payoff: FloatArray
    in_value: bool
    cost: FloatArray

    @property
    def tuned(self) -> BoolArray:
        """Shape (n_arms,), which arms are of the tuned family."""
        return np.array([kind.tuned for kind in self.kinds], dtype=bool)

    def share_won(self, group: BoolArray) -> float:
        """Share of draws in which the best arm of ``group`` beats all others; a tie counts half.

        Args:
            group: Shape (n_arms,).
        """
        if group.all() or not group.any():
            return float(np.isfinite(self.payoff).any(axis=1).mean()) if group.any() else 0.0
        return share_ahead(self.payoff[:, group].max(axis=1), self.payoff[:, ~group].max(axis=1))

    def regret(self) -> FloatArray:
        """Shape (n_arms,), mean loss against the best arm of each draw, over the draws in which an arm counts.

        NaN for an arm that never counts.
        """
        best = self.payoff.max(axis=1, keepdims=True, initial=-np.inf)
        counts = np.isfinite(self.payoff)
        lost = np.zeros_like(self.payoff)
        np.subtract(best, self.payoff, out=lost, where=counts)
        times = counts.sum(axis=0)
        mean = np.full(times.shape, np.nan)
        np.divide(lost.sum(axis=0), times, out=mean, where=times > 0)
        return mean

    def best_of(self, group: BoolArray) -> int | None:
        """Column of the arm to take from ``group``; None where the group is empty."""
        return self.best_in(group) if group.any() else None

    def best_in(self, group: BoolArray) -> int:
        """Column of the arm to take from ``group``, which holds one: the lowest expected regret, the first of equals.

        Without a value per answer, the arm that is the cheapest admissible one of its group most often: an arm that
        rarely counts has little regret in the draws where it does.
        """
        columns = np.flatnonzero(group)
        table = self.payoff[:, columns]
        if self.in_value:
            return int(columns[int(np.argmax(table.mean(axis=0)))])
        best = table.max(axis=1, keepdims=True)
        wins = ((table == best) & np.isfinite(table)).mean(axis=0)
        return int(columns[int(np.argmax(wins))])


def share_ahead(one: FloatArray, other: FloatArray) -> float:
    """Share of draws in which one payoff is larger than another; a tie counts half.

    Args:
        one: Shape (n_draws,).
        other: Shape (n_draws,).
    """
    tied = (one == other) & np.isfinite(one)
    return float((one > other).mean() + tied.mean() / 2.0)


class PayoffModel:
    """Works out payoffs on one set of draws; what a changed assumption does not touch is computed once.

    Args:
        draws: The joint draws; what every candidate costs is known.
        limits: ``decision.limits``.
        margin: ``decision.margin``.
        summaries: By arm, the observed figures that are compared with the limits.

    Raises:
        ValueError: The draws were made without economics.
    """

    def __init__(
        self,
        draws: JointDraws,
        limits: Mapping[str, Limit],
        margin: float,
        summaries: Mapping[str, ArmSummary],
    ) -> None:
        if draws.terms is None:
            raise ValueError("a payoff model needs economics: declare `economics` in the suite")
        self.draws = draws
        self.terms: Terms = draws.terms
        self._limits = limits
        self._margin = margin
        self._summaries = summaries
        self._months = float(discounted_months(draws.terms.discount_rate, draws.terms.horizon_months))
        self._fixed: dict[str, FloatArray | float] = {}
        self._arms: dict[str, DrawnArm] = {}
        self._sources = {
            name: {factor.source for item in model.costs.items for factor in item.factors}
            | set(model.request_prices)
            for name, model in draws.cost_models.items()
        }

    @property
    def margin(self) -> float:
        """The difference in score that would not matter, as declared."""
        return self._margin

    def at(self, what_if: WhatIf = UNCHANGED) -> Payoffs:
        """Payoffs of the candidates inside the limits, as things stand or under changed assumptions."""
        in_value = self.terms.value_per_correct is not None
        drawn = self.drawn_inputs(what_if)
        volume = input_draws(self.terms.requests_per_month, VOLUME, drawn)
        columns: list[FloatArray] = []
        costs: list[FloatArray] = []
        arms = [
            arm
            for arm in self.draws.arms
            if not in_value or self._inside(arm.name, what_if.shifts.get(arm.name, 0.0))
        ]
        admissible = None if in_value else self._admissible(what_if)
        for arm in arms:
            cost = self._cost(arm.name, volume, what_if)
            costs.append(cost)
            if admissible is None:
                worth = worth_draws(self.arm(arm.name, what_if), self.terms, drawn)
                columns.append(self._months * volume * worth - cost)
            else:
                columns.append(np.where(admissible[arm.name], -cost, -np.inf))
        shape = (self.draws.n_draws, len(arms))
        return Payoffs(
            names=tuple(arm.name for arm in arms),
            kinds=tuple(arm.kind for arm in arms),
            payoff=np.stack(columns, axis=1) if columns else np.empty(shape),
            in_value=in_value,
            cost=np.array([cost.mean() for cost in costs]),
        )

    def net_benefit(self, name: str) -> FloatArray:
        """Shape (n_draws,): what one candidate is worth over the horizon, inside the limits or not.

        Raises:
            ValueError: No value per answer is declared.
        """
        volume = input_draws(self.terms.requests_per_month, VOLUME, self.draws.inputs)
        worth = worth_draws(self.arm(name), self.terms, self.draws.inputs)
        return np.asarray(
            self._months * volume * worth - self._cost(name, volume, UNCHANGED), dtype=np.float64
        )

    def drawn_inputs(self, what_if: WhatIf) -> Mapping[str, FloatArray]:
        """The uncertain inputs in every draw, points in place of those that are changed."""
        if not what_if.inputs:
            return self.draws.inputs
        points = {name: np.full(self.draws.n_draws, value) for name, value in what_if.inputs.items()}
        return {**self.draws.inputs, **points}

    def arm(self, name: str, what_if: WhatIf = UNCHANGED) -> DrawnArm:
        """Costs, quality, share of wrong answers and unit cost of one candidate in every draw."""
        answers, cost_model = self.draws.answers[name], self.draws.cost_models[name]
        shift = what_if.shifts.get(name, 0.0)
        prices = {key: value for key, value in what_if.inputs.items() if key in cost_model.request_prices}
        untouched = shift == 0.0 and not prices and what_if.scenario is None
        if untouched and name in self._arms:
            return self._arms[name]
        quality = answers.quality if shift == 0.0 else np.clip(answers.quality + shift, 0.0, 1.0)
        wrong = np.maximum(0.0, 1.0 - quality - answers.abstained)
        unit_cost = cost_model.unit_costs(
            answers.tokens, answers.device_s, scenario=what_if.scenario, prices=prices
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
        costs = self.draws.cost_models[name].costs
        changed = costs if months is None else with_cadence(costs, months)
        fixed = fixed_cost_draws(changed, self.terms, self.drawn_inputs(what_if))
        if untouched:
            self._fixed[name] = fixed
        return fixed

    def _cost(self, name: str, volume: FloatArray | float, what_if: WhatIf) -> FloatArray:
        return np.asarray(
            self._months * volume * self.arm(name, what_if).unit_cost + self.fixed(name, what_if),
            dtype=np.float64,
        )

    def _inside(self, name: str, shift: float) -> bool:
        """Whether the observed figures keep to the limits; a shifted quality is compared with the limit on it."""
        unit_cost = self.draws.cost_models[name].costs.unit_cost
        for limit_name, limit in self._limits.items():
            figure = observed(
                self._summaries[name], None if unit_cost is None else float(unit_cost), limit_name
            )
            if figure is None:
                continue
            if not within(figure + (shift if limit_name == self._primary else 0.0), limit):
                return False
        return True

    def _admissible(self, what_if: WhatIf) -> dict[str, BoolArray]:
        """By arm, shape (n_draws,): non-inferior to the best arm inside the limits, and inside them itself."""
        margin = self._margin if what_if.margin is None else what_if.margin
        inside = {arm.name: self._inside_draws(arm.name, what_if) for arm in self.draws.arms}
        quality = {arm.name: self.arm(arm.name, what_if).quality for arm in self.draws.arms}
        best = np.max([np.where(inside[name], quality[name], -np.inf) for name in inside], axis=0)
        return {name: inside[name] & (quality[name] >= best - margin) for name in inside}

    def _inside_draws(self, name: str, what_if: WhatIf) -> BoolArray:
        """Limits in every draw: on quality and cost as drawn, on latency as observed."""
        kept = np.ones(self.draws.n_draws, dtype=bool)
        arm, answers = self.arm(name, what_if), self.draws.answers[name]
        for limit_name, limit in self._limits.items():
            if limit_name == COST_LIMIT:
                figures = arm.unit_cost
            elif limit_name == self._primary:
                figures = arm.quality
            elif limit_name in answers.other:
                figures = answers.other[limit_name]
            else:
                figure = observed(self._summaries[name], None, limit_name)
                figures = np.full(self.draws.n_draws, np.nan if figure is None else figure)
            low = -np.inf if limit.min is None else limit.min
            high = np.inf if limit.max is None else limit.max
            kept &= np.isnan(figures) | ((figures >= low) & (figures <= high))
        return kept

    @property
    def _primary(self) -> str:
        return self.draws.primary
