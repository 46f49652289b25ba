"""Quality against shots shown and against training rows seen, and whether the last step still gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from evalkit.comparison.pairwise import difference
from evalkit.comparison.table import ScoreTable
from evalkit.records.arm import ArmFacts
from evalkit.records.comparison import ArmSummary, Curve, CurvePoint, Difference
from evalkit.records.tuning import TuningReport

Trend = Literal["rising", "flat", "falling", "unknown"]


def curves(
    table: ScoreTable,
    summaries: Sequence[ArmSummary],
    tuning: TuningReport | None,
    *,
    alpha: float,
    margin: float,
    seed: int,
) -> tuple[Curve, ...]:
    """The shot curve and the learning curve of every candidate that has points.

    Args:
        table: The run.
        summaries: Of the same arms.
        tuning: Turns fractions into training rows where the run tuned the models itself.
        alpha: Two-sided error rate of the last step.
        margin: A step below it is flat.
        seed: The suite's.
    """
    by_name = {summary.name: summary for summary in summaries}
    found = []
    for parent in table.candidates:
        points = [arm for arm in table.arms if arm.parent == parent.name and arm.role == "curve"]
        for kind, arms in (
            ("shots", _shot_points(parent, points)),
            ("learning", _learning_points(parent, points)),
        ):
            if len(arms) < 2:
                continue
            last = difference(
                table,
                arms[-1].name,
                arms[-2].name,
                table.primary,
                family="curve",
                alpha=alpha,
                margin=margin,
                seed=seed,
            )
            trend = trend_of(last, margin)
            found.append(
                Curve(
                    kind="shots" if kind == "shots" else "learning",
                    parent=parent.name,
                    points=tuple(_points(arms, by_name, table.primary, tuning, kind)),
                    trend=trend,
                    last_step=last,
                    seed_spread=_seed_spread(parent, points, by_name, table.primary)
                    if kind == "learning"
                    else None,
                    note=_note(trend, last, margin),
                )
            )
    return tuple(found)


def trend_of(last_step: Difference, margin: float) -> Trend:
    """What the paired difference of the last step says.

    rising: its interval lies above 0. falling: below 0. flat: it may be 0 and is less than ``margin``. Else unknown.
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


def _learning_points(parent: ArmFacts, points: Sequence[ArmFacts]) -> list[ArmFacts]:
    arms = [parent, *(arm for arm in points if arm.shots == parent.shots and arm.seed == parent.seed)]
    by_fraction = {arm.fraction: arm for arm in reversed(arms) if arm.fraction is not None}
    return [by_fraction[fraction] for fraction in sorted(by_fraction)]


def _points(
    arms: Sequence[ArmFacts],
    summaries: Mapping[str, ArmSummary],
    metric: str,
    tuning: TuningReport | None,
    kind: str,
) -> Iterator[CurvePoint]:
    rows = {} if tuning is None else {(run.model, run.fraction): float(run.rows) for run in tuning.runs}
    all_rows_known = all((arm.model, arm.fraction) in rows for arm in arms)
    for arm in arms:
        quality = summaries[arm.name].quality.get(metric)
        x = float(arm.shots) if kind == "shots" else float(arm.fraction or 0.0)
        if kind == "learning" and all_rows_known:
            x = rows[arm.model, arm.fraction or 0.0]
        yield CurvePoint(
            arm=arm.name,
            x=x,
            mean=None if quality is None else quality.mean,
            low=None if quality is None else quality.low,
            high=None if quality is None else quality.high,
        )


def _seed_spread(
    parent: ArmFacts, points: Sequence[ArmFacts], summaries: Mapping[str, ArmSummary], metric: str
) -> float | None:
    """Highest less lowest mean over the training seeds on all rows; None with one seed."""
    arms = [parent, *(arm for arm in points if arm.fraction == parent.fraction and arm.seed != parent.seed)]
    means = [quality.mean for arm in arms if (quality := summaries[arm.name].quality.get(metric)) is not None]
    known = [mean for mean in means if mean is not None]
    return max(known) - min(known) if len(known) > 1 else None


def _note(trend: Trend, last: Difference, margin: float) -> str:
    step = f"last step {last.control} -> {last.treatment}"
    if last.estimate is None or last.low is None or last.high is None:
        return f"{step} cannot be compared: {last.note}"
    size = f"{step}: {last.estimate:+.3f} ({last.low:+.3f} to {last.high:+.3f}, n = {last.n})"
    meaning = {
        "rising": "still rising",
        "falling": "falling",
        "flat": f"no more than the margin of {margin:g} to gain",
        "unknown": "too few cases to tell rising from flat",
    }
    return f"{size}; {meaning[trend]}"
