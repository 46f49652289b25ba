"""The learning curve: is quality still rising with training rows, and what a power law says of more of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import (
    FloatArray,
    IntArray,
    checked_table,
    checked_values,
    inner,
)
from evalkit.stats.compare import PairedDifference, paired_difference

FIT_POINTS = 5
"""A power law has three parameters; with one point held out, at least four must be left to fit."""

FIT_SEEDS = 2
"""With one training run per point, a step of the curve cannot be told from the luck of that run."""

PUBLISHED_FROM_ROWS = 8_000
"""Published power-law fits start at about this many rows; below it an extrapolated point informs and never decides."""

_DECAYS = tuple(0.01 * 300.0 ** (step / 119) for step in range(120))

Trend = Literal["rising", "flat", "unknown"]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Quality = limit - gap * rows^-decay.

    Attributes:
        limit: a, quality with unlimited rows, at most 1.
        gap: b, at least 0.
        decay: c, above 0.
    """

    limit: float
    gap: float
    decay: float

    def at(self, rows: float) -> float:
        """Return the quality the law gives for a number of training rows above 0."""
        return float(self.limit - self.gap * rows**-self.decay)


@dataclass(frozen=True, slots=True)
class CurveFit:
    """A power law through the curve, and how it did on the point it had not seen.

    Attributes:
        law: Fitted to all points.
        held_out_error: Absolute error at the largest size of the law fitted to the other points.
        last_value_error: Absolute error there of simply repeating the value before it.
        extrapolates: The law beat the last value. Otherwise do not read points beyond the data off it.
        informs_only: The largest size lies below 8,000 rows, where no published fit starts.
    """

    law: PowerLaw
    held_out_error: float
    last_value_error: float
    extrapolates: bool
    informs_only: bool


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Quality by number of training rows.

    Attributes:
        trend: From the last step. `rising`: its lower bound is above 0. `flat`: that is not so, and its upper bound is
            below the margin. Else `unknown`.
        values: Mean quality at each size.
        steps: Paired difference of each size against the one before it.
        fit: None with fewer than five sizes or two seeds.
    """

    trend: Trend
    values: tuple[float, ...]
    steps: tuple[PairedDifference, ...]
    fit: CurveFit | None


def learning_curve(
    sizes: npt.ArrayLike,
    scores: npt.ArrayLike,
    clusters: IntArray | None,
    *,
    margin: float,
    alpha: float,
    rng: np.random.Generator,
    n_seeds: int = 1,
) -> LearningCurve:
    """Say whether more training rows still help.

    Args:
        sizes: Shape (n_sizes,), training rows at each point, rising, at least two.
        scores: Shape (n_sizes, n_cases), the scores in [0, 1] of the same cases at each size, averaged over seeds.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        margin: The gain that would not matter, above 0.
        alpha: Two-sided error rate of each step, unadjusted.
        rng: Source of chance.
        n_seeds: Training runs behind each point.

    Raises:
        ValueError: Fewer than two sizes, sizes that do not rise, a margin that is not positive, or as in
            `paired_difference`.

    References:
        Hestness et al. (2017), arXiv:1712.00409, and Viering and Loog (2023), IEEE TPAMI 45:7799-7819, for the form.
    """
    rows, table = checked_values(sizes, "sizes"), checked_table(scores, "scores")
    if rows.size < 2 or table.shape[0] != rows.size:
        raise ValueError(
            f"there are {rows.size} sizes and scores for {table.shape[0]}; give both for at least 2 sizes"
        )
    if rows[0] <= 0.0 or not (np.diff(rows) > 0.0).all():
        raise ValueError("sizes do not rise from a number above 0; order the points by training rows")
    if not margin > 0.0:
        raise ValueError(f"margin is {margin:g}; give the gain that would not matter, above 0")
    steps = tuple(
        paired_difference(after, before, clusters, binary=_is_binary(after, before), alpha=alpha, rng=rng)
        for before, after in itertools.pairwise(table)
    )
    values = table.mean(axis=1)
    can_fit = rows.size >= FIT_POINTS and n_seeds >= FIT_SEEDS
    return LearningCurve(
        trend=step_trend(steps[-1], margin),
        values=tuple(values.tolist()),
        steps=steps,
        fit=_scored_fit(rows, values) if can_fit else None,
    )


def step_trend(step: PairedDifference, margin: float) -> Trend:
    """Read off one step of a learning or shot curve whether the curve is still rising.

    Args:
        step: The larger setting minus the one before it.
        margin: The gain that would not matter.
    """
    if step.low > 0.0:
        return "rising"
    return "flat" if step.high < margin else "unknown"


def fit_power_law(sizes: npt.ArrayLike, values: npt.ArrayLike) -> PowerLaw:
    """Fit quality = a - b rows^-c by least squares, with a at most 1 and b at least 0.

    Args:
        sizes: Shape (n_sizes,), above 0, at least three.
        values: Shape (n_sizes,), mean quality.

    Raises:
        ValueError: Fewer than three points, or sizes that are not positive.

    Example:
        >>> law = fit_power_law([100, 200, 400, 800, 1600], [0.9 - 2 * n**-0.5 for n in (100, 200, 400, 800, 1600)])
        >>> round(law.limit, 3), round(law.gap, 2), round(law.decay, 2)
        (0.9, 2.0, 0.5)
    """
    rows, quality = checked_values(sizes, "sizes"), checked_values(values, "values")
    if rows.shape != quality.shape or rows.size < 3 or float(rows.min()) <= 0.0:
        raise ValueError("a power law needs at least 3 sizes above 0, and a value for each")
    scale = float(rows.max())
    coarse = min(_DECAYS, key=lambda decay: _fit_given_decay(rows / scale, quality, decay)[2])
    low, high = coarse / 1.06, min(3.0, coarse * 1.06)  # one grid step is a factor of 1.049
    for _ in range(60):
        third = (high - low) / 3.0
        left, right = low + third, high - third
        if (
            _fit_given_decay(rows / scale, quality, left)[2]
            <= _fit_given_decay(rows / scale, quality, right)[2]
        ):
            high = right
        else:
            low = left
    decay = (low + high) / 2.0
    limit, gap, _ = _fit_given_decay(rows / scale, quality, decay)
    return PowerLaw(limit=limit, gap=gap * scale**decay, decay=decay)


def _scored_fit(rows: FloatArray, values: FloatArray) -> CurveFit:
    held_out_error = abs(fit_power_law(rows[:-1], values[:-1]).at(float(rows[-1])) - float(values[-1]))
    last_value_error = abs(float(values[-1] - values[-2]))
    return CurveFit(
        law=fit_power_law(rows, values),
        held_out_error=held_out_error,
        last_value_error=last_value_error,
        extrapolates=held_out_error < last_value_error,
        informs_only=float(rows[-1]) < PUBLISHED_FROM_ROWS,
    )


def _fit_given_decay(rows: FloatArray, values: FloatArray, decay: float) -> tuple[float, float, float]:
    """Return a, b and the squared error of the best line in rows^-decay with a <= 1 and b >= 0."""
    # one by one: numpy's own power ends in other bits on processors with wider registers
    power = np.array([row**-decay for row in rows.tolist()])
    centred = power - power.mean()
    gap = max(0.0, -inner(centred, values) / inner(centred, centred))
    limit = float(values.mean()) + gap * float(power.mean())
    if limit > 1.0:
        limit = 1.0
        gap = max(0.0, inner(power, 1.0 - values) / inner(power, power))
    residuals = values - limit + gap * power
    return limit, gap, inner(residuals, residuals)


def _is_binary(after: FloatArray, before: FloatArray) -> bool:
    return bool(np.isin(after, (0.0, 1.0)).all() and np.isin(before, (0.0, 1.0)).all())
