"""One paired difference between two arms, as a record with its claim."""

from __future__ import annotations

import zlib
from functools import partial
from typing import Literal

import numpy as np
from msgspec.structs import replace

from evalkit.comparison.table import BoolArray, FloatArray, Pairs, ScoreTable, pairs
from evalkit.records.comparison import Difference
from evalkit.stats.bounds import Bounds
from evalkit.stats.compare import paired_difference
from evalkit.stats.margin import margin_claims

Claim = Literal["superior", "worse", "non_inferior", "equivalent", "no_claim"]


def generator(seed: int, *names: str) -> np.random.Generator:
    """A source of chance of its own for what ``names`` name, so that no result depends on what else was computed."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def difference(
    table: ScoreTable,
    treatment: str,
    control: str,
    metric: str,
    *,
    family: str,
    alpha: float,
    margin: float,
    seed: int,
    keep: BoolArray | None = None,
) -> Difference:
    """Treatment minus control on the cases that both have a score for.

    The claim is read off the unadjusted p-value; ``claimed`` reads it again once Holm has adjusted it.

    Args:
        table: The run.
        treatment: Name of an arm.
        control: Name of another.
        metric: Which score.
        family: ``reference``, ``tuned``, ``curve`` or ``descriptive``.
        alpha: Two-sided error rate.
        margin: The loss that would not matter.
        seed: The suite's; the same pair always gets the same draws.
        keep: Shape (n_cases,), False for cases to leave out.

    Returns:
        Without an estimate, and with the reason as its note, where the pair cannot be compared.
    """
    both = pairs(table, treatment, control, metric, keep=keep)
    record = compared(
        both,
        (treatment, control, metric),
        family=family,
        binary=table.is_binary(metric),
        alpha=alpha,
        margin=margin,
        rng=generator(seed, treatment, control, metric),
    )
    return replace(record, worst_case=_worst_case(table, treatment, control, metric, keep))


def compared(
    both: Pairs,
    names: tuple[str, str, str],
    *,
    family: str,
    binary: bool,
    alpha: float,
    margin: float,
    rng: np.random.Generator,
) -> Difference:
    """The record of one comparison.

    Args:
        both: Scores of the two on the same cases.
        names: Of treatment, control and metric.
        family: As in ``difference``.
        binary: Whether the scores are 0 or 1.
        alpha: Two-sided error rate.
        margin: The loss that would not matter.
        rng: Source of chance.

    Returns:
        Without an estimate, and with the reason as its note, where the two cannot be compared.
    """
    found = partial(
        Difference,
        treatment=names[0],
        control=names[1],
        metric=names[2],
        family=family,
        n=both.treatment.size,
        n_clusters=int(np.unique(both.clusters).size),
        claim="no_claim",
    )
    nothing = partial(found, low=None, high=None, p_value=None, method="none")
    if both.treatment.size == 0:
        return nothing(estimate=None, note="no case has a score of both arms")
    try:
        result = paired_difference(
            both.treatment, both.control, both.clusters, binary=binary, alpha=alpha, rng=rng
        )
    except ValueError as error:
        return nothing(estimate=float((both.treatment - both.control).mean()), note=str(error))
    record = found(
        estimate=result.estimate,
        low=result.low,
        high=result.high,
        method=result.method,
        p_value=result.p_value,
        mid_p=result.mid_p,
        discordant=result.discordant,
        smallest_detectable=result.smallest_detectable,
        note=result.note,
    )
    return claimed(record, alpha=alpha, margin=margin)


def claimed(
    record: Difference, *, alpha: float, margin: float, p_adjusted: float | None = None
) -> Difference:
    """The same difference with what may be said of it, the strongest first.

    superior: p < alpha and the interval above 0. equivalent: the interval inside (-margin, margin), which is two
    one-sided tests at alpha/2; a difference that is small and certain counts as equivalent even if p < alpha.
    worse: p < alpha and the interval below 0. non_inferior: the interval above -margin.

    Args:
        record: Where it comes from.
        alpha: For ``p_adjusted`` where given, else for the difference's own p-value.
        margin: The loss that would not matter.
        p_adjusted: Holm-adjusted within the family.
    """
    if record.low is None or record.high is None or record.p_value is None:
        return replace(record, p_adjusted=p_adjusted, claim="no_claim")
    p_value = record.p_value if p_adjusted is None else p_adjusted
    claim = claim_of(record.low, record.high, p_value < alpha, margin)
    return replace(record, p_adjusted=p_adjusted, claim=claim)


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
    """The mean difference if every missing treatment were wrong and every missing control right; None if none is."""
    left, right = table.scores(treatment, metric), table.scores(control, metric)
    if keep is not None:
        left, right = left[keep], right[keep]
    if np.isfinite(left).all() and np.isfinite(right).all():
        return None
    return float((_filled(left, 0.0) - _filled(right, 1.0)).mean())


def _filled(values: FloatArray, missing: float) -> FloatArray:
    return np.where(np.isfinite(values), values, missing)
