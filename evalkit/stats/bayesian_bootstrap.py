"""Joint draws of what each arm's mean score and mean cost may be, given the cases seen: the Bayesian bootstrap.

One draw weighs the same clusters for every arm and every quantity, so that pairing, and the tie between quality and
cost, survive into whatever is computed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalkit.stats.arrays import CHUNK, BoolArray, FloatArray, IntArray, cluster_codes, weighted_sums
from evalkit.stats.bootstrap import grouped_rows
from evalkit.stats.prior_patterns import corner_draws, observed_sums
from evalkit.stats.scored_cases import ScoredCases, constant_differences, same_columns
from evalkit.stats.settled_groups import settled_sums

_ROWS = 8_192  # rows weighed at a time: a block of weights and of columns stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class JointMeans:
    """Draws of means over the cases of production; row i of every table comes from the same weights.

    Attributes:
        quality: Shape (n_draws, n_arms), mean score of each arm, in [0, 1].
        alongside: By name, shape (n_draws, n_arms); NaN for an arm of which the quantity is known in no case.
        column_of: Shape (n_arms,), equal numbers for arms that are one and the same score column within their kind.
        constant_difference: Shape (n_arms, n_arms), pairs whose difference has no spread and gives no confidence.
        prior: "corners" of right and wrong, or clusters "observed".
        n_cases: Cases with any weight.
        n_clusters: Clusters they lie in.
    """

    quality: FloatArray
    alongside: Mapping[str, FloatArray]
    column_of: IntArray
    constant_difference: BoolArray
    prior: Literal["corners", "observed"]
    n_cases: int
    n_clusters: int


def joint_means(cases: ScoredCases, rng: np.random.Generator, *, n_draws: int) -> JointMeans:
    """Draw all arms' mean scores, and what goes with them, from what the cases leave possible.

    Each draw gives the clusters weights from a Dirichlet distribution with 1 per cluster, and a prior a total of 2. For
    scores of right and wrong the prior lies on the 2^C corner patterns of the C distinct columns, as pseudo-clusters of
    average size and cost. A plain bootstrap would give false certainty: after four wins and no loss in five cases it is
    sure of the winner, and with no discordant case it is sure of a tie. For graded scores, and as soon as one column is
    a mean over seeds or repeats, the prior is two whole clusters picked anew from those seen in each draw.

    Answers given several times need no term of their own: the run-to-run variance of a case's mean over K repeats,
    sigma^2/K, is part of how these means differ from case to case.

    From 5,000 clusters on, large groups are weighed as one (`settled_groups`), so that 100,000 cases take a second.

    Args:
        cases: All arms' scores, costs, kinds, clusters and weights.
        rng: Source of chance.
        n_draws: How many draws, at least 1.

    Returns:
        Draws that do not depend on the order of cases or arms, nor on the unit of a cost. Arms of one kind with equal
        scores have equal quality in every draw.

    Raises:
        ValueError: `n_draws` is below 1.

    References:
        Rubin (1981), Annals of Statistics 9:130-134.

    Example:
        >>> five = np.array([[1, 1], [1, 0], [1, 0], [1, 0], [1, 0]], dtype=float)
        >>> cases = ScoredCases(("tuned", "few_shot"), ("tuned", "prompting"), five)
        >>> draws = joint_means(cases, np.random.default_rng(7), n_draws=10_000)
        >>> bool(0.95 < (draws.quality[:, 0] > draws.quality[:, 1]).mean() < 0.99)
        True
    """
    if n_draws < 1:
        raise ValueError(f"n_draws is {n_draws}; give at least 1")
    column_of = same_columns(cases)
    n_columns = int(column_of.max()) + 1
    kept = cases.kept
    codes = cluster_codes(None if cases.clusters is None else cases.clusters[kept], int(kept.sum()))
    rows, places = _cluster_table(cases, column_of, codes)
    distinct, times = grouped_rows(rows)
    settled = settled_sums(distinct, times, n_draws, rng, n_scores=n_columns)
    sums = settled.sums + _dirichlet_sums(distinct[settled.left], times[settled.left], n_draws, rng)
    if cases.binary:
        prior = corner_draws(n_columns, n_draws, rng)
        average = (distinct * times[:, None]).sum(axis=0) / times.sum()
        sums[:, :n_columns] += average[n_columns] * prior.right
        sums[:, n_columns:] += prior.weight[:, None] * average[n_columns:]
    else:
        sums += observed_sums(distinct, times, n_draws, rng)
    quality = np.clip(sums[:, :n_columns] / sums[:, [n_columns]], 0.0, 1.0)
    return JointMeans(
        quality=quality[:, column_of],
        alongside={name: _means(sums, at) for name, at in places.items()},
        column_of=column_of,
        constant_difference=constant_differences(cases),
        prior="corners" if cases.binary else "observed",
        n_cases=codes.size,
        n_clusters=int(codes.max()) + 1,
    )


def _cluster_table(
    cases: ScoredCases, column_of: IntArray, codes: IntArray
) -> tuple[FloatArray, dict[str, IntArray]]:
    """Sum everything within clusters: the distinct scores, the weights, then each quantity and the weights behind it.

    Returns:
        Shape (n_clusters, n_columns), and by quantity the columns of its sums and of its weights, shape (2, n_arms).
    """
    kept = cases.kept
    weights = np.ones(codes.size) if cases.weights is None else cases.weights[kept]
    firsts = [int(np.flatnonzero(column_of == column)[0]) for column in range(int(column_of.max()) + 1)]
    columns = [_sums_within(np.clip(cases.scores[kept, arm], 0.0, 1.0) * weights, codes) for arm in firsts]
    columns.append(_sums_within(weights, codes))
    places: dict[str, IntArray] = {}
    for name in sorted(cases.alongside):
        table = cases.alongside[name][kept]
        known = np.isfinite(table)
        at = np.empty((2, len(cases.names)), dtype=np.int64)
        seen: dict[bytes, int] = {}
        for half, values in enumerate((np.where(known, table, 0.0), known * 1.0)):
            made = [_sums_within(values[:, arm] * weights, codes) for arm in range(len(cases.names))]
            for arm in sorted(
                range(len(made)), key=lambda arm: (np.sort(made[arm]).tolist(), cases.names[arm])
            ):
                at[half, arm] = seen.setdefault(made[arm].tobytes(), len(columns))
                if at[half, arm] == len(columns):
                    columns.append(made[arm])
        places[name] = at
    return np.stack(columns, axis=1), places


def _sums_within(values: FloatArray, codes: IntArray) -> FloatArray:
    """Add up within clusters, each cluster's values in the order of their size: the last bits are those of no order."""
    if codes.size == int(codes.max()) + 1:
        return values[np.argsort(codes)]
    order = np.lexsort((values, codes))
    return np.bincount(codes[order], weights=values[order]).astype(np.float64)


def _dirichlet_sums(rows: FloatArray, times: IntArray, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Sum the rows with independent exponential weights: ratios of such sums are ratios under a Dirichlet."""
    sums = np.zeros((n_draws, rows.shape[1]))
    if times.size == 0:
        return sums
    all_single = bool((times == 1).all())
    blocks = [slice(start, min(start + _ROWS, times.size)) for start in range(0, times.size, _ROWS)]
    columns = [np.ascontiguousarray(rows[block].T) for block in blocks]
    per_chunk = max(1, CHUNK // min(_ROWS, times.size))
    for start in range(0, n_draws, per_chunk):
        stop = min(start + per_chunk, n_draws)
        for block, values in zip(blocks, columns, strict=True):
            size = (stop - start, values.shape[1])
            drawn = (
                rng.standard_exponential(size) if all_single else rng.standard_gamma(times[block], size=size)
            )
            sums[start:stop] += weighted_sums(drawn, values)
    return sums


def _means(sums: FloatArray, at: IntArray) -> FloatArray:
    above, below = sums[:, at[0]], sums[:, at[1]]
    means = np.full(above.shape, np.nan)
    np.divide(above, below, out=means, where=below > 0.0)
    return means
