"""What answering more cases would be worth, and how many pay."""

from __future__ import annotations

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.records.decision import SampleValue
from evalkit.stats.value_of_information import evsi

_MORE_CLUSTERS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def values_of_more_cases(
    payoff_model: PayoffModel, what_if: WhatIf, *, cost_per_case: float | None
) -> tuple[SampleValue, ...]:
    """EVSI for growing numbers of cases, each beside its cost.

    New cases come in clusters of the size seen so far; new clusters carry the information, cases cost the money.

    Args:
        payoff_model: Payoffs; they must be net benefits.
        what_if: Changed assumptions.
        cost_per_case: Money for one more case, as declared; None where it is not.

    Returns:
        One entry for each number of cases, the fewest first; empty with fewer than two arms inside the limits.
    """
    table = payoff_given_cases(payoff_model, what_if)
    if table.shape[1] < 2:
        return ()
    draws = payoff_model.draws
    per_cluster = draws.n_cases / draws.n_clusters
    values = []
    for clusters in _MORE_CLUSTERS:
        cases = round(clusters * per_cluster)
        value = evsi(table, clusters, draws.n_clusters)
        cost = None if cost_per_case is None else cases * cost_per_case
        values.append(SampleValue(n_cases=cases, value=value, cost=cost))
    return tuple(values)


def best_purchase(payoff_model: PayoffModel, what_if: WhatIf, cost_per_case: float) -> SampleValue | None:
    """The number of further cases whose value exceeds their cost by most; None where no number does.

    Args:
        payoff_model: Payoffs; they must be net benefits.
        what_if: Changed assumptions.
        cost_per_case: Money for one more case.
    """
    table = payoff_given_cases(payoff_model, what_if)
    if table.shape[1] < 2:
        return None
    draws = payoff_model.draws
    per_cluster = draws.n_cases / draws.n_clusters
    mean = table.mean(axis=0)
    ceiling = float(table.max(axis=1).mean() - mean.max())
    best, most = None, 0.0
    for clusters in _MORE_CLUSTERS:
        cases = round(clusters * per_cluster)
        cost = cases * cost_per_case
        if ceiling - cost <= most:  # not even knowing everything would pay more
            break
        value = evsi(table, clusters, draws.n_clusters)
        if value - cost > most:
            best, most = SampleValue(n_cases=cases, value=value, cost=cost), value - cost
    return best


def payoff_given_cases(payoff_model: PayoffModel, what_if: WhatIf) -> FloatArray:
    """Shape (n_draws, n_arms): net benefit with every input but what the cases tell at its mean."""
    means = {name: float(np.mean(values)) for name, values in payoff_model.drawn_inputs(what_if).items()}
    at_means = WhatIf(
        inputs={**means, **what_if.inputs},
        shifts=what_if.shifts,
        margin=what_if.margin,
        scenario=what_if.scenario,
    )
    return payoff_model.at(at_means).payoff
