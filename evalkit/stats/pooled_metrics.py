"""Pooled metrics (macro F1, chrF, BLEU): intervals and paired differences from counts summed over cases.

Such a metric is no mean over cases, so each resample sums the counts of its cases first and computes the metric once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from evalkit.stats.arrays import (
    FloatArray,
    IntArray,
    checked_table,
    cluster_codes,
    cluster_sums,
)
from evalkit.stats.bootstrap import Statistic, bootstrap_bounds
from evalkit.stats.bounds import rule_of_three
from evalkit.stats.clusters import FEW_CLUSTERS
from evalkit.stats.compare import Interval, PairedDifference
from evalkit.stats.intervals import z_quantile
from evalkit.stats.power import POWER


def pooled_metric(
    stats: npt.ArrayLike,
    clusters: IntArray | None,
    statistic: Statistic,
    *,
    alpha: float,
    rng: np.random.Generator,
) -> Interval:
    """Estimate a pooled metric of one arm with a BCa bootstrap interval.

    Args:
        stats: Shape (n_cases, n_stats), the counts of each case.
        clusters: Shape (n_cases,), the label of each case's cluster, resampled whole; None when each case is its own.
        statistic: From summed counts of shape (..., n_stats) to the metric in [0, 1], shape (...). It must be finite
            for any sums that resampling can give: return 0 where a denominator is 0.
        alpha: Two-sided error rate.
        rng: Source of chance.

    Raises:
        ValueError: Fewer than two clusters, counts that are not finite, or a statistic that is not finite.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, 14.3.

    Example:
        >>> def precision(sums):  # right, given
        ...     return sums[..., 0] / sums[..., 1]
        >>> counts = np.array([[1, 2], [2, 2], [0, 1], [3, 4], [1, 1], [2, 4]])
        >>> round(pooled_metric(counts, None, precision, alpha=0.05, rng=np.random.default_rng(7)).mean, 4)
        0.6429
    """
    table = checked_table(stats, "stats")
    rows = _rows_of_clusters(table, cluster_codes(clusters, table.shape[0]))
    value = float(statistic(rows.sum(axis=0)))
    bounds, draws = bootstrap_bounds(rows, statistic, alpha, rng)
    method = f"BCa bootstrap over {_unit(table, rows)}s"
    if np.ptp(draws) == 0.0:
        bounds, method = rule_of_three(value, rows.shape[0], alpha, lowest=0.0, highest=1.0), "rule of three"
    return Interval(value, bounds.low, bounds.high, method, table.shape[0], rows.shape[0])


def paired_pooled_difference(
    treatment: npt.ArrayLike,
    control: npt.ArrayLike,
    clusters: IntArray | None,
    statistic: Statistic,
    *,
    alpha: float,
    rng: np.random.Generator,
) -> PairedDifference:
    """Compare two arms by a pooled metric on the same cases: paired bootstrap for interval and p-value.

    Each resample picks the same cases for both arms. The p-value is the share of resamples whose difference lies as far
    from the observed one as that lies from 0.

    Args:
        treatment: Shape (n_cases, n_stats), the counts of each case.
        control: Same shape and case order.
        clusters: As in `pooled_metric`.
        statistic: As in `pooled_metric`.
        alpha: Two-sided error rate.
        rng: Source of chance.

    Raises:
        ValueError: The shapes differ, or as in `pooled_metric`.

    References:
        Koehn (2004), EMNLP, 388-395. Efron and Tibshirani (1993), chapter 16, for the shifted null.
    """
    left, right = checked_table(treatment, "treatment"), checked_table(control, "control")
    if left.shape != right.shape:
        raise ValueError(
            f"treatment has shape {left.shape} and control {right.shape}; pair them by case first"
        )
    codes = cluster_codes(clusters, left.shape[0])
    rows_left, rows_right = _rows_of_clusters(left, codes), _rows_of_clusters(right, codes)
    estimate = float(statistic(rows_left.sum(axis=0)) - statistic(rows_right.sum(axis=0)))
    # Draws are made with the better arm first, so that swapping the arms gives exactly the mirrored interval.
    ordered = (rows_right, rows_left) if estimate < 0.0 else (rows_left, rows_right)
    n_stats = left.shape[1]
    bounds, draws = bootstrap_bounds(
        np.hstack(ordered),
        lambda sums: statistic(sums[..., :n_stats]) - statistic(sums[..., n_stats:]),
        alpha,
        rng,
    )
    bounds = bounds.negated() if estimate < 0.0 else bounds
    n_clusters = rows_left.shape[0]
    notes = []
    method = f"paired BCa bootstrap over {_unit(left, rows_left)}s"
    if np.ptp(draws) == 0.0:
        bounds = rule_of_three(estimate, n_clusters, alpha, lowest=-1.0, highest=1.0)
        method = "rule of three; paired bootstrap"
        notes.append(f"The same difference in every resample of {n_clusters} {_unit(left, rows_left)}s.")
    if n_clusters < FEW_CLUSTERS:
        notes.append(
            f"Only {n_clusters} {_unit(left, rows_left)}s: below {FEW_CLUSTERS} the interval is too narrow."
        )
    hits = int(np.sum(np.abs(draws - abs(estimate)) >= abs(estimate) - 1e-12))
    reach = z_quantile(alpha) + float(ndtri(POWER))
    return PairedDifference(
        estimate=estimate,
        low=bounds.low,
        high=bounds.high,
        p_value=1.0 if estimate == 0.0 else (1 + hits) / (1 + draws.size),
        method=method,
        n_cases=left.shape[0],
        n_clusters=n_clusters,
        discordant=None,
        mid_p=None,
        smallest_detectable=reach * float(np.std(draws)) if np.ptp(draws) > 0.0 else bounds.high - estimate,
        note=" ".join(notes) or None,
    )


def _rows_of_clusters(table: FloatArray, codes: IntArray) -> FloatArray:
    return np.column_stack([cluster_sums(column, codes) for column in table.T])


def _unit(table: FloatArray, rows: FloatArray) -> str:
    return "case" if rows.shape[0] == table.shape[0] else "cluster"
