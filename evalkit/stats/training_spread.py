"""How much the quality of a tuned model differs from one training to the next, with few trainings measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray, checked_table
from evalkit.stats.clusters import clustered_mean

PRIOR_DEGREES = 4.0
"""How many trainings' worth the assumed spread counts for."""

PRIOR_SD = 0.02
"""Standard deviation between trainings that is assumed where several were measured and none is declared."""

PRIOR_SD_ONE_TRAINING = 0.03
"""The same where one training was measured: nothing then corrects an assumption that is too small."""


@dataclass(frozen=True, slots=True)
class TrainingSpread:
    """What is known of tau^2, the variance of the mean score between trainings of one recipe.

    tau^2 has a scaled inverse chi-square distribution: `degrees` x `sd`^2 / chi-square(`degrees`).

    Attributes:
        n_seeds: Trainings measured, S.
        prior_sd: s0, the standard deviation assumed before any was measured.
        excess: SS, what the measured means vary beyond what their cases explain; 0 for one training.
        degrees: nu.
        sd: s.
    """

    n_seeds: int
    prior_sd: float
    excess: float
    degrees: float
    sd: float

    @property
    def expected_variance(self) -> float:
        """E tau^2 = nu s^2 / (nu - 2)."""
        return self.degrees * self.sd**2 / (self.degrees - 2.0)

    def draws(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Draw tau^2, shape (n_draws,); all 0 where the spread is known to be 0."""
        if self.sd == 0.0:
            return np.zeros(n_draws)
        return self.degrees * self.sd**2 / rng.chisquare(self.degrees, size=n_draws)


def training_spread(
    seed_means: Sequence[float], pair_errors: Sequence[float] = (), prior_sd: float | None = None
) -> TrainingSpread:
    """Update the assumed spread between trainings by those that were measured.

    SS = max(0, (S - 1) x variance of the seed means - (S - 1) x mean over pairs of SE^2 / 2): the second part is what
    the means would differ by if the trainings were equal, because the cases are few. Then nu = 4 + S - 1 and
    s^2 = (4 x s0^2 + SS) / nu.

    Args:
        seed_means: Mean score of each measured training on the same cases, at least one.
        pair_errors: For each pair of trainings the standard error of their paired difference; S (S - 1) / 2 of them.
        prior_sd: s0; None for .02, or .03 where one training was measured.

    Raises:
        ValueError: No training, another number of pairs, or a negative number.

    References:
        Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, 2.6: the conjugate prior of a variance.

    Example:
        >>> spread = training_spread([0.884259, 0.949074], [0.0212], prior_sd=0.02)
        >>> spread.degrees, round(spread.sd, 6), round(spread.expected_variance, 8)
        (5.0, 0.026366, 0.00115859)
    """
    n_seeds, pairs = len(seed_means), len(seed_means) * (len(seed_means) - 1) // 2
    if n_seeds < 1:
        raise ValueError("no training was measured; a spread between trainings needs at least one")
    if len(pair_errors) != pairs:
        raise ValueError(
            f"{n_seeds} trainings have {pairs} pairs and there are {len(pair_errors)} standard errors"
        )
    if prior_sd is None:
        prior_sd = PRIOR_SD if n_seeds > 1 else PRIOR_SD_ONE_TRAINING
    if not (prior_sd >= 0.0 and math.isfinite(prior_sd)) or any(not error >= 0.0 for error in pair_errors):
        raise ValueError(
            "a standard deviation or standard error is negative or not a number; give at least 0"
        )
    excess = 0.0
    if n_seeds > 1:
        middle = math.fsum(seed_means) / n_seeds
        squares = math.fsum((mean - middle) ** 2 for mean in seed_means)
        explained = (n_seeds - 1) * math.fsum(error**2 for error in pair_errors) / pairs / 2.0
        excess = max(0.0, squares - explained)
    degrees = PRIOR_DEGREES + n_seeds - 1
    variance = (PRIOR_DEGREES * prior_sd**2 + excess) / degrees
    return TrainingSpread(n_seeds, prior_sd, excess, degrees, math.sqrt(variance))


def measured_spread(
    seed_scores: FloatArray, clusters: IntArray | None, prior_sd: float | None = None
) -> TrainingSpread:
    """Update the assumed spread by the scores of the measured trainings, paired by case.

    Args:
        seed_scores: Shape (n_cases, S), each training's score on the same cases.
        clusters: Shape (n_cases,), the label of each case's cluster; None when each case is its own.
        prior_sd: As for `training_spread`.

    Raises:
        ValueError: A score is missing, or all cases lie in one cluster.
    """
    table = checked_table(seed_scores, "seed_scores")
    errors = [
        clustered_mean(table[:, one] - table[:, other], clusters).standard_error
        for one, other in itertools.combinations(range(table.shape[1]), 2)
    ]
    return training_spread([float(mean) for mean in table.mean(axis=0)], errors, prior_sd)
