"""The counts that scores of pooled metrics carry, kept cell by cell: few of many names are in any one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Shape = tuple[int, int, int]
"""Arms, cases, repeats."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledCounts:
    """The counts of one metric over a run.

    Attributes:
        names: All names that any cell holds, sorted.
        present: Shape (n_arms, n_cases, n_repeats), whether the cell has counts, be they all 0.
        columns: One axis more, as long as the fullest cell: positions in ``names``, -1 where a cell holds fewer.
        amounts: Of the same shape, 0 where ``columns`` is -1.
    """

    names: tuple[str, ...]
    present: BoolArray
    columns: npt.NDArray[np.int32]
    amounts: FloatArray

    def per_case(self, rows: Sequence[int]) -> FloatArray:
        """Shape (n_cases, n_names): an arm's counts as the mean over its trainings, NaN where one has none.

        Args:
            rows: Of its trainings.
        """
        trainings = [self._of_training(row) for row in rows]
        return trainings[0] if len(trainings) == 1 else np.stack(trainings).mean(axis=0)

    def _of_training(self, row: int) -> FloatArray:
        """One training's counts, averaged over the repeats that have some, NaN without any."""
        dense = np.zeros((self.present.shape[1], len(self.names)))
        case, repeat, place = np.nonzero(self.columns[row] >= 0)
        np.add.at(
            dense, (case, self.columns[row, case, repeat, place]), self.amounts[row, case, repeat, place]
        )
        repeats = self.present[row].sum(axis=1)
        dense[repeats > 0] /= repeats[repeats > 0, None]
        dense[repeats == 0] = np.nan
        return dense


class PooledCountsBuilder:
    """Cells filled one by one; a later row of a cell replaces an earlier one."""

    def __init__(self, shape: Shape) -> None:
        self._codes: dict[str, int] = {}
        self._present = np.zeros(shape, dtype=bool)
        self._columns = np.full((*shape, 0), -1, dtype=np.int32)
        self._amounts = np.zeros((*shape, 0))

    def set(self, at: Shape, stats: Mapping[str, float] | None) -> None:
        """Give a cell its counts, or take them away."""
        self._present[at] = stats is not None
        self._columns[at], self._amounts[at] = -1, 0.0
        if not stats:
            return
        if (more := len(stats) - self._columns.shape[-1]) > 0:
            wider = ((0, 0),) * self._present.ndim + ((0, more),)
            self._columns = np.pad(self._columns, wider, constant_values=-1)
            self._amounts = np.pad(self._amounts, wider)
        codes = [self._codes.setdefault(name, len(self._codes)) for name in stats]
        self._columns[(*at, slice(len(codes)))] = codes
        self._amounts[(*at, slice(len(codes)))] = list(stats.values())

    def finish(self, scored: BoolArray) -> PooledCounts:
        """The counts of the cells that may be scored, their names in an order that no row decides."""
        present = self._present & scored
        names = sorted(self._codes)
        position = np.empty(len(names) + 1, dtype=np.int32)
        position[[self._codes[name] for name in names]] = np.arange(len(names))
        position[-1] = -1
        return PooledCounts(
            names=tuple(names),
            present=present,
            columns=np.where(present[..., None], position[self._columns], np.int32(-1)),
            amounts=np.where(present[..., None], self._amounts, 0.0),
        )
