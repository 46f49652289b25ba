"""Worlds of known truth for the decision: what every arm is worth, and studies drawn from them case by case.

A case has a difficulty, normal; an arm answers right where its own normal latent, correlated .6 with the difficulty,
lies below its rate's quantile. A training of a tuned arm has a rate of its own, normal around the recipe's. What is
deployed is trained afresh, so the truth of a tuned arm is its recipe's rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from evalkit.comparison.table import FloatArray

CORRELATION = 0.6
VALUE = 0.01
VOLUME = 100_000
HORIZON = 12
UNIT = VALUE * VOLUME * HORIZON
"""Money that a quality of 1 is worth over the horizon, not discounted: 12,000 USD."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class WorldArm:
    """One arm as it is in truth.

    Attributes:
        kind: As in ``arm_kind``.
        rate: Share of requests that it answers right; of a tuned arm, the mean over trainings.
        fixed: Money once: training and the work that it takes.
        retune: Money for every training after the first.
        unit_cost: Money of one request.
    """

    kind: str
    rate: float
    fixed: float = 0.0
    retune: float = 0.0
    unit_cost: float = 0.001

    @property
    def tuned(self) -> bool:
        """Whether it is trained."""
        return self.kind.startswith("fine_tuned")


@dataclass(frozen=True)
class World:
    """Arms, and how a study of them is made.

    Attributes:
        group: What the world is of; one row of the printed table.
        arms: By name.
        n: Cases of a study.
        spread: Standard deviation of the rate between trainings.
        seeds: Trainings measured of each tuned arm.
        cluster_size: Cases that share a difficulty.
        retune_every: Months between trainings; None for one training.
        discount_rate: A year.
        mix: Share in production of the tag that half of the cases have; None where production is as the cases are.
        tag_gain: What is added to the tuned arms' rate on cases with the tag, and taken away on the others.
        cost_per_case: Money; None where no more cases can be had.
        null: What verdict would be false here: ``fine_tune``, ``use_rag or stay_few_shot``, or None.
    """

    group: str
    arms: Mapping[str, WorldArm]
    n: int
    spread: float = 0.0
    seeds: int = 1
    cluster_size: int = 1
    retune_every: int | None = None
    discount_rate: float = 0.0
    mix: float | None = None
    tag_gain: float = 0.0
    cost_per_case: float | None = None
    null: str | None = None
    note: str = field(default="", compare=False)

    @property
    def retunes(self) -> int:
        """Trainings after the first inside the horizon."""
        return 0 if self.retune_every is None else -(-HORIZON // self.retune_every) - 1

    def months(self) -> float:
        """Discounted months of the horizon, paid at the end of each."""
        monthly = (1.0 + self.discount_rate) ** (1.0 / 12.0) - 1.0
        return float(sum((1.0 + monthly) ** -month for month in range(1, HORIZON + 1)))

    def true_rate(self, name: str) -> float:
        """Share right in production."""
        arm = self.arms[name]
        if self.mix is None or not arm.tuned:
            return arm.rate
        return arm.rate + self.tag_gain * (2.0 * self.mix - 1.0)

    def worth(self, name: str) -> float:
        """Net benefit over the horizon, discounted."""
        arm = self.arms[name]
        monthly = (1.0 + self.discount_rate) ** (1.0 / 12.0) - 1.0
        every = self.retune_every or HORIZON
        later = sum((1.0 + monthly) ** -(every * number) for number in range(1, self.retunes + 1))
        per_month = VOLUME * (VALUE * self.true_rate(name) - arm.unit_cost)
        return self.months() * per_month - arm.fixed - later * arm.retune


@dataclass(frozen=True)
class Drawn:
    """One study.

    Attributes:
        scores: By arm, shape (n_seeds, n_cases); one row for an arm that is not trained.
        tagged: Shape (n_cases,), whether a case has the tag of the mix.
    """

    scores: Mapping[str, FloatArray]
    tagged: np.ndarray


def draw(world: World, rng: np.random.Generator) -> Drawn:
    """A study of a world."""
    n_clusters = -(-world.n // world.cluster_size)
    difficulty = np.repeat(rng.standard_normal(n_clusters), world.cluster_size)[: world.n]
    tagged = np.arange(world.n) % 2 == 0
    scores = {}
    sides = np.where(tagged, 1.0, -1.0)
    for name, arm in world.arms.items():
        rows = []
        for _ in range(world.seeds if arm.tuned else 1):
            rate = arm.rate + (world.spread * rng.standard_normal() if arm.tuned else 0.0)
            moved = world.tag_gain if arm.tuned else 0.0
            high, low = (
                _NORMAL.inv_cdf(float(np.clip(rate + sign * moved, 0.001, 0.999))) for sign in (1, -1)
            )
            bound = np.where(sides > 0, high, low)
            own = rng.standard_normal(world.n)
            rows.append(np.sqrt(CORRELATION) * difficulty + np.sqrt(1 - CORRELATION) * own < bound)
        scores[name] = np.array(rows, dtype=np.float64)
    return Drawn(scores, tagged)


def pays_exactly(
    gain: float, *, discount_rate: float = 0.0, retune_every: int | None = None
) -> dict[str, float]:
    """Fixed costs at which this much more quality pays for tuning exactly: half of it for the first training.

    With retunes each costs an equal part of the other half.
    """
    frame = World("", {}, 1, discount_rate=discount_rate, retune_every=retune_every)
    worth = frame.months() * VOLUME * VALUE * gain
    if not frame.retunes:
        return {"fixed": worth}
    monthly = (1.0 + discount_rate) ** (1.0 / 12.0) - 1.0
    later = sum((1.0 + monthly) ** -(retune_every * number) for number in range(1, frame.retunes + 1))
    return {"fixed": worth / 2.0, "retune": worth / 2.0 / later}
