"""All paired differences of a run: two Holm families on the primary metric, and the rest unadjusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from evalkit.comparison.pairwise import adjusted_together, difference
from evalkit.comparison.settings import ComparisonSettings
from evalkit.comparison.table import BoolArray, ScoreTable
from evalkit.records.comparison import Difference
from evalkit.records.digits import significant
from evalkit.stats.arrays import mean_of


def all_differences(
    table: ScoreTable, settings: ComparisonSettings, *, reference: str
) -> tuple[Difference, ...]:
    """Both families, and the same pairs on the other metrics (family ``descriptive``, p-values not adjusted).

    Args:
        table: The run.
        settings: Error rate of each family, margin and seed.
        reference: The arm that every other candidate is compared with.
    """
    others = [arm.name for arm in table.candidates if arm.name != reference]
    records = [*family_of(table, others, reference, settings, family="reference")]
    untuned = best_untuned(table)
    if untuned is not None:
        records += family_of(table, tuned_candidates(table), untuned, settings, family="tuned")
    arm_pairs = dict.fromkeys((record.treatment, record.control) for record in records)
    records += [
        difference(table, treatment, control, metric, settings, family="descriptive")
        for metric in table.metrics[1:]
        for treatment, control in arm_pairs
    ]
    return tuple(records)


def family_of(
    table: ScoreTable,
    treatments: Iterable[str],
    control: str,
    settings: ComparisonSettings,
    *,
    family: str,
    keep: BoolArray | None = None,
) -> tuple[Difference, ...]:
    """Several arms compared with one on the primary metric, p-values adjusted by Holm within these.

    Args:
        table: The run.
        treatments: Names of the arms; ``control`` itself is left out.
        control: Name of the arm that they are compared with.
        settings: Error rate of the family, margin and seed.
        family: Name that the records carry.
        keep: Shape (n_cases,), False for cases to leave out.
    """
    records = [
        difference(table, name, control, table.primary, settings, family=family, keep=keep)
        for name in treatments
        if name != control
    ]
    return adjusted_arms(table, records, settings)


def adjusted_arms(
    table: ScoreTable, records: Sequence[Difference], settings: ComparisonSettings
) -> tuple[Difference, ...]:
    """The records of several arms compared with one on the primary metric, p-values adjusted by Holm.

    Arms with the same score on every case make the same test (`pairwise.adjusted_together`).

    Args:
        table: Holds the arms' scores.
        records: All with the same control.
        settings: Error rate of the family, and margin.
    """
    tests = [table.scores(record.treatment).tobytes() for record in records]
    return adjusted_together(records, tests, settings)


def tuned_candidates(table: ScoreTable) -> tuple[str, ...]:
    """Names of the tuned candidates, in order."""
    return tuple(arm.name for arm in table.candidates if arm.tuned)


def best_untuned(table: ScoreTable) -> str | None:
    """The untuned candidate of the highest mean on the primary metric; the first of equals, None without one."""
    means = {arm.name: mean_score(table, arm.name) for arm in table.candidates if not arm.tuned}
    measured = {name: mean for name, mean in means.items() if mean is not None}
    return max(measured, key=lambda name: measured[name]) if measured else None


def mean_score(table: ScoreTable, arm: str, metric: str | None = None) -> float | None:
    """The mean over cases with a score, so rounded that equal means are equal; None without one."""
    scores = table.scores(arm, metric)
    known = scores[np.isfinite(scores)]
    return significant(mean_of(known)) if known.size else None


def oracle(table: ScoreTable) -> float | None:
    """Mean over cases of the best candidate's score: what choosing the right arm for every case would reach."""
    if not table.candidates:
        return None
    best = np.fmax.reduce([table.scores(arm.name) for arm in table.candidates])
    known = best[np.isfinite(best)]
    return mean_of(known) if known.size else None
