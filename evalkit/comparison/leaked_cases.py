"""Cases that stand in the training rows, taken out of a run before its arms are paired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.comparison.pooled_counts import PooledCounts
from evalkit.comparison.table import BoolArray, ScoreTable
from evalkit.records.profile import Profile

_MATCHES = ("exact", "normalised")


def leaked_ids(profile: Profile) -> frozenset[str]:
    """Ids of the cases whose question is in a training or example file, exactly or but for its spelling."""
    return frozenset(
        pair.case_id for rows in profile.training.values() for pair in rows.leaked if pair.match in _MATCHES
    )


def without_leaked(table: ScoreTable, profile: Profile) -> ScoreTable:
    """The run without the leaked cases and all cases of their clusters.

    A table from which they were taken already comes back as it is, and so does one of which nothing would be left.

    Args:
        table: The run, whole.
        profile: Says which cases leaked.
    """
    leaked = leaked_ids(profile)
    if table.set_aside or not leaked:
        return table
    own = np.array([case_id in leaked for case_id in table.case_ids], dtype=bool)
    groups = np.zeros(table.n_clusters, dtype=bool)
    groups[table.clusters[own]] = True
    keep = ~groups[table.clusters]
    if keep.all() or not keep.any():
        return table
    return replace(
        of_cases(table, keep),
        set_aside=tuple(case_id for case_id, kept in zip(table.case_ids, keep, strict=True) if not kept),
    )


def of_cases(table: ScoreTable, keep: BoolArray) -> ScoreTable:
    """The same run with part of its cases.

    Args:
        table: The run.
        keep: Shape (n_cases,), the cases that stay, at least one.
    """
    return replace(
        table,
        case_ids=tuple(case_id for case_id, kept in zip(table.case_ids, keep, strict=True) if kept),
        clusters=np.unique(table.clusters[keep], return_inverse=True)[1].astype(np.int64),
        tags={tag: cases[keep] for tag, cases in table.tags.items()},
        values={metric: cells[:, keep] for metric, cells in table.values.items()},
        status=table.status[:, keep],
        finish=table.finish[:, keep],
        abstained=table.abstained[:, keep],
        replayed=table.replayed[:, keep],
        tokens=table.tokens[:, keep],
        seconds=table.seconds[:, keep],
        cost=table.cost[:, keep],
        answered_by=table.answered_by[:, keep],
        pooled_counts={metric: _counts(counts, keep) for metric, counts in table.pooled_counts.items()},
        declared_clusters=None if table.declared_clusters is None else table.declared_clusters[keep],
        repeated=None if table.repeated is None else table.repeated[keep],
    )


def _counts(counts: PooledCounts, keep: BoolArray) -> PooledCounts:
    return replace(
        counts,
        present=counts.present[:, keep],
        columns=counts.columns[:, keep],
        amounts=counts.amounts[:, keep],
    )
