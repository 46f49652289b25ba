"""How often the verdict is right in worlds where the truth is known, and how often the intervals hold it: one table.

    python -m tests.benchmarks.simulate_decisions            the stated grid; verdicts some ten minutes of one core
    python -m tests.benchmarks.simulate_decisions --quick    a tenth of the repetitions
    python -m tests.benchmarks.simulate_decisions --verdicts without the coverage of intervals, which takes longest

A world fixes the few-shot arm's base rate, the discordance (share of cases that exactly one of the two arms gets
right), the true gain of tuning, the number of cases, their clusters and the number of equally good tuned candidates.
Money is as in the stories of tests/decision: a unit of quality is worth 12,000 USD over the year, tuning costs 600 USD,
so that a gain of 0.05 pays for it exactly.

    null    tuning is worth no more than the best untuned arm: a gain of 0.05 (the hardest null: equal), of 0, of -0.05.
            Any `fine_tune` is false. The method allows 1 - confidence = 10% on average and 1.5 times that in any world.
    gain    tuning gains 0.15. How often is `fine_tune` found, with n cases?
    power   tuning is free, and n is what `evalkit power` says shows the gain with 80% power: `fine_tune` should be
            found about as often.

Runs are drawn case by case; everything from the scores on is the product's own code.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from evalkit.comparison.compare import compare
from evalkit.decision.context import ComparedRun
from evalkit.decision.prepare import prepare_decision
from evalkit.decision.verdict.choose_verdict import VerdictInputs, choose_verdict
from evalkit.records.decision import Verdict
from evalkit.stats.exact_power import pairs_needed_exact
from tests.benchmarks import simulate_coverage
from tests.builders import runs

CONFIDENCE = 0.9
SURE = VerdictInputs(
    tuned_measured=True,
    blocked=(),
    control_failed=False,
    invalid=(),
    missing=(),
    confidence=CONFIDENCE,
    cost_per_case=None,
    pilot=None,
)
FREE = {
    "economics": {"training": {"labour_hours": 0}},
    "models": {"tuned": {"training": {"cost": 0}}},
}


@dataclass(frozen=True)
class World:
    kind: str
    base_rate: float
    discordance: float
    gain: float
    n: int
    cluster_size: int = 1
    correlation: float = 0.0
    candidates: int = 1

    @property
    def shares(self) -> list[float]:
        """Both right, only tuned, only few-shot, neither."""
        only_tuned, only_few = (self.discordance + self.gain) / 2, (self.discordance - self.gain) / 2
        both = self.base_rate - only_few
        return [both, only_tuned, only_few, 1.0 - both - only_tuned - only_few]


@dataclass(frozen=True)
class Verdicts:
    world: World
    shares: dict[str, float]
    repetitions: int

    @property
    def tuned(self) -> float:
        return self.shares.get(Verdict.FINE_TUNE, 0.0)


def worlds() -> Iterator[World]:
    rates = (0.5, 0.7)
    for gain, base, discordance, n in itertools.product(
        (0.05, 0.0, -0.05), rates, (0.1, 0.2, 0.4), (60, 200, 600)
    ):
        yield World("null", base, discordance, gain, n)
    for base, discordance, n, correlation in itertools.product(rates, (0.2, 0.4), (100, 300), (0.1, 0.5)):
        yield World("null, clusters of 5", base, discordance, 0.05, n, 5, correlation)
    for base, discordance, n in itertools.product(rates, (0.2, 0.4), (60, 200, 600)):
        yield World("null, three tuned", base, discordance, 0.05, n, candidates=3)
    for discordance, n in itertools.product((0.2, 0.4), (60, 100, 200, 400)):
        yield World("gain of 0.15", 0.6, discordance, 0.15, n)
    for discordance, gain in ((0.1, 0.05), (0.2, 0.1), (0.3, 0.1), (0.4, 0.15)):
        yield World(
            "power of 80%, tuning free", 0.6, discordance, gain, pairs_needed_exact(gain, discordance)
        )


class Runs:
    """Runs of one world: the synthetic run is put together once, and its scores are drawn anew each time."""

    def __init__(self, world: World, synthetic: ModuleType) -> None:
        self.world = world
        names = ["tuned", *(f"tuned{number}" for number in range(2, world.candidates + 1))]
        arms = {"few_shot": synthetic.Arm([0.0] * world.n)}
        arms |= {name: synthetic.Arm([0.0] * world.n, kind="fine_tuned", shots=0) for name in names}
        clusters = [f"k{case // world.cluster_size}" for case in range(world.n)]
        changes: dict[str, Any] = FREE if world.kind.startswith("power") else {}
        self.run = synthetic.make_run(arms, clusters=clusters, **changes)

    def verdict(self, rng: np.random.Generator, seed: int) -> Verdict:
        run = self.run
        values = np.stack([*self.draw(rng)])[:, :, None]
        table = replace(run.table, values={run.table.primary: values})
        comparison = compare(run.suite, table)
        compared = ComparedRun(run.manifest, table, comparison, run.profile)
        prepared = prepare_decision(run.suite, compared, seed=seed)
        assert prepared.payoff_model is not None
        return choose_verdict(prepared.payoff_model, prepared.context.claims, SURE).verdict

    def draw(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """The few-shot arm's scores, then each tuned candidate's.

        A case copies its cluster's outcome with the root of the correlation as chance. Several candidates share their
        gain in expectation and lie on either side of few-shot independently, given whether few-shot is right.
        """
        world = self.world
        both, only_tuned, only_few, _ = world.shares
        right = self._correlated(lambda size: rng.random(size) < both + only_few, rng)
        yield right.astype(float)
        for _ in range(world.candidates):
            if_right = self._correlated(lambda size: rng.random(size) < both / (both + only_few), rng)
            if_wrong = self._correlated(
                lambda size: rng.random(size) < only_tuned / (1.0 - both - only_few), rng
            )
            yield np.where(right, if_right, if_wrong).astype(float)

    def _correlated(self, chance: Any, rng: np.random.Generator) -> np.ndarray:
        world = self.world
        own: np.ndarray = chance(world.n)
        if world.cluster_size == 1:
            return own
        n_clusters = -(-world.n // world.cluster_size)
        shared = np.repeat(chance(n_clusters), world.cluster_size)[: world.n]
        return np.where(rng.random(world.n) < np.sqrt(world.correlation), shared, own)


def verdicts_of(world: World, repetitions: int, seed: int, synthetic: ModuleType) -> Verdicts:
    """The shares of each verdict over runs of one world."""
    runs = Runs(world, synthetic)
    rng = np.random.default_rng([seed, *(ord(letter) for letter in repr(world))])
    counts = Counter(runs.verdict(rng, seed + number) for number in range(repetitions))
    return Verdicts(world, {str(verdict): n / repetitions for verdict, n in counts.items()}, repetitions)


def table_lines(results: list[Verdicts]) -> Iterator[str]:
    yield "| worlds | cases | n worlds | runs each | `fine_tune`: mean | worst or least | stay | not decidable |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for (kind, gain), members in itertools.groupby(
        results, key=lambda found: (found.world.kind, found.world.gain)
    ):
        rows = list(members)
        tuned = [found.tuned for found in rows]
        cases = sorted({found.world.n for found in rows})
        extreme = max(tuned) if kind.startswith("null") else min(tuned)
        yield (
            f"| {kind}, gain {gain:+.2f} | {', '.join(map(str, cases))} | {len(rows)} | {rows[0].repetitions} | "
            f"{np.mean(tuned):.1%} | {extreme:.1%} | {_mean(rows, Verdict.STAY_FEW_SHOT):.1%} | "
            f"{_mean(rows, Verdict.NOT_DECIDABLE):.1%} |"
        )


def _mean(rows: list[Verdicts], verdict: Verdict) -> float:
    return float(np.mean([found.shares.get(verdict, 0.0) for found in rows]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Verdicts and intervals in worlds of known truth.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    parser.add_argument("--verdicts", action="store_true", help="verdicts only")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    repetitions = 40 if arguments.quick else 400
    results = []
    for world in worlds():
        results.append(verdicts_of(world, repetitions, arguments.seed, runs))
        print(f"{results[-1].tuned:.3f} {world}", file=sys.stderr, flush=True)
    null = [found.tuned for found in results if found.world.kind.startswith("null")]
    print(f"Verdicts, confidence asked for {CONFIDENCE:.0%}, seed {arguments.seed}\n")
    print("\n".join(table_lines(results)))
    print(
        f"\nFalse `fine_tune` over all {len(null)} null worlds: {np.mean(null):.1%} on average, {max(null):.1%} in the "
        f"worst; allowed {1 - CONFIDENCE:.0%} and {1.5 * (1 - CONFIDENCE):.0%}.\n"
    )
    if not arguments.verdicts:
        print("\n".join(simulate_coverage.report(100 if arguments.quick else 1000, arguments.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
