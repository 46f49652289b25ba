"""What answering more cases would be worth, and how many pay."""

from __future__ import annotations

import numpy as np

from evalkit.comparison.table import FloatArray
from evalkit.decision.payoffs.payoff_model import PayoffModel, WhatIf
from evalkit.records.decision import SampleValue
from evalkit.stats.value_of_information import evsi

_CLUSTERS_MORE = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def values_of_more_cases(
    payoff_model: PayoffModel, what_if: WhatIf, *, cost_per_case: float | None
) -> tuple[SampleValue, ...]:
    """EVSI for growing numbers of cases, each beside its cost.

    New cases come in clusters of the size seen so far; new clusters carry the information, cases cost the money.

    Args:
        payoff_model: In value: net benefits.
        what_if: Changed assumptions.
        cost_per_case: Declared, or None.
    """
    table = payoff_given_cases(payoff_model, what_if)
    if table.shape[1] < 2:
        return ()
    world = payoff_model.world
    per_cluster = world.n_cases / world.n_clusters
    found = []
    for clusters in _CLUSTERS_MORE:
        cases = round(clusters * per_cluster)
        value = evsi(table, clusters, world.n_clusters)
        found.append(
            SampleValue(
                n_cases=cases, value=value, cost=None if cost_per_case is None else cases * cost_per_case
            )
        )
    return tuple(found)


def best_purchase(payoff_model: PayoffModel, what_if: WhatIf, cost_per_case: float) -> SampleValue | None:
    """The number of cases whose value exceeds their cost by most; None where none does."""
    table = payoff_given_cases(payoff_model, what_if)
    if table.shape[1] < 2:
        return None
    world = payoff_model.world
    per_cluster = world.n_cases / world.n_clusters
    mean = table.mean(axis=0)
    ceiling = float(table.max(axis=1).mean() - mean.max())
    best, most = None, 0.0
    for clusters in _CLUSTERS_MORE:
        cases = round(clusters * per_cluster)
        cost = cases * cost_per_case
        if ceiling - cost <= most:  # not even knowing everything would pay more
            break
        value = evsi(table, clusters, world.n_clusters)
        if value - cost > most:
            best, most = SampleValue(n_cases=cases, value=value, cost=cost), value - cost
    return best


def payoff_given_cases(payoff_model: PayoffModel, what_if: WhatIf) -> FloatArray:
    """Shape (n_draws, n_arms): net benefit with every input but what the cases tell at its mean."""
    means = {name: float(np.mean(values)) for name, values in payoff_model.drawn(what_if).items()}
    at_means = WhatIf(
        inputs={**means, **what_if.inputs},
        shifts=what_if.shifts,
        margin=what_if.margin,
        scenario=what_if.scenario,
    )
    return payoff_model.at(at_means).payoff
