"""What more evidence would be worth before deciding: more cases, or more trainings of a tuned arm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.net_benefit_claims import input_mean
from evalkit.decision.payoffs.payoff_model import TUNED, UNCHANGED, PayoffModel, Payoffs, WhatIf
from evalkit.economics.ledger import VALUE, VOLUME, WRONG
from evalkit.economics.payoff_table import NONE
from evalkit.records.decision import SampleValue
from evalkit.stats.sample_value import kept_by_cases, kept_by_trainings, offset_benefits, sample_values

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
        *_values_of_trainings(payoff_model, payoff_model.at(what_if), prices, chosen, what_if),
    )


def best_purchase(
    payoff_model: PayoffModel,
    prices: EvidencePrices,
    chosen: str | None,
    what_if: WhatIf = UNCHANGED,
    *,
    payoffs: Payoffs | None = None,
) -> SampleValue | None:
    """The cases or trainings whose value exceeds their cost by most; None where none does by an amount that matters.

    A gain of under a hundredth of what knowing everything would be worth changes nothing that is done.

    Args:
        payoff_model: Payoffs; they must be net benefits.
        prices: Of a case and of a training.
        chosen: Name of the choice that is run without more evidence; None for the best.
        what_if: Changed assumptions.
        payoffs: Under these assumptions, where they are at hand.
    """
    payoffs = payoff_model.at(what_if) if payoffs is None else payoffs
    column = payoffs.winner() if chosen is None else _column(payoffs.names, chosen)
    regret = 0.0 if column is None else payoffs.regret_of(column)
    best, most = None, MATERIAL * regret
    per_cluster = payoff_model.draws.n_cases / payoff_model.draws.n_clusters
    cheapest = [*prices.training.values()]
    cheapest += [] if prices.case is None else [round(_MORE_CLUSTERS[0] * per_cluster) * prices.case]
    if regret - min(cheapest, default=math.inf) <= most:  # not even knowing everything would pay for that
        return None
    values = (
        *_values_of_cases(payoff_model, prices, chosen, what_if),
        *_values_of_trainings(payoff_model, payoffs, prices, chosen, what_if),
    )
    for each in values:
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
    kept = [kept_by_cases(clusters, draws.n_clusters) for clusters in _MORE_CLUSTERS]
    values = []
    for clusters, value in zip(
        _MORE_CLUSTERS, sample_values(table, kept, _column(names, chosen)), strict=True
    ):
        cases = round(clusters * per_cluster)
        cost = None if prices.case is None else cases * prices.case
        values.append(SampleValue(n_cases=cases, value=value, cost=cost, kind="cases", n=cases))
    return tuple(values)


def payoff_given_cases(
    payoff_model: PayoffModel, what_if: WhatIf = UNCHANGED
) -> tuple[tuple[str, ...], FloatArray]:
    """Names of the choices, and their net benefit with every input but what the cases tell at its mean."""
    still = payoff_model.without_offsets
    means = {name: float(np.mean(values)) for name, values in payoff_model.drawn_inputs(what_if).items()}
    payoffs = still.at(replace(what_if, inputs={**means, **what_if.inputs}))
    return payoffs.names, payoffs.payoff


def _values_of_trainings(
    payoff_model: PayoffModel,
    payoffs: Payoffs,
    prices: EvidencePrices,
    chosen: str | None,
    what_if: WhatIf,
) -> tuple[SampleValue, ...]:
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
    kept = [
        np.array([kept_by_trainings(plan, seeds) if name == arm else 0.0 for name in payoffs.names])
        for seeds in _MORE_SEEDS
    ]
    values = []
    for seeds, value in zip(
        _MORE_SEEDS, sample_values(table, kept, _column(payoffs.names, chosen)), strict=True
    ):
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
