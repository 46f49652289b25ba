"""Figures of one arm that combine money or time with what was answered: cost per correct answer, goodput."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from evalkit.comparison.settings import generator
from evalkit.comparison.table import SECONDS, TOKEN_KINDS, FloatArray, SmallFloats, mean_over_repeats
from evalkit.decision.context import DecisionContext
from evalkit.economics.latency import goodput as requests_in_time
from evalkit.economics.request_cost import TokenColumns
from evalkit.economics.triangular import exact
from evalkit.records.digits import significant
from evalkit.stats.ratio import bootstrap_ratio
from evalkit.suite.schema import LATENCY_LIMITS

_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class CostPerCorrect:
    """What a right answer costs, in the prompt-cache scenario that the verdict uses.

    Attributes:
        value: Cost per request over the share of right answers.
        low: Lower end of its interval; None where there is none.
        high: Upper end; None also where resamples without a right answer leave it open.
    """

    value: Decimal | None
    low: Decimal | None = None
    high: Decimal | None = None


def cost_per_correct(context: DecisionContext, arm: str) -> CostPerCorrect:
    """Cost per request over the share of right answers, with a percentile bootstrap interval over cases or clusters.

    Nothing is given for graded metrics, for an arm without a right answer, and where the cost is not known.
    """
    unit_cost = context.unit_cost(arm)
    quality = context.quality(arm)
    if unit_cost is None or not quality or not context.run.comparison.binary:
        return CostPerCorrect(None)
    value = unit_cost / Decimal(repr(round(quality, 9)))
    scores, costs = context.table.scores(arm), _cost_per_case(context, arm)
    complete = np.isfinite(scores) & np.isfinite(costs)
    clusters = context.table.clusters[complete]
    if np.unique(clusters).size < 2 or not scores[complete].any():
        return CostPerCorrect(value)
    interval = bootstrap_ratio(
        costs[complete],
        scores[complete],
        clusters,
        alpha=context.suite.decision.alpha,
        rng=generator(context.suite.run.seed, "cost per correct", arm),
        n_draws=_DRAWS,
    )
    return CostPerCorrect(value, _rounded(interval.low), _rounded(interval.high))


def goodput(context: DecisionContext, arm: str) -> float | None:
    """The share of timed requests inside every latency limit; a request without an answer met none."""
    ceilings = [
        limit.max
        for name, limit in context.suite.decision.limits.items()
        if name in LATENCY_LIMITS and limit.max is not None
    ]
    latency = context.summaries[arm].latency
    if not ceilings or latency is None or latency.source == "batched":
        return None
    seconds = np.array(latency.alone_s)
    if latency.source == "service":
        seconds = context.table.seconds[context.table.rows(arm), ..., SECONDS.index("service_s")].ravel()
    return requests_in_time({"e2e": seconds}, {"e2e": min(ceilings)}, duration_s=1.0).share


def _cost_per_case(context: DecisionContext, arm: str) -> FloatArray:
    """Shape (n_cases,), money of each case's request in the verdict's scenario; NaN where unknown.

    Of an arm of several trainings the mean over them.
    """
    table = context.table

    def mean(cells: SmallFloats) -> FloatArray:
        trainings = [mean_over_repeats(cells[row].astype(np.float64)) for row in table.rows(arm)]
        return trainings[0] if len(trainings) == 1 else np.stack(trainings).mean(axis=0)

    tokens = {kind: mean(table.tokens[..., place]) for place, kind in enumerate(TOKEN_KINDS)}
    device_s = mean(table.seconds[..., SECONDS.index("device_s")])
    return context.cost_models[arm].unit_costs(TokenColumns(**tokens), device_s)


def _rounded(value: float | None) -> Decimal | None:
    return None if value is None else exact(significant(value))
