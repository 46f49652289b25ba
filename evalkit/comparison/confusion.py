"""Which class was taken for which: confusion matrices and figures per class, from the counts of classification."""

from __future__ import annotations

import numpy as np

from evalkit.comparison.pooled_counts import PooledCounts
from evalkit.comparison.table import IntArray, ScoreTable
from evalkit.metrics.class_counts import MISSED, RIGHT, WRONGLY_NAMED
from evalkit.records.comparison import ClassFigures, Confusion


def confusions(table: ScoreTable) -> dict[str, Confusion]:
    """By arm, its matrix over all answers, of all repeats and trainings; empty where nothing was classified.

    The counts are those of the first metric that has class counts and nothing else. Every arm's matrix has the same
    labels: those that are right for some case or were named by some answer.
    """
    for metric, counts in table.pooled_counts.items():
        if counts.names and all(name[:3] in (RIGHT, MISSED, WRONGLY_NAMED) for name in counts.names):
            return {arm.name: _confusion(metric, counts, table.rows(arm.name)) for arm in table.arms}
    return {}


def _confusion(metric: str, counts: PooledCounts, rows: list[int]) -> Confusion:
    labels = sorted({name[3:] for name in counts.names})
    present = counts.present[rows]
    columns = counts.columns[rows][present]
    right, missed, named = (
        _label_of(counts, labels, columns, kind) for kind in (RIGHT, MISSED, WRONGLY_NAMED)
    )
    wanted = np.where(right >= 0, right, missed)
    given = np.where(right >= 0, right, named)
    size = len(labels)
    matrix = np.zeros((size, size + 1), dtype=np.int64)  # the last column: no label at all
    classified = wanted >= 0
    np.add.at(matrix, (wanted[classified], given[classified]), 1)  # -1, no label, is the last column
    return Confusion(
        metric=metric,
        labels=tuple(labels),
        counts=tuple(tuple(line) for line in matrix[:, :size].tolist()),
        outside=tuple(matrix[:, size].tolist()),
        classes=tuple(_figures(label, position, matrix) for position, label in enumerate(labels)),
    )


def _label_of(counts: PooledCounts, labels: list[str], columns: np.ndarray, kind: str) -> IntArray:
    """Shape (n_answers,): the position of the label that an answer's count of one kind is about, -1 without one."""
    codes = [labels.index(name[3:]) if name.startswith(kind) else -1 for name in counts.names]
    positions: IntArray = np.array([*codes, -1], dtype=np.int64)[columns].max(axis=1, initial=-1)
    return positions


def _figures(label: str, position: int, matrix: IntArray) -> ClassFigures:
    right = int(matrix[position, position])
    wanted, named = int(matrix[position].sum()), int(matrix[:, position].sum())
    return ClassFigures(
        label=label,
        n=wanted,
        named=named,
        right=right,
        precision=right / named if named else None,
        recall=right / wanted if wanted else None,
        f1=2 * right / (wanted + named) if wanted + named else None,
    )
