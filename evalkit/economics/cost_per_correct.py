"""What one correct answer costs, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.economics.triangular import FloatArray

_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class CostPerCorrect:
    """A ratio: all that was paid over the answers that were right.

    Attributes:
        estimate: Money per correct answer, or None when it cannot be given.
        low: Lower end of the interval, or None.
        high: Upper end, or None where the interval has no upper end: a resample without a correct answer.
        level: Confidence level of the interval.
        n_cases: Cases with a known cost.
        n_unknown: Cases left out because their cost is unknown.
        n_clusters: Clusters that were resampled.
        reason: Why the estimate or the interval is missing, or "".
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    n_cases: int
    n_unknown: int
    n_clusters: int
    reason: str = ""


def cost_per_correct(
    cost: FloatArray,
    correct: npt.NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    clusters: npt.NDArray[np.int64] | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
) -> CostPerCorrect:
    """Total cost / number of correct answers, with a percentile bootstrap interval of the ratio.

    Numerator and denominator are resampled together, whole clusters at a time, so that the tie between what a
    case costs and whether it is right survives.

    Args:
        cost: Shape (n_cases,), money per case; NaN where unknown, and that case is left out.
        correct: Shape (n_cases,), whether the case was answered correctly (a 0/1 metric, or a graded one
            against a declared threshold).
        rng: The source of chance.
        clusters: Shape (n_cases,), cluster of each case; None when each case stands alone.
        level: Confidence level.
        n_resamples: Bootstrap resamples.

    Returns:
        Estimate and interval. No correct answer: no estimate. Fewer than two clusters, or all resamples
        equal: no interval, because no spread was seen, which is not the same as none.

    Raises:
        ValueError: The arrays differ in length.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 10 and 13 (ratios, percentiles).

    >>> paid = np.array([0.01, 0.02, 0.03, 0.02])
    >>> right = np.array([True, True, False, True])
    >>> round(cost_per_correct(paid, right, rng=np.random.default_rng(0)).estimate, 6)
    0.026667
    """
    groups = np.arange(len(cost)) if clusters is None else clusters
    if not len(cost) == len(correct) == len(groups):
        raise ValueError(
            f"{len(cost)} costs, {len(correct)} answers, {len(groups)} clusters: not the same cases"
        )
    known = np.isfinite(cost)
    _, index = np.unique(groups[known], return_inverse=True)
    paid: FloatArray = np.bincount(index, weights=cost[known]).astype(np.float64)
    right: FloatArray = np.bincount(index, weights=correct[known]).astype(np.float64)
    n_clusters = len(paid)

    def found(
        estimate: float | None, low: float | None = None, high: float | None = None, reason: str = ""
    ) -> CostPerCorrect:
        n_known = int(known.sum())
        return CostPerCorrect(estimate, low, high, level, n_known, len(cost) - n_known, n_clusters, reason)

    if not known.any():
        return found(None, reason="no case has a known cost")
    if right.sum() == 0:
        return found(None, reason=f"no correct answer among {int(known.sum())}")
    estimate = float(paid.sum() / right.sum())
    if n_clusters < 2:
        return found(estimate, reason="an interval needs two clusters or more")
    ratios = _resampled(paid, right, rng, n_resamples)
    if ratios.min() == ratios.max():
        return found(estimate, reason="every case cost the same per correct answer: no spread was seen")
    tail = (1 - level) / 2
    # inverted_cdf picks a resample and never averages with infinity.
    low, high = np.quantile(ratios, [tail, 1 - tail], method="inverted_cdf")
    return found(estimate, float(low), float(high) if np.isfinite(high) else None)


def _resampled(paid: FloatArray, right: FloatArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """Ratio in each resample, infinite where nothing is right; in chunks, so that memory stays bounded."""
    n = len(paid)
    rows = max(1, _CELLS_AT_ONCE // n)
    ratios = []
    for start in range(0, n_resamples, rows):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=min(rows, n_resamples - start))
        total, correct = counts @ paid, counts @ right
        ratios.append(np.divide(total, correct, out=np.full(len(total), np.inf), where=correct > 0))
    return np.concatenate(ratios)
