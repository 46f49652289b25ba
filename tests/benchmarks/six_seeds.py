"""Six seeds of one record give one verdict: over random records, how often, and where not.

    python -m tests.benchmarks.six_seeds              200 records, some minutes of one core
    python -m tests.benchmarks.six_seeds --records 20

A record is a study of a random world (tests/benchmarks/decision_worlds.py): two or three arms, 60 to 400 cases, a gain
that pays or not, one or two trainings. A record whose verdict moves is printed with its shares and their Monte Carlo
standard errors.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.decision_worlds import UNIT, World, WorldArm, draw
from tests.benchmarks.world_study import Choice, Study

SEEDS = range(1, 7)
ALLOWED = 0.005
"""Share of records whose verdict may move with the seed."""


@dataclass(frozen=True)
class Record:
    """What six seeds decided on one record.

    Attributes:
        world: What it was drawn from.
        choices: In the order of ``SEEDS``.
    """

    world: World
    choices: tuple[Choice, ...]

    @property
    def verdicts(self) -> Counter[str]:
        """How often each was given."""
        return Counter(choice.verdict.value for choice in self.choices)

    @property
    def draws_differ(self) -> bool:
        """Whether each seed has draws of its own: their means differ."""
        return len({choice.net_benefits for choice in self.choices}) == len(SEEDS)

    def __str__(self) -> str:
        shares = [
            f"{choice.share.found.share:.4f} (SE {choice.share.found.monte_carlo_error:.4f})"
            for choice in self.choices
            if choice.share is not None
        ]
        needed = {f"{choice.share.threshold:.4f}" for choice in self.choices if choice.share is not None}
        return f"{dict(self.verdicts)}, {self.world.n} cases, needed {needed}: {', '.join(shares)}"


def random_world(rng: np.random.Generator) -> World:
    """A world near enough to its decision for a seed to matter."""
    base, gain = rng.uniform(0.4, 0.8), rng.normal(0.06, 0.06)
    arms = {
        "few_shot": WorldArm("few_shot", base),
        "tuned": WorldArm("fine_tuned", float(np.clip(base + gain, 0.1, 0.97)), UNIT * rng.uniform(0, 0.06)),
    }
    if rng.random() < 0.5:
        rate = float(np.clip(base + rng.normal(0.02, 0.06), 0.1, 0.97))
        arms["rag"] = WorldArm("rag", rate, unit_cost=0.0012)
    return World("random", arms, int(rng.choice([60, 120, 250, 400])), 0.02, int(rng.integers(1, 3)))


def records(n: int, seed: int) -> list[Record]:
    """So many random records, each decided with six seeds."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        world = random_world(rng)
        study, drawn = Study(world, draws=4000), draw(world, rng)
        found.append(Record(world, tuple(study.decide(drawn, one) for one in SEEDS)))
    return found


def main() -> int:
    """Print how many records keep their verdict, and those that do not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    found = records(given.records, given.seed)
    moved = [record for record in found if len(record.verdicts) > 1]
    differ = sum(record.draws_differ for record in found)
    kinds = Counter(verdict for record in found for verdict in set(record.verdicts))
    print(f"{len(found)} records x {len(SEEDS)} seeds; verdicts: {dict(kinds)}")
    print(f"draws differ between all seeds in {differ} records")
    print(f"one verdict in {len(found) - len(moved)} records; allowed to move: {ALLOWED:.1%}")
    print("\n".join(map(str, moved)))
    return int(len(moved) > ALLOWED * len(found))


if __name__ == "__main__":
    sys.exit(main())
