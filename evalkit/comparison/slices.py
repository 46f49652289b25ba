"""Quality by tag, and whether tuning helps one slice and hurts another: one Holm family over all slices."""

from __future__ import annotations

from msgspec.structs import replace

from evalkit.comparison.arm_summaries import estimate
from evalkit.comparison.differences import best_untuned, mean_score, tuned_candidates
from evalkit.comparison.pairwise import claimed, difference
from evalkit.comparison.table import ScoreTable
from evalkit.records.comparison import Slice
from evalkit.stats.multiplicity import holm

FAMILY = "slice"
MIN_CASES = 10
"""Smaller slices are left out: an interval over fewer cases says nothing and costs the others power."""
MOST = 50
"""Slices shown, the largest first."""


def slices(table: ScoreTable, *, alpha: float, margin: float, seed: int, reference: str) -> tuple[Slice, ...]:
    """The candidates on each tag of at least 10 cases that is not on every case, the largest tag first.

    Args:
        table: The run.
        alpha: Two-sided error rate of the family of slices.
        margin: The loss that would not matter.
        seed: The suite's.
        reference: The arm that the best other candidate is held against where nothing was tuned.
    """
    known = {tag: cases for tag, cases in table.tags.items() if MIN_CASES <= cases.sum() < table.n_cases}
    if not known:
        return ()
    answered = [arm.name for arm in table.candidates if mean_score(table, arm.name) is not None]
    pair = _pair(table, answered, reference)
    found = []
    for tag, cases in sorted(known.items(), key=lambda item: (-int(item[1].sum()), item[0]))[:MOST]:
        found.append(
            Slice(
                tag=tag,
                n=int(cases.sum()),
                quality={
                    arm: estimate(table, arm, table.primary, alpha=alpha, seed=seed, keep=cases)
                    for arm in answered
                },
                difference=None
                if pair is None
                else difference(
                    table,
                    *pair,
                    table.primary,
                    family=FAMILY,
                    alpha=alpha,
                    margin=margin,
                    seed=seed,
                    keep=cases,
                ),
            )
        )
    return _adjusted(found, alpha=alpha, margin=margin)


def _pair(table: ScoreTable, answered: list[str], reference: str) -> tuple[str, str] | None:
    """The two arms that the question is about."""
    tuned = [name for name in tuned_candidates(table) if name in answered]
    control = best_untuned(table) if tuned else reference
    rivals = tuned or [name for name in answered if name != reference]
    if control not in answered or not rivals:
        return None
    return max(rivals, key=lambda name: mean_score(table, name) or 0.0), control


def _adjusted(found: list[Slice], *, alpha: float, margin: float) -> tuple[Slice, ...]:
    tested = [
        record.p_value
        for each in found
        if (record := each.difference) is not None and record.p_value is not None
    ]
    adjusted = iter(holm(tested).tolist())
    return tuple(
        each
        if (record := each.difference) is None or record.p_value is None
        else replace(each, difference=claimed(record, alpha=alpha, margin=margin, p_adjusted=next(adjusted)))
        for each in found
    )
