"""Clusters of cases that are not independent: equal inputs, joined with the clusters that were declared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ConnectedClusters:
    """Which cases count as one independent unit.

    Attributes:
        codes: Shape (n_cases,), the number of each case's cluster: 0, 1, ... in the order of first appearance.
        n_clusters: How many clusters there are.
        n_repeated: Cases whose input an earlier case has already shown, whatever was declared. Above 0, the report
            says that these cases are no new evidence.
    """

    codes: IntArray
    n_clusters: int
    n_repeated: int


def connected_clusters(
    inputs: Sequence[Hashable], declared: Sequence[Hashable | None] | None = None
) -> ConnectedClusters:
    """Join cases of equal input, and cases of equal declared cluster, into connected components.

    Two cases are in one cluster when a chain of cases leads from one to the other in which each has the input or the
    declared cluster of the next: question A under document 1, question A under document 2 and question B under
    document 2 are all one cluster.

    Args:
        inputs: One entry for each case: its normalised question with every other field that the prompts read, or a
            digest of it. The reference answer is no part of it.
        declared: One entry for each case: its declared cluster; None for a case without one. None for no declaration.

    Returns:
        A partition that does not depend on the order of the cases; only the numbers of the clusters do.

    Raises:
        ValueError: There is no case, or not one declared entry for each case.

    Example:
        >>> found = connected_clusters(["A", "A", "B", "C"], ["doc1", "doc2", "doc2", None])
        >>> found.codes.tolist(), found.n_clusters, found.n_repeated
        ([0, 0, 0, 1], 2, 1)
    """
    n_cases = len(inputs)
    if n_cases == 0:
        raise ValueError("there is no case; clusters need at least one")
    if declared is not None and len(declared) != n_cases:
        raise ValueError(
            f"there are {len(declared)} declared clusters and {n_cases} cases; give one entry for each case, "
            "None where a case has none"
        )
    leader = list(range(n_cases))
    first_with: dict[tuple[str, Hashable], int] = {}
    for case, given in enumerate(inputs):
        _join(leader, case, first_with.setdefault(("input", given), case))
        if declared is not None and declared[case] is not None:
            _join(leader, case, first_with.setdefault(("declared", declared[case]), case))
    number: dict[int, int] = {}
    codes = [number.setdefault(_leader_of(leader, case), len(number)) for case in range(n_cases)]
    return ConnectedClusters(
        codes=np.array(codes, dtype=np.int64),
        n_clusters=len(number),
        n_repeated=n_cases - len(set(inputs)),
    )


def _leader_of(leader: list[int], case: int) -> int:
    while leader[case] != case:
        leader[case] = leader[leader[case]]  # halves the path, so that chains stay short
        case = leader[case]
    return case


def _join(leader: list[int], one: int, other: int) -> None:
    first, second = sorted((_leader_of(leader, one), _leader_of(leader, other)))
    leader[second] = first
