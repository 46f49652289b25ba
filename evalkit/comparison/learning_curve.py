"""Quality against training rows: training seeds averaged case by case, and a power law where points suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.comparison.arm_summaries import estimate_of
from evalkit.comparison.pairwise import compared
from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import FloatArray, Pairs, ScoreTable
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import CurvePoint, Difference
from evalkit.stats.arrays import mean_of
from evalkit.stats.curve import FIT_POINTS, FIT_SEEDS, CurveFit, learning_curve
from evalkit.text.number_format import percent, points


@dataclass(frozen=True, slots=True)
class Fraction:
    """One size of the training set.

    Attributes:
        arm: The arm of the first training seed, which stands for the point.
        seeds: The arms of all its seeds.
        rows: Training rows; None where they are not known.
    """

    arm: ArmFacts
    seeds: tuple[ArmFacts, ...]
    rows: float | None


def last_step(
    table: ScoreTable, before: Fraction, after: Fraction, settings: ComparisonSettings
) -> Difference:
    """The paired difference of the last two sizes, each averaged over the training seeds that both have.

    One run per size would take the luck of a run for the effect of more rows.

    Args:
        table: The run.
        before: The smaller size.
        after: The larger.
        settings: Error rate, the gain that would not matter, and seed.
    """
    shared = {arm.seed for arm in before.seeds} & {arm.seed for arm in after.seeds}
    left, right = (
        _averaged(table, [arm for arm in size.seeds if arm.seed in shared]) for size in (after, before)
    )
    both = np.isfinite(left) & np.isfinite(right)
    return compared(
        Pairs(left[both], right[both], table.clusters[both]),
        (after.arm.name, before.arm.name, table.primary),
        settings,
        family="curve",
        binary=bool(np.isin(left[both], (0.0, 1.0)).all() and np.isin(right[both], (0.0, 1.0)).all()),
        rng=generator(settings.seed, after.arm.name, before.arm.name, "seeds averaged"),
    )


def seed_means(table: ScoreTable, size: Fraction) -> dict[int, float]:
    """Mean of the primary metric by training seed, each over the cases that it has a score for."""
    scores = {arm.seed: table.training_scores(arm.name) for arm in size.seeds}
    return {
        seed: mean_of(values[np.isfinite(values)])
        for seed, values in sorted(scores.items(), key=lambda item: item[0] or 0)
        if seed is not None and np.isfinite(values).any()
    }


def curve_point(table: ScoreTable, size: Fraction, x: float, settings: ComparisonSettings) -> CurvePoint:
    """One size on the curve: the mean over its training seeds with an interval over the cases, and every seed's own.

    Args:
        table: The run.
        size: The size.
        x: Training rows, or the fraction where rows are not known.
        settings: Error rate and seed.
    """
    scores = _averaged(table, size.seeds)
    if table.primary not in table.values:
        return CurvePoint(arm=size.arm.name, x=x, mean=None, low=None, high=None)
    known = scores[np.isfinite(scores)]
    estimate = estimate_of(
        table,
        scores,
        settings,
        binary=bool(np.isin(known, (0.0, 1.0)).all()),
        rng=generator(settings.seed, size.arm.name, table.primary),
    )
    return CurvePoint(
        arm=size.arm.name,
        x=x,
        mean=estimate.mean,
        low=estimate.low,
        high=estimate.high,
        seed_means=seed_means(table, size),
    )


def fit(table: ScoreTable, sizes: Sequence[Fraction], settings: ComparisonSettings) -> CurveFit | None:
    """A power law through the curve; None with fewer than five sizes or two seeds, or where rows are not known."""
    rows = [size.rows for size in sizes if size.rows is not None]
    n_seeds = min((len(size.seeds) for size in sizes), default=0)
    if len(rows) < max(FIT_POINTS, len(sizes)) or n_seeds < FIT_SEEDS:
        return None
    scores = np.stack([_averaged(table, size.seeds) for size in sizes])
    scored = np.isfinite(scores).all(axis=0)
    try:
        curve = learning_curve(
            rows,
            scores[:, scored],
            table.clusters[scored],
            margin=settings.margin,
            alpha=settings.alpha,
            rng=generator(settings.seed, "learning curve", sizes[-1].arm.name),
            n_seeds=n_seeds,
        )
    except ValueError:
        return None  # too few cases or clusters to compare two sizes; the last step says so in words
    return curve.fit


def fit_in_words(curve: CurveFit) -> str:
    """What the power law says, and how far to believe it."""
    misses = [points(miss).removeprefix("+") for miss in (curve.held_out_error, curve.last_value_error)]
    tested = f"off by {misses[0]} points on the largest size held out, the value before by {misses[1]}"
    law = f"power law: {percent(curve.law.limit)} with unlimited rows ({tested})"
    if not curve.extrapolates:
        return f"{law}; do not read it beyond the data"
    if curve.informs_only:
        return f"{law}; it informs and does not decide: fits are published from 8,000 rows on"
    return law


def _averaged(table: ScoreTable, arms: Sequence[ArmFacts]) -> FloatArray:
    """Shape (n_cases,), mean over training seeds; NaN where one of them has no score."""
    mean: FloatArray = np.stack([table.training_scores(arm.name) for arm in arms]).mean(axis=0)
    return mean
