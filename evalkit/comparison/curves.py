"""Quality against shots shown and against training rows seen, and whether the last step still gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from evalkit.comparison.learning_curve import Fraction, curve_point, fit, fit_in_words, last_step, seed_means
from evalkit.comparison.pairwise import difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import ScoreTable
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Curve, CurvePoint, Difference
from evalkit.records.tuning import TuningReport
from evalkit.text.number_format import points, points_interval

Trend = Literal["rising", "flat", "falling", "unknown"]


def curves(
    table: ScoreTable,
    summaries: Sequence[ArmSummary],
    tuning: TuningReport | None,
    settings: ComparisonSettings,
) -> tuple[Curve, ...]:
    """The shot curve and the learning curve of every candidate that has points.

    Args:
        table: The run.
        summaries: Of the same arms.
        tuning: Turns fractions into training rows where the run tuned the models itself.
        settings: Error rate of the last step, the margin below which a step is flat, and the seed.
    """
    by_name = {summary.name: summary for summary in summaries}
    drawn = []
    for parent in table.candidates:
        points = [arm for arm in table.arms if arm.parent == parent.name and arm.role == "curve"]
        shots = _shot_points(parent, points)
        if len(shots) > 1:
            drawn.append(_shot_curve(table, parent, shots, by_name, settings))
        sizes = _sizes(parent, points, tuning)
        if len(sizes) > 1:
            drawn.append(_learning_curve(table, parent, sizes, settings))
    return tuple(drawn)


def _shot_curve(
    table: ScoreTable,
    parent: ArmFacts,
    arms: Sequence[ArmFacts],
    summaries: Mapping[str, ArmSummary],
    settings: ComparisonSettings,
) -> Curve:
    last = difference(table, arms[-1].name, arms[-2].name, table.primary, settings, family="curve")
    trend = trend_of(last, settings.margin)
    return Curve(
        kind="shots",
        parent=parent.name,
        points=tuple(_point(arm.name, float(arm.shots), summaries, table.primary) for arm in arms),
        trend=trend,
        last_step=last,
        note=_note(trend, last, settings.margin),
    )


def _learning_curve(
    table: ScoreTable,
    parent: ArmFacts,
    sizes: Sequence[Fraction],
    settings: ComparisonSettings,
) -> Curve:
    last = last_step(table, sizes[-2], sizes[-1], settings)
    trend = trend_of(last, settings.margin)
    law = fit(table, sizes, settings)
    in_rows = all(size.rows is not None for size in sizes)
    return Curve(
        kind="learning",
        parent=parent.name,
        points=tuple(
            curve_point(
                table,
                size,
                size.rows if in_rows and size.rows is not None else size.arm.fraction or 0.0,
                settings,
            )
            for size in sizes
        ),
        trend=trend,
        last_step=last,
        seed_spread=_spread(seed_means(table, sizes[-1])),
        note=_note(trend, last, settings.margin) + ("" if law is None else f"; {fit_in_words(law)}"),
    )


def trend_of(last_step: Difference, margin: float) -> Trend:
    """Whether a curve still gained at its last step, read off that step's paired difference.

    rising: its interval lies above 0. falling: below 0. flat: it may be 0 and is less than ``margin``. Else unknown.

    Args:
        last_step: The last point minus the one before it.
        margin: The gain that would not matter.
    """
    if last_step.low is None or last_step.high is None:
        return "unknown"
    if last_step.low > 0.0:
        return "rising"
    if last_step.high < 0.0:
        return "falling"
    return "flat" if last_step.high < margin else "unknown"


def _shot_points(parent: ArmFacts, points: Sequence[ArmFacts]) -> list[ArmFacts]:
    arms = [parent, *(arm for arm in points if arm.fraction is None or arm.fraction == parent.fraction)]
    by_shots = {arm.shots: arm for arm in reversed(arms) if arm.seed == parent.seed}
    return [by_shots[shots] for shots in sorted(by_shots)]


def _sizes(parent: ArmFacts, points: Sequence[ArmFacts], tuning: TuningReport | None) -> list[Fraction]:
    """Sizes that the parent's own seed was trained on, rising, each with the arms of all its seeds."""
    rows = {} if tuning is None else {(run.model, run.fraction): float(run.rows) for run in tuning.runs}
    by_fraction: dict[float, list[ArmFacts]] = {}
    for arm in (parent, *points):
        if arm.fraction is not None and arm.shots == parent.shots:
            by_fraction.setdefault(arm.fraction, []).append(arm)
    return [
        Fraction(arm=own[0], seeds=tuple(arms), rows=rows.get((own[0].model, fraction)))
        for fraction, arms in sorted(by_fraction.items())
        if (own := [arm for arm in arms if arm.seed == parent.seed])
    ]


def _point(arm: str, x: float, summaries: Mapping[str, ArmSummary], metric: str) -> CurvePoint:
    quality = summaries[arm].quality.get(metric)
    if quality is None:
        return CurvePoint(arm=arm, x=x, mean=None, low=None, high=None)
    return CurvePoint(arm=arm, x=x, mean=quality.mean, low=quality.low, high=quality.high)


def _spread(means: Mapping[int, float]) -> float | None:
    """Highest less lowest mean over training seeds; None with one seed."""
    return max(means.values()) - min(means.values()) if len(means) > 1 else None


def _note(trend: Trend, last: Difference, margin: float) -> str:
    step = f"last step {last.control} -> {last.treatment}"
    if last.estimate is None or last.low is None or last.high is None:
        return f"{step} cannot be compared: {last.note}"
    size = f"{step}: {points(last.estimate)} points ({points_interval(last.low, last.high)}, n = {last.n:,})"
    meaning = {
        "rising": "still rising",
        "falling": "falling",
        "flat": f"no more than the margin of {points(margin).removeprefix('+')} points to gain",
        "unknown": "too few cases to tell rising from flat",
    }
    return f"{size}; {meaning[trend]}"
