"""Paired differences between two arms as records with their claims, alone and adjusted as a family."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.settings import ComparisonSettings, generator
from evalkit.comparison.table import BoolArray, FloatArray, Pairs, ScoreTable, pairs
from evalkit.records.comparison import Difference
from evalkit.stats.bounds import Bounds
from evalkit.stats.compare import paired_difference
from evalkit.stats.margin import margin_claims
from evalkit.stats.multiplicity import holm

Claim = Literal["superior", "worse", "non_inferior", "equivalent", "no_claim"]


def difference(
    table: ScoreTable,
    treatment: str,
    control: str,
    metric: str,
    settings: ComparisonSettings,
    *,
    family: str,
    keep: BoolArray | None = None,
) -> Difference:
    """Treatment minus control on the cases for which both have a score.

    The claim is read off the unadjusted p-value; ``claimed`` reads it again once Holm has adjusted it. The same pair
    always gets the same draws.

    Args:
        table: The run.
        treatment: Name of an arm.
        control: Name of another.
        metric: Name of the metric.
        settings: Error rate, margin and seed.
        family: ``reference``, ``tuned``, ``slice``, ``extra``, ``curve`` or ``descriptive``.
        keep: Shape (n_cases,), False for cases to leave out.

    Returns:
        A record without an estimate, and with the reason as its note, where the pair cannot be compared.
    """
    both = pairs(table, treatment, control, metric, keep=keep)
    record = compared(
        both,
        (treatment, control, metric),
        settings,
        family=family,
        binary=table.is_binary(metric, (treatment, control)),
        rng=generator(settings.seed, treatment, control, metric),
    )
    return replace(record, worst_case=_worst_case(table, treatment, control, metric, keep))


def compared(
    both: Pairs,
    names: tuple[str, str, str],
    settings: ComparisonSettings,
    *,
    family: str,
    binary: bool,
    rng: np.random.Generator,
) -> Difference:
    """The record of one comparison.

    Args:
        both: Scores of the two arms on the same cases.
        names: Of treatment, control and metric.
        settings: Error rate and margin; the seed is not used.
        family: As in ``difference``.
        binary: Whether the scores are 0 or 1.
        rng: Source of chance.

    Returns:
        A record without an estimate, and with the reason as its note, where the two cannot be compared.
    """
    record = partial(
        Difference,
        treatment=names[0],
        control=names[1],
        metric=names[2],
        family=family,
        n=both.treatment.size,
        n_clusters=int(np.unique(both.clusters).size),
        claim="no_claim",
    )
    without_interval = partial(record, low=None, high=None, p_value=None, method="none")
    if both.treatment.size == 0:
        return without_interval(estimate=None, note="no case has a score of both arms")
    try:
        result = paired_difference(
            both.treatment, both.control, both.clusters, binary=binary, alpha=settings.alpha, rng=rng
        )
    except ValueError as error:
        gap = float((both.treatment - both.control).mean())
        return without_interval(estimate=gap, note=str(error))
    return claimed(
        record(
            estimate=result.estimate,
            low=result.low,
            high=result.high,
            method=result.method,
            p_value=result.p_value,
            mid_p=result.mid_p,
            discordant=result.discordant,
            smallest_detectable=result.smallest_detectable,
            note=result.note,
        ),
        settings,
    )


def claimed(record: Difference, settings: ComparisonSettings, p_adjusted: float | None = None) -> Difference:
    """The same difference with the strongest claim that it carries.

    superior: p < alpha and the interval above 0. equivalent: the interval inside (-margin, margin), which is two
    one-sided tests at alpha/2; a difference that is small and certain counts as equivalent even if p < alpha.
    worse: p < alpha and the interval below 0. non_inferior: the interval above -margin.

    Args:
        record: The difference.
        settings: Error rate and margin.
        p_adjusted: Holm-adjusted within the family; it decides in place of the difference's own p-value.
    """
    if record.low is None or record.high is None or record.p_value is None:
        return replace(record, p_adjusted=p_adjusted, claim="no_claim")
    p_value = record.p_value if p_adjusted is None else p_adjusted
    claim = claim_of(record.low, record.high, p_value < settings.alpha, settings.margin)
    return replace(record, p_adjusted=p_adjusted, claim=claim)


def adjusted_together(
    records: Sequence[Difference], tests: Sequence[Hashable], settings: ComparisonSettings
) -> tuple[Difference, ...]:
    """The records of one family with p-values adjusted by Holm, and their claims read again.

    Records of the same test count once: two arms with the same score on every case, or two tags on the same cases,
    are no second look at chance, so a twin takes nothing from the others. The test's p-value is that of its first
    record (a resampled p-value differs a little between twins), and no record ends below its own.

    Args:
        records: In any order; those without a p-value take no part.
        tests: One for each record: equal where two records make the same test on the same scores.
        settings: Error rate of the family, and margin.
    """
    p_values: dict[Hashable, float] = {}
    for record, test in zip(records, tests, strict=True):
        if record.p_value is not None:
            p_values.setdefault(test, record.p_value)
    adjusted = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))
    return tuple(
        claimed(
            record,
            settings,
            None if record.p_value is None else max(record.p_value, adjusted[test]),
        )
        for record, test in zip(records, tests, strict=True)
    )


def claim_of(low: float, high: float, significant: bool, margin: float) -> Claim:
    """The strongest claim that an interval of treatment minus control carries; see ``claimed``."""
    claims = margin_claims(Bounds(low, high), margin)
    if significant and claims.superior:
        return "superior"
    if claims.equivalent:
        return "equivalent"
    if significant and claims.inferior:
        return "worse"
    return "non_inferior" if claims.non_inferior else "no_claim"


def _worst_case(
    table: ScoreTable, treatment: str, control: str, metric: str, keep: BoolArray | None
) -> float | None:
    """The mean difference if every missing treatment scored 0 and every missing control 1; None if none is missing."""
    left, right = table.scores(treatment, metric), table.scores(control, metric)
    if keep is not None:
        left, right = left[keep], right[keep]
    if np.isfinite(left).all() and np.isfinite(right).all():
        return None
    return float((_filled(left, 0.0) - _filled(right, 1.0)).mean())


def _filled(values: FloatArray, missing: float) -> FloatArray:
    return np.where(np.isfinite(values), values, missing)
