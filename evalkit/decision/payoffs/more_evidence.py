"""What more evidence would be worth before deciding: more cases, or more trainings of a tuned arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.joint_draws import DrawnAnswers
from evalkit.decision.payoffs.net_benefit_claims import input_mean
from evalkit.decision.payoffs.payoff_model import TUNED, UNCHANGED, PayoffModel, WhatIf
from evalkit.economics.ledger import VALUE, VOLUME, WRONG
from evalkit.economics.payoff_table import NONE
from evalkit.records.decision import SampleValue
from evalkit.stats.sample_value import kept_by_cases, kept_by_trainings, offset_benefits, sample_value

_MORE_CLUSTERS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_MORE_SEEDS = (1, 2, 4, 8)
MATERIAL = 0.01
"""Share of the expected loss of the choice made now that more evidence has to save, its cost paid."""


@dataclass(frozen=True, slots=True)
class EvidencePrices:
    """What more evidence costs.

    Attributes:
        case: Money for one more case, as declared; None where it is not.
        training: By tuned arm, money for one more training; arms whose training is not priced are left out.
    """

    case: float | None = None
    training: Mapping[str, float] = field(default_factory=dict)


def values_of_evidence(
    payoff_model: PayoffModel, prices: EvidencePrices, chosen: str | None, what_if: WhatIf = UNCHANGED
) -> tuple[SampleValue, ...]:
    """EVSI for growing numbers of cases, then of trainings of the best tuned arm, each beside its cost.

    New cases come in clusters of the size seen so far; new clusters carry the information, cases cost the money.

    Args:
        payoff_model: Payoffs; they must be net benefits.
        prices: Of a case and of a training.
        chosen: Name of the choice that is run without more evidence; None for the best.
        what_if: Changed assumptions.

    Returns:
        Empty without a value per answer, and with fewer than two choices.
    """
    if not payoff_model.in_value:
        return ()
    return (
        *_values_of_cases(payoff_model, prices, chosen, what_if),
        *_values_of_trainings(payoff_model, prices, chosen, what_if),
    )


def best_purchase(
    payoff_model: PayoffModel, prices: EvidencePrices, chosen: str | None, what_if: WhatIf = UNCHANGED
) -> SampleValue | None:
    """The cases or trainings whose value exceeds their cost by most; None where none does by an amount that matters.

    A gain of under a hundredth of what knowing everything would be worth changes nothing that is done.
    """
    payoffs = payoff_model.at(what_if)
    regret = payoffs.regret()
    column = payoffs.winner() if chosen is None else _column(payoffs.names, chosen)
    best, most = None, 0.0 if column is None else MATERIAL * float(regret[column])
    for each in values_of_evidence(payoff_model, prices, chosen, what_if):
        if each.cost is not None and each.value - each.cost > most:
            best, most = each, each.value - each.cost
    return best


def _values_of_cases(
    payoff_model: PayoffModel, prices: EvidencePrices, chosen: str | None, what_if: WhatIf
) -> tuple[SampleValue, ...]:
    names, table = payoff_given_cases(payoff_model, what_if)
    if table.shape[1] < 2:
        return ()
    draws = payoff_model.draws
    per_cluster = draws.n_cases / draws.n_clusters
    values = []
    for clusters in _MORE_CLUSTERS:
        cases = round(clusters * per_cluster)
        value = sample_value(table, kept_by_cases(clusters, draws.n_clusters), _column(names, chosen))
        cost = None if prices.case is None else cases * prices.case
        values.append(SampleValue(n_cases=cases, value=value, cost=cost, kind="cases", n=cases))
    return tuple(values)


def payoff_given_cases(
    payoff_model: PayoffModel, what_if: WhatIf = UNCHANGED
) -> tuple[tuple[str, ...], FloatArray]:
    """Names of the choices, and their net benefit with every input but what the cases tell at its mean."""
    draws = payoff_model.draws
    without = {name: _without_offset(answers) for name, answers in draws.answers.items()}
    still = PayoffModel(
        replace(draws, answers=without), payoff_model.limits, payoff_model.margin, payoff_model.summaries
    )
    means = {name: float(np.mean(values)) for name, values in payoff_model.drawn_inputs(what_if).items()}
    payoffs = still.at(replace(what_if, inputs={**means, **what_if.inputs}))
    return payoffs.names, payoffs.payoff


def _without_offset(answers: DrawnAnswers) -> DrawnAnswers:
    return replace(answers, offset=np.zeros_like(answers.offset))


def _values_of_trainings(
    payoff_model: PayoffModel, prices: EvidencePrices, chosen: str | None, what_if: WhatIf
) -> tuple[SampleValue, ...]:
    payoffs = payoff_model.at(what_if)
    tuned = payoffs.best_of(TUNED)
    if tuned is None or len(payoffs.names) < 2:
        return ()
    draws, arm = payoff_model.draws, payoffs.names[tuned]
    plan = draws.answers[arm].plan
    if plan is None or plan.offset_factor == 0.0:
        return ()
    slopes = np.array([_slope(payoff_model, name, what_if) for name in payoffs.names])
    offsets = np.stack(
        [np.zeros(draws.n_draws) if name == NONE else draws.answers[name].offset for name in payoffs.names],
        axis=1,
    )
    table = offset_benefits(payoffs.payoff.mean(axis=0), slopes, offsets)
    price = prices.training.get(arm)
    values = []
    for seeds in _MORE_SEEDS:
        kept = np.array([kept_by_trainings(plan, seeds) if name == arm else 0.0 for name in payoffs.names])
        value = sample_value(table, kept, _column(payoffs.names, chosen))
        cost = None if price is None else seeds * price
        values.append(SampleValue(n_cases=0, value=value, cost=cost, kind="seeds", n=seeds, arm=arm))
    return tuple(values)


def _slope(payoff_model: PayoffModel, name: str, what_if: WhatIf) -> float:
    """Money over the horizon for one unit of quality of the models trained anew; 0 for what is not trained."""
    if name == NONE or (plan := payoff_model.draws.answers[name].plan) is None:
        return 0.0
    answers = payoff_model.draws.answers[name]
    left = float(np.mean(1.0 - answers.quality))
    wrong = float(np.mean(np.maximum(0.0, 1.0 - answers.quality - answers.abstained)))
    value, loss, volume = (input_mean(payoff_model, source, what_if) for source in (VALUE, WRONG, VOLUME))
    months = float(payoff_model.draws.lives[name].discounted_months)
    a_point = value + (loss * wrong / left if left > 0.0 else 0.0)
    return months * volume * a_point * plan.fresh_share


def _column(names: tuple[str, ...], chosen: str | None) -> int | None:
    return names.index(chosen) if chosen in names else None
