"""Quality by tag, and whether tuning helps one slice and hurts another: one Holm family over all slices."""

from __future__ import annotations

from msgspec.structs import replace

from evalkit.comparison.arm_summaries import estimate
from evalkit.comparison.differences import best_untuned, mean_score, tuned_candidates
from evalkit.comparison.pairwise import adjusted_together, difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import ScoreTable
from evalkit.records.comparison import Slice

FAMILY = "slice"
MIN_CASES = 10
"""Smaller slices are left out: an interval over fewer cases says nothing and costs the others power."""
MOST = 50
"""Slices shown, the largest first."""


def slices(table: ScoreTable, settings: ComparisonSettings, *, reference: str) -> tuple[Slice, ...]:
    """The candidates on each tag of at least 10 cases that is not on every case, the largest tag first.

    Args:
        table: The run.
        settings: Error rate of the family of slices, margin and seed.
        reference: The arm that the best other candidate is compared with where nothing was tuned.
    """
    tags = {tag: cases for tag, cases in table.tags.items() if MIN_CASES <= cases.sum() < table.n_cases}
    if not tags:
        return ()
    answered = [arm.name for arm in table.candidates if mean_score(table, arm.name) is not None]
    largest = sorted(tags.items(), key=lambda item: (-int(item[1].sum()), item[0]))[:MOST]
    by_tag = tuple(
        Slice(
            tag=tag,
            n=int(cases.sum()),
            quality={arm: estimate(table, arm, table.primary, settings, keep=cases) for arm in answered},
        )
        for tag, cases in largest
    )
    pair = _pair(table, answered, reference)
    if pair is None:
        return by_tag
    differences = adjusted_together(
        [
            difference(table, *pair, table.primary, settings, family=FAMILY, keep=cases)
            for _, cases in largest
        ],
        [cases.tobytes() for _, cases in largest],
        settings,
    )
    return tuple(replace(each, difference=record) for each, record in zip(by_tag, differences, strict=True))


def _pair(table: ScoreTable, answered: list[str], reference: str) -> tuple[str, str] | None:
    """The two arms that the question is about."""
    tuned = [name for name in tuned_candidates(table) if name in answered]
    control = best_untuned(table) if tuned else reference
    rivals = tuned or [name for name in answered if name != reference]
    if control not in answered or not rivals:
        return None
    return max(rivals, key=lambda name: mean_score(table, name) or 0.0), control
