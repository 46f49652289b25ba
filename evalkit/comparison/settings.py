"""What a suite declares about comparing arms, passed on as one value, and the chance that follows from it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from evalkit.suite.schema import Suite


@dataclass(frozen=True, slots=True)
class ComparisonSettings:
    """How differences are judged, fixed before the run.

    Attributes:
        alpha: Two-sided error rate of every interval and of each family of tests, strictly between 0 and 1.
        margin: The difference that would not matter, in the unit of the scores; at least 0.
        seed: Source of all chance: the same seed and the same scores give the same record, bit for bit.
    """

    alpha: float
    margin: float
    seed: int

    @classmethod
    def of_suite(cls, suite: Suite) -> ComparisonSettings:
        """The settings that a suite declares under ``decision`` and ``run``."""
        return cls(alpha=suite.decision.alpha, margin=suite.decision.margin, seed=suite.run.seed)


def generator(seed: int, *names: str) -> np.random.Generator:
    """A source of chance of its own for what ``names`` name, so that no result depends on what else was computed."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
