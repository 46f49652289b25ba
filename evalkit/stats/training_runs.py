"""What the trainings that will serve production are worth, where the measured ones are only examples of the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.training_spread import TrainingSpread

Deploy = Literal["fresh", "measured"]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How a tuned arm's production models come about.

    Attributes:
        spread: Spread between trainings, and how many of them the arm's score is the mean of.
        retunes: R, trainings after the first inside the arm's life, at least 0.
        deploy: "fresh": all R + 1 models of production are trained anew. "measured": one measured model, named before
            it was scored, serves the first of the R + 1 periods, and the R others are trained anew.
    """

    spread: TrainingSpread
    retunes: int
    deploy: Deploy = "fresh"

    def __post_init__(self) -> None:
        if self.retunes < 0:
            raise ValueError(f"retunes is {self.retunes}; give at least 0")

    @property
    def fresh_share(self) -> float:
        """Share of the arm's life that is served by models trained anew."""
        return 1.0 if self.deploy == "fresh" else self.retunes / (self.retunes + 1.0)

    @property
    def fresh_models(self) -> int:
        """How many models are trained anew."""
        return self.retunes + (self.deploy == "fresh")

    @property
    def offset_factor(self) -> float:
        """Variance of the offset of the models trained anew, in units of tau^2; 0 where there are none.

        1/S for the mean of the recipe, and 1 over the number of fresh models, whose mean counts.
        """
        return 1.0 / self.spread.n_seeds + 1.0 / self.fresh_models if self.fresh_models else 0.0

    @property
    def horizon_factor(self) -> float:
        """Variance of the mean quality over the arm's life in units of tau^2: 1/S + 1/(R + 1) for fresh models."""
        return self.fresh_share**2 * self.offset_factor

    def resolved_by(self, more_seeds: int) -> float:
        """Return the share of the offset's variance that measuring so many more trainings resolves.

        They resolve tau^2/S - tau^2/(S + s). How the models of production will turn out is resolved by none.

        Args:
            more_seeds: s, at least 0.
        """
        if more_seeds < 0:
            raise ValueError(f"more_seeds is {more_seeds}; give at least 0")
        if self.offset_factor == 0.0:
            return 0.0
        n_seeds = self.spread.n_seeds
        return (1.0 / n_seeds - 1.0 / (n_seeds + more_seeds)) / self.offset_factor


def training_offsets(
    quality: FloatArray, plans: Sequence[TrainingPlan | None], column_of: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Draw by how much the models trained anew differ from the mean of the measured trainings.

    Quality is drawn from a Beta distribution with the mean q that the cases give and the variance
    min(v, q (1 - q) / 3), v = tau^2 (1/S + 1/(fresh models)); cutting a normal draw off at 1 would lower the mean of
    good arms.

    Args:
        quality: Shape (n_draws, n_arms), in [0, 1].
        plans: For each arm; None for an arm that is not trained.
        column_of: Shape (n_arms,), equal numbers for arms that are one and the same column (`JointMeans.column_of`).
        rng: Source of chance.

    Returns:
        Shape (n_draws, n_arms): offsets e, 0 for arms that are not trained. Two arms that are the same column with the
        same plan have the same offsets: a copy of an arm is no second chance. Other arms' do not depend on each other.

    Raises:
        ValueError: There is not one plan and one column number for each arm.
    """
    n_draws, n_arms = quality.shape
    if len(plans) != n_arms or len(column_of) != n_arms:
        raise ValueError(f"give one plan and one column number for each of the {n_arms} arms")
    seeds = rng.integers(0, 2**63, size=int(max(column_of)) + 1)
    offsets = np.zeros((n_draws, n_arms))
    for arm, plan in enumerate(plans):
        if plan is None or plan.offset_factor == 0.0:
            continue
        own = np.random.default_rng(seeds[column_of[arm]])
        variance = plan.spread.draws(n_draws, own) * plan.offset_factor
        offsets[:, arm] = beta_around(quality[:, arm], variance, own) - quality[:, arm]
    return offsets


def beta_around(mean: FloatArray, variance: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw from Beta distributions of given means and variances; the mean itself where it is 0 or 1 or nothing varies.

    Args:
        mean: Shape (n_draws,), in [0, 1].
        variance: Shape (n_draws,), at least 0; cut to mean x (1 - mean) / 3.
        rng: Source of chance.

    Returns:
        Shape (n_draws,), in [0, 1].
    """
    room = mean * (1.0 - mean)
    held = np.minimum(variance, room / 3.0)
    drawn = mean.copy()
    varies = np.flatnonzero(held > 1e-18)  # below, the shapes of the Beta pass what doubles hold
    total = room[varies] / held[varies] - 1.0
    drawn[varies] = rng.beta(mean[varies] * total, (1.0 - mean[varies]) * total)
    return drawn


def wrong_after(wrong: FloatArray, quality: FloatArray, offsets: FloatArray) -> FloatArray:
    """Move the share of wrong answers with the quality: by -e x wrong / (1 - quality).

    What is neither right nor wrong (abstentions) shrinks or grows in the same proportion.

    Args:
        wrong: Any shape, in [0, 1 - quality].
        quality: Same shape, before the offset.
        offsets: Same shape.

    Returns:
        Same shape, at least 0.
    """
    left = 1.0 - quality
    ratio = np.zeros_like(wrong)
    np.divide(wrong, left, out=ratio, where=left > 0.0)
    moved: FloatArray = np.maximum(0.0, wrong - offsets * ratio)
    return moved


def over_the_life(first: FloatArray, later: FloatArray, plan: TrainingPlan) -> FloatArray:
    """Mean over an arm's life of what the measured model brings in the first period and fresh ones in the others.

    Args:
        first: Shape (n_draws,), of the measured model by itself, drawn with the same weights.
        later: Shape (n_draws,), of the models trained anew.
        plan: The arm's; for "fresh" the result is `later`.
    """
    mean: FloatArray = (1.0 - plan.fresh_share) * first + plan.fresh_share * later
    return mean
