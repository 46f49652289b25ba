"""What more cases or more trainings would be worth before deciding (EVSI), from the draws there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray, checked_table
from evalkit.stats.prior_patterns import PRIOR_WEIGHT
from evalkit.stats.training_runs import TrainingPlan


def sample_value(net_benefit: npt.ArrayLike, kept: float | npt.ArrayLike, chosen: int | None = None) -> float:
    """Return the expected value of a sample that resolves part of what varies in these draws: EVSI.

    After the sample the mean net benefit of each choice lies about today's mean as today's draws do, shrunk toward
    it. Net benefit is linear in what the sample tells, so shrinking net benefit is shrinking what is not known.

    Args:
        net_benefit: Shape (n_draws, n_choices), money. Only what the sample is about may vary in it: for more cases
            the quality and costs that the cases give, **before** the offsets of trainings and with volume, prices and
            hours at their means; for more trainings the offsets alone.
        kept: How much of the spread the sample resolves, between 0 and 1: one factor, or one for each choice. From
            `kept_by_cases` or `kept_by_trainings`.
        chosen: Column that is run without a sample; None for that of the highest mean.

    Returns:
        Money, at least 0.

    Raises:
        ValueError: The table is empty or not finite, or a factor lies outside [0, 1].

    References:
        Jalal and Alarid-Escudero (2018), Medical Decision Making 38:174-188: Gaussian approximation of EVSI.

    Example:
        >>> sample_value([[2.0, 0.0], [-2.0, 0.0]], 1.0), sample_value([[2.0, 0.0], [-2.0, 0.0]], 0.5)
        (1.0, 0.5)
    """
    return sample_values(net_benefit, [kept], chosen)[0]


def sample_values(
    net_benefit: npt.ArrayLike, kept: Sequence[float | npt.ArrayLike], chosen: int | None = None
) -> list[float]:
    """Return `sample_value` of several samples, which share all work but the shrinking.

    Args:
        net_benefit: As for `sample_value`.
        kept: For each sample, how much of the spread it resolves.
        chosen: As for `sample_value`.
    """
    table = checked_table(net_benefit, "net_benefit")
    mean = table.mean(axis=0)
    run = int(np.argmax(mean)) if chosen is None else chosen
    spread = np.ascontiguousarray((table - mean).T)
    values = []
    for each in kept:
        factors = np.broadcast_to(np.asarray(each, dtype=np.float64), (table.shape[1],))
        if not ((factors >= 0.0) & (factors <= 1.0)).all():
            raise ValueError(
                "a factor lies outside [0, 1]; give the share of the spread that the sample resolves"
            )
        # gains over the choice that is run: less noise than the difference of two means, and never below 0
        own = mean[run] + factors[run] * spread[run]
        highest = own
        for choice in range(table.shape[1]):
            if choice != run:
                highest = np.maximum(highest, mean[choice] + factors[choice] * spread[choice])
        values.append(float((highest - own).mean()))
    return values


def kept_by_cases(n_new: int, n_clusters: int) -> float:
    """Return how much of the draws' spread so many more clusters resolve: sqrt(n / (n + n0)), n0 = clusters + 2.

    Args:
        n_new: Independent cases (clusters, where cases come in clusters) to be added, at least 0.
        n_clusters: Clusters seen so far, at least 1.

    Example:
        >>> kept_by_cases(100, 98)
        0.7071067811865476
    """
    if n_new < 0 or n_clusters < 1:
        raise ValueError(f"n_new is {n_new} and n_clusters {n_clusters}; give at least 0 and at least 1")
    return math.sqrt(n_new / (n_new + n_clusters + PRIOR_WEIGHT))


def kept_by_trainings(plan: TrainingPlan, more_seeds: int) -> float:
    """Return how much of the spread of an arm's offset so many more measured trainings resolve.

    s more resolve tau^2/S - tau^2/(S + s) of tau^2 (1/S + 1/(R + 1)); how the models of production turn out is never
    resolved. An arm that gets no training in the purchase keeps 0.

    Example:
        >>> from evalkit.stats.training_spread import training_spread
        >>> plan = TrainingPlan(training_spread([0.8]), retunes=0)
        >>> kept_by_trainings(plan, 1)  # half of tau^2 out of 2 tau^2
        0.5
    """
    return math.sqrt(plan.resolved_by(more_seeds))


def offset_benefits(
    net_benefit_means: npt.ArrayLike, slopes: npt.ArrayLike, offsets: FloatArray
) -> FloatArray:
    """Return net benefits in which only the offsets of trainings vary: what `sample_value` takes for more trainings.

    Args:
        net_benefit_means: Shape (n_choices,), money.
        slopes: Shape (n_choices,), money for one unit of quality over the horizon: A x volume x (value_per_correct +
            cost_per_wrong x wrong / (1 - quality)) x the share of its life that fresh models serve; 0 for choices that
            are not trained.
        offsets: Shape (n_draws, n_choices), from `training_offsets`; any numbers where the slope is 0.

    Returns:
        Shape (n_draws, n_choices).
    """
    centred = offsets - offsets.mean(axis=0)
    means, steps = (np.asarray(values, dtype=np.float64) for values in (net_benefit_means, slopes))
    moved: FloatArray = means + steps * centred
    return moved
