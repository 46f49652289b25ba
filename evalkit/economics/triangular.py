"""An amount that is not known exactly: low, most likely, high."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def exact(value: Decimal | float | str) -> Decimal:
    """A number as it is written: 0.15 is exactly 0.15.

    Raises:
        ValueError: It cannot be read as a number.

    >>> exact(0.15)
    Decimal('0.15')
    """
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"not a number: {value!r}") from None


@dataclass(frozen=True, slots=True)
class TriangularRange:
    """A triangular distribution; a value that is known exactly has ``low == mode == high``.

    Attributes:
        low: Smallest value thought possible.
        mode: The most likely value, the one a ledger table shows.
        high: Largest value thought possible.

    Raises:
        ValueError: The three are not finite or not in order.

    >>> TriangularRange.of(20, 100, 500).mean
    Decimal('206.6666666666666666666666667')
    """

    low: Decimal
    mode: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        if not all(value.is_finite() for value in (self.low, self.mode, self.high)):
            raise ValueError(f"a range needs finite numbers, got {self.low}, {self.mode}, {self.high}")
        if not self.low <= self.mode <= self.high:
            raise ValueError(f"a range needs low <= mode <= high, got {self.low}, {self.mode}, {self.high}")

    @classmethod
    def of(cls, low: Decimal | float, mode: Decimal | float, high: Decimal | float) -> Self:
        """A range from numbers as they are written."""
        return cls(exact(low), exact(mode), exact(high))

    @classmethod
    def point(cls, value: Decimal | float) -> Self:
        """A value known exactly.

        >>> TriangularRange.point(24).mean
        Decimal('24')
        """
        return cls.of(value, value, value)

    @property
    def is_point(self) -> bool:
        """True when nothing is left to draw."""
        return self.low == self.high

    @property
    def mean(self) -> Decimal:
        """(low + mode + high) / 3: what the draws average to, which is not the mode of a lopsided range."""
        return self.mode if self.is_point else (self.low + self.mode + self.high) / 3

    def draw(self, rng: np.random.Generator, n_draws: int) -> FloatArray:
        """Independent draws.

        Args:
            rng: The source of chance; a point takes nothing from it.
            n_draws: How many.

        Returns:
            Shape (n_draws,), each within [low, high].
        """
        if self.is_point:
            return np.full(n_draws, float(self.mode))
        return rng.triangular(float(self.low), float(self.mode), float(self.high), n_draws)
