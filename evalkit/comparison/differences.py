"""All paired differences of a run: two Holm families on the primary metric, and the rest unadjusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from evalkit.comparison.pairwise import claimed, difference
from evalkit.comparison.table import BoolArray, ScoreTable
from evalkit.records.comparison import Difference
from evalkit.records.digits import significant
from evalkit.stats.arrays import mean_of
from evalkit.stats.multiplicity import holm


def all_differences(
    table: ScoreTable, *, reference: str, alpha: float, margin: float, seed: int
) -> tuple[Difference, ...]:
    """Both families, and the same pairs on the other metrics (family ``descriptive``, p-values not adjusted).

    Args:
        table: The run.
        reference: The arm that every other candidate is held against.
        alpha: Two-sided error rate of each family.
        margin: The loss that would not matter.
        seed: The suite's.
    """
    against_reference = [arm.name for arm in table.candidates if arm.name != reference]
    given = partial(family_of, table, alpha=alpha, margin=margin, seed=seed)
    found = [*given(against_reference, reference, family="reference")]
    control = best_untuned(table)
    if control is not None:
        found += given(tuned_candidates(table), control, family="tuned")
    pairs = dict.fromkeys((record.treatment, record.control) for record in found)
    for metric in table.metrics[1:]:
        for treatment, held_against in pairs:
            found.append(
                difference(
                    table,
                    treatment,
                    held_against,
                    metric,
                    family="descriptive",
                    alpha=alpha,
                    margin=margin,
                    seed=seed,
                )
            )
    return tuple(found)


def family_of(
    table: ScoreTable,
    treatments: Iterable[str],
    control: str,
    *,
    family: str,
    alpha: float,
    margin: float,
    seed: int,
    keep: BoolArray | None = None,
) -> tuple[Difference, ...]:
    """Several arms against one on the primary metric, p-values adjusted by Holm within these (`adjusted_together`).

    Args:
        table: The run.
        treatments: Names of the arms; ``control`` itself is left out.
        control: Name of the arm they are held against.
        family: Name that the records carry.
        alpha: Two-sided error rate of the family.
        margin: The loss that would not matter.
        seed: The suite's.
        keep: Shape (n_cases,), False for cases to leave out.
    """
    records = [
        difference(
            table,
            name,
            control,
            table.primary,
            family=family,
            alpha=alpha,
            margin=margin,
            seed=seed,
            keep=keep,
        )
        for name in treatments
        if name != control
    ]
    return adjusted_together(table, records, alpha=alpha, margin=margin)


def adjusted_together(
    table: ScoreTable, records: Sequence[Difference], *, alpha: float, margin: float
) -> tuple[Difference, ...]:
    """The records of one family on the primary metric, p-values adjusted by Holm, claims read again.

    Arms with the same score on every case make the same test, which counts once: a twin of a candidate takes nothing
    from it.

    Args:
        table: Holds the arms' scores.
        records: Several arms against one; those without a p-value take no part.
        alpha: Two-sided error rate of the family.
        margin: The loss that would not matter.
    """
    tests: dict[bytes, float] = {}
    for record in records:
        if record.p_value is not None:
            tests.setdefault(table.scores(record.treatment).tobytes(), record.p_value)
    adjusted = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    return tuple(
        claimed(
            record,
            alpha=alpha,
            margin=margin,
            p_adjusted=None
            if record.p_value is None
            else max(record.p_value, adjusted[table.scores(record.treatment).tobytes()]),
        )
        for record in records
    )


def tuned_candidates(table: ScoreTable) -> tuple[str, ...]:
    """Names of the tuned candidates, in order."""
    return tuple(arm.name for arm in table.candidates if arm.tuned)


def best_untuned(table: ScoreTable) -> str | None:
    """The untuned candidate of the highest mean on the primary metric; the first of equals, None without one."""
    means = {arm.name: mean_score(table, arm.name) for arm in table.candidates if not arm.tuned}
    known = {name: mean for name, mean in means.items() if mean is not None}
    return max(known, key=lambda name: known[name]) if known else None


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
