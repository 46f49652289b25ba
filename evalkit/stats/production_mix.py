"""Weights of cases that make a test set resemble production: a declared mix, or one slice made rarer or commoner."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray

HALF_AND_DOUBLE = (0.5, 2.0)
LARGE_SLICE = 0.1
"""A slice is large from this share of the cases."""

_ROUNDS = 1_000
_CLOSE = 1e-9  # of a share


@dataclass(frozen=True, slots=True, eq=False)
class ReweightedSlice:
    """One slice of the cases with more or less weight than it has among them.

    Attributes:
        tag: The tag that cuts the slice.
        value: The value of the tag in it.
        factor: How many times its present weight each of its cases gets, before all are scaled to a mean of 1.
        share: Weight of the slice afterwards, between 0 and 1.
        weights: Shape (n_cases,), mean 1.
    """

    tag: str
    value: Hashable
    factor: float
    share: float
    weights: FloatArray


def mix_weights(
    tags: Mapping[str, Sequence[Hashable]], mix: Mapping[str, Mapping[Hashable, float]]
) -> FloatArray:
    """Weigh the cases so that each tag has its shares of production.

    One tag: share in production over share among the cases. Several tags: raking, that is one tag after the other until
    all agree, which keeps the association of the tags as it is among the cases.

    Args:
        tags: By tag, its value in each case, shape (n_cases,); None for a case without the tag.
        mix: By tag, the share of each value in production; the shares of a tag sum to 1. Cases with a value that is
            not named have no part in production: weight 0.

    Returns:
        Shape (n_cases,), weights at least 0 with mean 1.

    Raises:
        ValueError: A tag is unknown, its shares are negative or do not sum to 1, no case has a value whose share is
            above 0, or no weights fit all tags together.

    References:
        Deming and Stephan (1940), Annals of Mathematical Statistics 11:427-444.

    Example:
        >>> mix_weights({"type": ["a", "b", "b", "b"]}, {"type": {"a": 0.7, "b": 0.3}}).round(6).tolist()
        [2.8, 0.4, 0.4, 0.4]
    """
    if not mix:
        raise ValueError("the mix names no tag; give {tag: {value: share}}")
    masks = [entry for tag, shares in sorted(mix.items()) for entry in _checked_masks(tag, tags, shares)]
    n_cases = masks[0][0].size
    named = np.ones(n_cases, dtype=bool)
    for tag, shares in mix.items():
        named &= np.array([value in shares for value in tags[tag]], dtype=bool)
    weights = named.astype(np.float64)
    for _ in range(_ROUNDS):
        for mask, share in masks:
            held = float(weights[mask].sum())
            if held == 0.0 and share > 0.0:
                raise ValueError(
                    "no case has all the values of the mix that go together; declare fewer tags or add cases"
                )
            weights = np.where(mask, weights * (share * n_cases / held if held > 0.0 else 0.0), weights)
        if all(abs(float(weights[mask].sum()) / n_cases - share) <= _CLOSE for mask, share in masks):
            return np.asarray(weights / weights.mean(), dtype=np.float64)
    raise ValueError("the shares of the tags contradict each other among these cases; declare fewer tags")


def reweighted_slices(tags: Mapping[str, Sequence[Hashable]]) -> tuple[ReweightedSlice, ...]:
    """Give each large slice half and double its weight: what to try where no mix is declared.

    Args:
        tags: By tag, its value in each case, shape (n_cases,); None for a case without the tag.

    Returns:
        Two entries for each value that has at least a tenth of the cases and does not have all, in the order of tag,
        value and factor.

    Example:
        >>> [(part.value, part.factor, round(part.share, 3)) for part in reweighted_slices({"type": ["a", "b", "b"]})]
        [('a', 0.5, 0.2), ('a', 2.0, 0.5), ('b', 0.5, 0.5), ('b', 2.0, 0.8)]
    """
    found = []
    for tag in sorted(tags):
        values = list(tags[tag])
        for value in sorted({value for value in values if value is not None}, key=str):
            inside = _equal_to(values, value)
            held = int(inside.sum())
            if held < LARGE_SLICE * len(values) or held == len(values):
                continue
            for factor in HALF_AND_DOUBLE:
                weights = np.where(inside, factor, 1.0)
                share = factor * held / float(weights.sum())
                found.append(ReweightedSlice(tag, value, factor, share, weights / weights.mean()))
    return tuple(found)


def _checked_masks(
    tag: str, tags: Mapping[str, Sequence[Hashable]], shares: Mapping[Hashable, float]
) -> list[tuple[npt.NDArray[np.bool_], float]]:
    if tag not in tags:
        raise ValueError(f"the mix names the tag {tag!r}, which no case has; the cases have {sorted(tags)}")
    if any(not share >= 0.0 for share in shares.values()) or abs(sum(shares.values()) - 1.0) > 1e-6:
        raise ValueError(f"the shares of {tag!r} are {dict(shares)}; give shares of at least 0 that sum to 1")
    masks = []
    for value, share in sorted(shares.items(), key=lambda item: str(item[0])):
        inside = _equal_to(tags[tag], value)
        if share > 0.0 and not inside.any():
            raise ValueError(
                f"{value!r} has {share:g} of production and no case has {tag} = {value!r}; add such cases or leave the "
                "mix undeclared"
            )
        masks.append((inside, share))
    return masks


def _equal_to(values: Sequence[Hashable], value: Hashable) -> npt.NDArray[np.bool_]:
    return np.array([held == value for held in values], dtype=bool)
