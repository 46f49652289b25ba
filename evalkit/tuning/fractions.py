"""Which rows are trained on and which are held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Split(Generic[T]):
    """Rows in a random order, the held-out ones apart."""

    train: tuple[T, ...]
    validation: tuple[T, ...]

    def fraction(self, share: float) -> tuple[T, ...]:
        """The first rows, at least one: a smaller fraction is part of every larger one."""
        # A share such as 0.07 of 100 rows is 7.000000000000001 of them.
        return self.train[: max(1, math.ceil(round(share * len(self.train), 9)))]


def split(rows: Sequence[T], *, validation_share: float, rng: np.random.Generator) -> Split[T]:
    """Shuffle once and hold out a share, the same for all fractions and training seeds.

    Args:
        rows: All training rows.
        validation_share: In [0, 0.5), rounded to whole rows.
        rng: Decides the order.
    """
    shuffled = [rows[index] for index in rng.permutation(len(rows))]
    held_out = round(validation_share * len(rows))
    return Split(train=tuple(shuffled[held_out:]), validation=tuple(shuffled[:held_out]))
