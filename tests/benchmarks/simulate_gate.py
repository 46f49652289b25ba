"""How often the gate fails though nothing became worse, and how often it fails a drop that is there.

    python tests/benchmarks/simulate_gate.py            2,000 null gates a world and 500 with a drop, some 10 minutes
    python tests/benchmarks/simulate_gate.py --quick    a tenth of them
    python tests/benchmarks/simulate_gate.py --only 72  worlds whose name holds a text

In a world each case has a chance of being answered well, the same in every run: some cases always are, some never, the
rest lie between. Baseline and candidate draw their answers from it apart, so that a null gate compares two runs of one
and the same system. In worlds with clusters a case copies an outcome that its cluster shares. Scores are 0/1 or graded.
A true drop of twice the smallest that the gate can see (the median over null gates) comes in two kinds: cases that
break for good, as after a lost instruction, whole clusters at a time where there are any; and answers of every case
that become less certain. With confirmation the changed cases of a failed gate are asked twice more, and the median
counts.

A second table holds one baseline fixed over many pull requests that change nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalkit.comparison.table import Pairs
from evalkit.gating.rules import DropRule, adjusted_drops, drop_verdict, judged_drops
from evalkit.records.gate import RuleVerdict
from evalkit.stats.shared_control import alarm_with_luck, any_alarm

ALPHA = 0.05
ASKS = 3
Drop = Literal["none", "broken", "less certain"]


@dataclass(frozen=True)
class World:
    """What the cases of a suite are like.

    Attributes:
        between: Share of cases that are neither always nor never answered well.
        lean: Of those, the two parameters of the Beta distribution of the chance.
        right: Share of the others that are always answered well.
        tags: Rules beside the one on all cases, each on so many of the first cases.
        graded: Scores are graded; "too": a rule on a graded metric beside those on the 0/1 one.
    """

    name: str
    n: int
    between: float
    lean: tuple[float, float] = (1.0, 1.0)
    right: float = 0.8
    cluster_size: int = 1
    tags: tuple[int, ...] = ()
    graded: bool | Literal["too"] = False
    max_drop: float = 0.02

    @property
    def clusters(self) -> np.ndarray:
        return np.arange(self.n) // self.cluster_size

    def chances(self, rng: np.random.Generator) -> np.ndarray:
        """The chance of each case, alike within a cluster."""
        n_units = math.ceil(self.n / self.cluster_size)
        sure = np.where(rng.random(n_units) < self.right, 1.0, 0.0)
        chance = np.where(rng.random(n_units) < self.between, rng.beta(*self.lean, n_units), sure)
        return chance[self.clusters]

    def lowered(self, chances: np.ndarray, drop: float, kind: Drop, rng: np.random.Generator) -> np.ndarray:
        """The chances after a true drop of the mean."""
        wanted = min(drop, float(chances.mean()))
        if kind == "less certain":
            return chances * (1.0 - wanted / chances.mean())
        order = rng.permutation(self.clusters[-1] + 1)[self.clusters]
        places = np.argsort(order, kind="stable")
        broken = np.cumsum(chances[places]) <= wanted * self.n + 1e-9
        after = chances.copy()
        after[places[broken]] = 0.0
        return after

    def answers(self, chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Scores of one run: a row for the 0/1 metric, one for the graded."""
        draws = rng.random(self.n)
        if self.cluster_size > 1:
            shared = rng.random(self.n)[self.clusters]
            draws = np.where(rng.random(self.n) < math.sqrt(0.5), shared, draws)
        right = (draws < chances).astype(float)
        sure = (chances == 0.0) | (chances == 1.0)
        near = rng.beta(12.0 * chances + 1e-3, 12.0 * (1.0 - chances) + 1e-3)
        return np.stack((right, np.where(sure, chances, np.round(near, 2))))


WORLDS = (
    World("100 steady", 100, 0.1),
    World("216 mostly right", 216, 0.4, (4.0, 1.0)),
    World("216 mostly wrong", 216, 0.4, (1.0, 4.0), right=0.3),
    World("1,000 mostly right", 1000, 0.3, (3.0, 1.0)),
    World("72 clusters of 3", 216, 0.4, (2.0, 1.0), cluster_size=3),
    World("30 clusters of 10", 300, 0.4, (2.0, 1.0), cluster_size=10),
    World("150 graded", 150, 0.5, (2.0, 1.0), graded=True),
    World("60 clusters of 3, graded", 180, 0.5, (2.0, 1.0), cluster_size=3, graded=True),
    World("216, four rules", 216, 0.4, (3.0, 1.0), tags=(80, 40), graded="too"),
)


@dataclass
class Tally:
    """What became of a world's gates."""

    n: int = 0
    failed: int = 0
    upheld: int = 0
    passed: int = 0
    turned: int = 0

    def add(self, first: RuleVerdict, after: RuleVerdict) -> None:
        self.n += 1
        self.failed += first == "fail"
        self.upheld += first == "fail" and after == "fail"
        self.passed += first == "pass"
        self.turned += first == "fail" and after == "pass"


def rules_of(world: World, candidate: np.ndarray, baseline: np.ndarray) -> list[DropRule]:
    """The rules of a gate on scores of shape (2, n): 0/1 and graded."""

    def rule(row: int, size: int, tag: str | None) -> DropRule:
        both = Pairs(candidate[row, :size], baseline[row, :size], world.clusters[:size])
        metric = ("exact_match", "token_f1")[row]
        return DropRule("rag", metric, tag, world.max_drop, np.arange(size), both)

    rules = [rule(int(world.graded is True), world.n, None)]
    rules += [rule(0, size, f"first {size}") for size in world.tags]
    return rules + ([rule(1, world.n, None)] if world.graded == "too" else [])


def verdict(rules: Sequence[DropRule], seed: int) -> tuple[RuleVerdict, list[RuleVerdict]]:
    """Of the gate, and of each rule."""
    records = adjusted_drops(rules, alpha=ALPHA, seed=seed)
    each = [
        drop_verdict(record, rule.max_drop, ALPHA)
        for rule, record in zip(rules, records, strict=True)
        if record is not None
    ]
    return next((kind for kind in ("fail", "inconclusive") if kind in each), "pass"), each


def one_gate(
    world: World, chances: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> tuple[RuleVerdict, RuleVerdict]:
    """The verdict on the run's own answers, and on the majority of three asks of its changed cases."""
    before, now = chances
    baseline, candidate = world.answers(before, rng), world.answers(now, rng)
    seed = int(rng.integers(2**31))
    first, each = verdict(rules_of(world, candidate, baseline), seed)
    if first != "fail":
        return first, first
    asks = np.stack([candidate, *(world.answers(now, rng) for _ in range(ASKS - 1))])
    changed = (np.abs(candidate - baseline) > 1e-12).any(axis=0)
    majority = np.where(changed, np.median(asks, axis=0), candidate)
    after, each_after = verdict(rules_of(world, majority, baseline), seed)
    upheld = any(old == new == "fail" for old, new in zip(each, each_after, strict=True))
    return first, "fail" if upheld else "inconclusive" if after == "fail" else after


def smallest_drop(world: World, rng: np.random.Generator, gates: int = 21) -> float:
    """The median over null gates of what the rule on all cases says it could have seen."""
    seen = []
    for _ in range(gates):
        chances = world.chances(rng)
        rules = rules_of(world, world.answers(chances, rng), world.answers(chances, rng))
        result = judged_drops(rules, alpha=ALPHA, seed=7)[0]
        seen.append(1.0 if result.smallest_drop is None else result.smallest_drop)
    return float(np.median(seen))


def simulate(world: World, drop: float, kind: Drop, gates: int, rng: np.random.Generator) -> Tally:
    """Many gates of a world, each on cases of its own."""
    tally = Tally()
    for _ in range(gates):
        before = world.chances(rng)
        now = before if kind == "none" else world.lowered(before, drop, kind, rng)
        tally.add(*one_gate(world, (before, now), rng))
    return tally


def world_lines(world: World, null_gates: int, drop_gates: int, seed: int) -> Iterator[str]:
    """The rows of one world."""
    rng = np.random.default_rng([seed, WORLDS.index(world)])
    seen = smallest_drop(world, rng)
    for kind in ("none", "broken", "less certain"):
        gates = null_gates if kind == "none" else drop_gates
        tally = simulate(world, 2.0 * seen, kind, gates, rng)
        size = "" if kind == "none" else f" {2.0 * seen:.3f}"
        cells = (tally.failed, tally.upheld, tally.passed, tally.turned)
        shares = " | ".join(f"{cell / tally.n:.1%}" for cell in cells)
        yield f"| {world.name} | {kind}{size} | {tally.n} | {shares} |"


def fixed_baseline(baselines: int, gates: int, seed: int) -> Iterator[str]:
    """Many pull requests that change nothing against each of many baselines, beside what the formula says."""
    rng = np.random.default_rng([seed, 99])
    world = World("1,000 mostly right", 1000, 0.4, (3.0, 1.0), max_drop=0.001)
    alarms, luck = np.zeros((baselines, gates), dtype=bool), np.zeros(baselines)
    for place in range(baselines):
        chances = world.chances(rng)
        baseline = world.answers(chances, rng)
        luck[place] = (baseline[0] - chances).sum() / math.sqrt((chances * (1 - chances)).sum())
        for gate in range(gates):
            rules = rules_of(world, world.answers(chances, rng), baseline)
            alarms[place, gate] = verdict(rules, gate)[0] == "fail"
    level = float(alarms.mean())
    ten = alarms[:, : gates // 10 * 10].reshape(baselines, -1, 10).any(axis=2).mean()
    yield f"Level {level:.2%} over {baselines} baselines with {gates} gates each, {world.n} cases of 0/1 scores."
    for n, share in ((10, ten), (gates, alarms.any(axis=1).mean())):
        shared, apart = any_alarm(level, n), any_alarm(level, n, 0.0)
        yield f"At least one of {n}: {share:.1%}, by formula {shared:.1%}, if the gates were independent {apart:.1%}."
    for low, high in ((-9.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 2.0), (2.0, 9.0)):
        within = (luck >= low) & (luck < high)
        if within.any():
            formula = float(alarm_with_luck(level, luck[within]).mean())
            yield f"Luck {low:+.0f} to {high:+.0f}: {alarms[within].mean():.1%} fail, by formula {formula:.1%}."


def main() -> int:
    parser = argparse.ArgumentParser(
        description="False alarms and power of the gate in worlds of known truth."
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the gates")
    parser.add_argument("--only", default="", help="worlds whose name holds this text")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    null_gates, drop_gates, baselines = (200, 50, 30) if arguments.quick else (2000, 500, 300)
    print("| world | true drop | gates | fail | fail, confirmed | pass | failed, then a pass by majority |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for world in WORLDS:
        if arguments.only in world.name:
            for line in world_lines(world, null_gates, drop_gates, arguments.seed):
                print(line, flush=True)
    if not arguments.only:
        print()
        for line in fixed_baseline(baselines, 100, arguments.seed):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
