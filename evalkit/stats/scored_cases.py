"""What the joint draws start from: all arms' scores on the same cases, and which columns are one and the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from evalkit.stats.arrays import BoolArray, FloatArray, IntArray

_NOISE = 1e-9  # a mean of repeats can end a last bit above 1
_DECIMALS = 12  # 0.3 - 0.1 and 0.2 differ in the last bit


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCases:
    """Every arm's score on every case that all of them answered.

    Attributes:
        names: Names of the arms; column i of every table is arm i.
        kinds: Kind of each arm ("tuned", "prompting", "retrieval"): equal columns are one and the same within a kind.
        scores: Shape (n_cases, n_arms), in [0, 1]; a tuned arm's are the mean over its measured seeds, and where a
            case was answered several times the mean over its repeats.
        averaged: Which arms' scores are such means over seeds or repeats.
        clusters: Shape (n_cases,), the number of each case's cluster; None where each case is its own.
        alongside: Further quantities by name, each of shape (n_cases, n_arms): cost of the case, share abstained. NaN
            where not known.
        weights: Shape (n_cases,), weights of the cases in production, at least 0 and with mean 1; None for equal ones.
            A case of weight 0 has no part in anything.

    Raises:
        ValueError: A shape does not fit, names are not distinct, a score lies outside [0, 1], or weights are negative.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    scores: FloatArray
    averaged: tuple[bool, ...] = ()
    clusters: IntArray | None = None
    alongside: Mapping[str, FloatArray] = field(default_factory=dict)
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        n_arms = len(self.names)
        if self.scores.ndim != 2 or self.scores.shape[1] != n_arms or self.scores.size == 0:
            raise ValueError(
                f"scores have shape {self.scores.shape}; give (n_cases, {n_arms}), at least one case"
            )
        if len(set(self.names)) != n_arms or len(self.kinds) != n_arms:
            raise ValueError("give each arm a name of its own and a kind")
        if self.averaged and len(self.averaged) != n_arms:
            raise ValueError(
                f"averaged has {len(self.averaged)} entries for {n_arms} arms; give one for each"
            )
        if not ((self.scores >= -_NOISE) & (self.scores <= 1.0 + _NOISE)).all():
            raise ValueError(
                "a score is missing or lies outside [0, 1]; keep the cases that all arms answered"
            )
        for name, given in (("clusters", self.clusters), ("weights", self.weights)):
            if given is not None and given.shape != self.scores.shape[:1]:
                raise ValueError(f"{name} have shape {given.shape}; give one for each case")
        for name, table in self.alongside.items():
            if table.shape != self.scores.shape or np.isinf(table).any():
                raise ValueError(f"{name!r} must have the shape of the scores, NaN where it is not known")
        if self.weights is not None and not ((self.weights >= 0.0).all() and self.weights.sum() > 0.0):
            raise ValueError("a weight is negative or not a number, or all are 0")

    @property
    def binary(self) -> bool:
        """Whether every score is one answer's 0 or 1: then the prior is that of right and wrong."""
        return not any(self.averaged) and bool(((self.scores == 0.0) | (self.scores == 1.0)).all())

    @property
    def kept(self) -> BoolArray:
        """Shape (n_cases,), the cases that have any weight."""
        if self.weights is None:
            return np.ones(self.scores.shape[0], dtype=bool)
        return np.asarray(self.weights > 0.0, dtype=np.bool_)


def same_columns(cases: ScoredCases) -> IntArray:
    """Number the distinct score columns: arms of one kind with equal scores in every case share a number.

    Two arms of different kinds never do: that a prompt and a retriever got the same cases right is an observation, not
    an identity, and what it leaves open stays open.

    Args:
        cases: All arms' scores.

    Returns:
        Shape (n_arms,). The numbers follow kind, content and then name, so that they do not depend on the order of
        arms or cases, and another copy of an arm leaves those of all others as they are.

    Example:
        >>> scores = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
        >>> same_columns(ScoredCases(("few_shot", "rag", "rag_copy"), ("prompting", "retrieval", "retrieval"), scores))
        array([0, 1, 1])
    """
    columns = np.round(cases.scores[cases.kept], _DECIMALS) + 0.0  # minus zero is zero
    keys = [(kind, columns[:, arm].tobytes()) for arm, kind in enumerate(cases.kinds)]
    first: dict[tuple[str, bytes], int] = {}
    for arm in sorted(range(len(keys)), key=lambda arm: cases.names[arm]):
        first.setdefault(keys[arm], arm)
    ranked = sorted(
        first, key=lambda key: (key[0], np.sort(columns[:, first[key]]).tolist(), cases.names[first[key]])
    )
    number = {key: place for place, key in enumerate(ranked)}
    return np.array([number[key] for key in keys], dtype=np.int64)


def constant_differences(cases: ScoredCases) -> BoolArray:
    """Find the pairs of arms whose difference is the same in every case.

    Where the draws have nothing but the cases seen to go by (graded scores), such a pair shows no spread, and the share
    of draws that one of them wins is 0, a half or 1 whatever the number of cases. It gives no confidence.

    Args:
        cases: All arms' scores.

    Returns:
        Shape (n_arms, n_arms), symmetric; False for arms that are one and the same column, and everywhere for 0/1
        scores, for which the prior keeps every tie uncertain.
    """
    n_arms = len(cases.names)
    found = np.zeros((n_arms, n_arms), dtype=bool)
    if cases.binary:
        return found
    number, scores = same_columns(cases), cases.scores[cases.kept]
    for one in range(n_arms):
        for other in range(one + 1, n_arms):
            if number[one] != number[other]:
                difference = np.round(scores[:, one] - scores[:, other], _DECIMALS)
                found[one, other] = found[other, one] = bool(np.ptp(difference) == 0.0)
    return found
