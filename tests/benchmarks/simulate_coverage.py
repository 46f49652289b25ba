"""How often the 95% intervals hold the truth, and how often the tests cry wolf, in worlds where the truth is known.

    python tests/benchmarks/simulate_coverage.py            the full grid, some 40 minutes on one core
    python tests/benchmarks/simulate_coverage.py --quick    a tenth of the repetitions
    python tests/benchmarks/simulate_coverage.py --worlds   also one line for each world

A world fixes: the control's base rate; the discordance (share of cases that exactly one arm gets right); the true
difference (none, or half the discordance); the number of cases; for clustered worlds the cluster size and the
intraclass correlation of the answers. Graded scores lie in [0, 1]: a right answer scores 1 half of the time and else
Beta(5, 2), a wrong one 0 half of the time and else Beta(2, 5); cases with the same outcome get the same score in both
arms ("graded, alike"), or scores drawn apart ("graded, apart").

The table gives, for each kind of world and size, the number of worlds, the average coverage over them, the coverage of
the worst, and the largest share of p <= 0.05 in a world without a difference.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalkit.stats.compare import one_arm, paired_difference
from evalkit.stats.intervals import clopper_pearson

ALPHA = 0.05
MEAN_RIGHT = 0.5 + 0.5 * 5 / 7
MEAN_WRONG = 0.5 * 2 / 7
KINDS = ("0/1", "0/1 in clusters", "graded, alike", "graded, apart", "graded in clusters")


@dataclass(frozen=True)
class World:
    kind: str
    base_rate: float
    discordance: float
    difference: float
    n: int
    cluster_size: int = 1
    correlation: float = 0.0

    @property
    def binary(self) -> bool:
        return self.kind.startswith("0/1")

    @property
    def n_clusters(self) -> int:
        return self.n // self.cluster_size

    @property
    def outcome_shares(self) -> list[float]:
        """Both right, only the treatment, only the control, neither."""
        treatment_only = (self.discordance + self.difference) / 2
        control_only = (self.discordance - self.difference) / 2
        both = self.base_rate - control_only
        return [both, treatment_only, control_only, 1 - both - treatment_only - control_only]

    @property
    def truth(self) -> tuple[float, float]:
        """The treatment's mean score and the mean difference."""
        rate = self.base_rate + self.difference
        if self.binary:
            return rate, self.difference
        return rate * MEAN_RIGHT + (1 - rate) * MEAN_WRONG, self.difference * (MEAN_RIGHT - MEAN_WRONG)


@dataclass(frozen=True)
class Coverage:
    world: World
    one_arm: float
    pair: float
    exact: float | None
    false_positives: float | None


def worlds() -> Iterator[World]:
    for n, outcome in itertools.product((20, 50, 100, 300), outcomes()):
        yield World("0/1", *outcome, n)
        for size, correlation in itertools.product((2, 5), (0.1, 0.5, 0.9)):
            yield World("0/1 in clusters", *outcome, n, size, correlation)
    for n, outcome in itertools.product((20, 50, 100), outcomes()):
        yield World("graded, alike", *outcome, n)
        yield World("graded, apart", *outcome, n)
        yield World("graded in clusters", *outcome, n - n % 3, 3, 0.5)


def outcomes() -> list[tuple[float, float, float]]:
    """Base rate, discordance and difference, as far as they can go together."""
    return [
        (base, discordance, difference)
        for base, discordance in itertools.product((0.5, 0.7, 0.9), (0.05, 0.1, 0.3))
        for difference in (0.0, discordance / 2)
        if min(World("0/1", base, discordance, difference, 1).outcome_shares) > -1e-12
    ]


def simulate(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Draw one run: the two arms' scores and the clusters.

    A case copies its cluster's outcome with the root of the correlation as chance, so that any two cases of a cluster
    copy the same one with the correlation itself as chance.
    """
    shares = np.clip(world.outcome_shares, 0.0, 1.0)
    own = rng.choice(4, size=world.n, p=shares)
    clusters = None
    if world.cluster_size > 1:
        clusters = np.repeat(np.arange(world.n_clusters), world.cluster_size)
        shared = rng.choice(4, size=world.n_clusters, p=shares)[clusters]
        own = np.where(rng.random(world.n) < np.sqrt(world.correlation), shared, own)
    treatment, control = own <= 1, (own == 0) | (own == 2)
    if world.binary:
        return treatment.astype(float), control.astype(float), clusters
    first, second = grade(treatment, rng), grade(control, rng)
    if world.kind != "graded, apart":
        second = np.where(treatment == control, first, second)
    return first, second, clusters


def grade(right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    plain = rng.random(right.size) < 0.5
    when_right = np.where(plain, 1.0, rng.beta(5, 2, right.size))
    when_wrong = np.where(plain, 0.0, rng.beta(2, 5, right.size))
    return np.where(right, when_right, when_wrong)


def coverage_of(world: World, repetitions: int, rng: np.random.Generator) -> Coverage:
    mean, difference = world.truth
    hits = np.zeros(4)
    for _ in range(repetitions):
        treatment, control, clusters = simulate(world, rng)
        arm = one_arm(treatment, clusters, binary=world.binary, alpha=ALPHA, rng=rng)
        pair = paired_difference(treatment, control, clusters, binary=world.binary, alpha=ALPHA, rng=rng)
        exact = clopper_pearson(int(treatment.sum()), world.n, ALPHA) if world.kind == "0/1" else arm
        hits += (
            arm.low <= mean <= arm.high,
            pair.low <= difference <= pair.high,
            exact.low <= mean <= exact.high,
            pair.p_value <= ALPHA,
        )
    share = hits / repetitions
    return Coverage(
        world,
        one_arm=share[0],
        pair=share[1],
        exact=share[2] if world.kind == "0/1" else None,
        false_positives=share[3] if world.difference == 0.0 else None,
    )


def table_lines(results: list[Coverage]) -> Iterator[str]:
    yield "| worlds | cases | clusters | n worlds | one arm: mean, worst | pair: mean, worst | false p <= .05 |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"

    def group(result: Coverage) -> tuple[int, int, bool]:
        world = result.world
        return KINDS.index(world.kind), round(world.n, -1), world.cluster_size > 1 and world.n_clusters >= 20

    for (kind, n, _), members in itertools.groupby(sorted(results, key=group), key=group):
        rows = list(members)
        clusters = sorted({row.world.n_clusters for row in rows})
        wolf = max(row.false_positives for row in rows if row.false_positives is not None)
        yield " | ".join(
            (
                f"| {KINDS[kind]}",
                f"{n}",
                ", ".join(map(str, clusters)) if rows[0].world.cluster_size > 1 else "-",
                f"{len(rows)}",
                summary([row.one_arm for row in rows]),
                summary([row.pair for row in rows]),
                f"{wolf:.1%} |",
            )
        )
        exact = [row.exact for row in rows if row.exact is not None]
        if exact:
            yield f"| 0/1, Clopper-Pearson | {n} | - | {len(rows)} | {summary(exact)} | - | - |"


def summary(coverages: list[float]) -> str:
    return f"{np.mean(coverages):.1%}, {min(coverages):.1%}"


def report(repetitions: int, seed: int, *, each: bool = False) -> Iterator[str]:
    """The lines of the table over the whole grid; each world's own line goes to standard error as it is done."""
    results = []
    for number, world in enumerate(worlds()):
        result = coverage_of(world, repetitions, np.random.default_rng([seed, number]))
        results.append(result)
        if each:
            print(f"{result.one_arm:.3f} {result.pair:.3f} {world}", file=sys.stderr, flush=True)
    yield f"Coverage of 95% intervals, {repetitions} repetitions per world, seed {seed}"
    yield ""
    yield from table_lines(results)


def main() -> int:
    parser = argparse.ArgumentParser(description="Coverage of the intervals in worlds of known truth.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    parser.add_argument("--worlds", action="store_true", help="one line for each world as well")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    repetitions = 100 if arguments.quick else 1000
    print("\n".join(report(repetitions, arguments.seed, each=arguments.worlds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
