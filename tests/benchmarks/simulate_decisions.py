"""How often the verdict is right in worlds where the truth is known, and what it loses: one table.

    python -m tests.benchmarks.simulate_decisions              the stated grid; about half an hour of one core
    python -m tests.benchmarks.simulate_decisions --quick      a tenth of the studies
    python -m tests.benchmarks.simulate_decisions --verdicts   without the coverage of intervals

Worlds (tests/benchmarks/decision_worlds.py) are in money as the stories of tests/decision: a quality of 1 is worth
12,000 USD over the year. From the scores on everything is the product's own code; a model trained afresh is deployed.

    null       tuning is worth exactly as much as the best other choice. Any `fine_tune` is false.
    equal      retrieval and the prompt are worth the same. Any `use_rag` or `stay_few_shot` is false.
    gain       tuning pays three times over. How often is `fine_tune` found?
    sets       gains drawn at random: what the recommended arm loses against the best one in truth, beside two rules of
               thumb: tune at three points more than the best untuned arm, and run the highest mean.
    purchase   what more cases were said to be worth (EVSI), beside what they brought when they were bought.

The method allows 1 - confidence = 10% of false verdicts on average, and 1.5 times that in any world.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.records.decision import Verdict
from tests.benchmarks import simulate_coverage
from tests.benchmarks.decision_worlds import UNIT, Drawn, World, WorldArm, draw, pays_exactly
from tests.benchmarks.world_study import Study

CONFIDENCE = 0.9
ALLOWED, WORST = 1.0 - CONFIDENCE, 1.5 * (1.0 - CONFIDENCE)
THREE_POINTS = 0.03
FALSE = {
    "tune": {Verdict.FINE_TUNE},
    "untuned": {Verdict.USE_RAG, Verdict.STAY_FEW_SHOT},
}
"""What is false in a null world of each kind."""


@dataclass(frozen=True)
class Found:
    """The verdicts of many studies of one world."""

    world: World
    counts: Counter[Verdict]

    @property
    def studies(self) -> int:
        """How many."""
        return self.counts.total()

    def share(self, verdicts: set[Verdict]) -> float:
        """Share of studies that ended in one of these."""
        return sum(self.counts[verdict] for verdict in verdicts) / self.studies

    @property
    def wrong(self) -> float:
        """Share of verdicts that are false in a null world."""
        return self.share(FALSE[self.world.null or "tune"])


def verdicts_of(world: World, studies: int, seed: int) -> Found:
    """The verdicts over studies of one world."""
    study, rng = Study(world), np.random.default_rng([seed, *world.note.encode()])
    drawn = (study.decide(draw(world, rng), seed + number) for number in range(studies))
    return Found(world, Counter(choice.verdict for choice in drawn))


# -- worlds -----------------------------------------------------------------------------------------------------------


def pair(gain: float, base: float = 0.6, **fixed: float) -> dict[str, WorldArm]:
    """A prompt and one tuned arm, whose tuning costs what the gain is worth unless said otherwise."""
    costs = fixed or pays_exactly(gain)
    return {"few_shot": WorldArm("few_shot", base), "tuned": WorldArm("fine_tuned", base + gain, **costs)}


def null_worlds() -> Iterator[World]:
    """Worlds in which tuning is worth no more than another choice."""
    for n, spread, seeds in itertools.product((60, 150, 400), (0.0, 0.02, 0.04), (1, 2, 3)):
        yield World("one tune", pair(0.05), n, spread, seeds, null="tune")
    for base, gain in ((0.4, 0.05), (0.8, 0.05), (0.9, 0.05), (0.6, 0.15)):
        yield World("other rates and gains", pair(gain, base), 200, 0.02, null="tune")
    for n, size in ((100, 5), (300, 5), (300, 10)):
        yield World("clusters", pair(0.05), n, 0.02, cluster_size=size, null="tune")
    for n, seeds in ((60, 1), (200, 1), (400, 2)):
        arms = pair(0.05)
        arms |= {f"tuned{number}": arms["tuned"] for number in (2, 3)}
        yield World("three tunes", arms, n, 0.02, seeds, null="tune")
    for every, rate in ((3, 0.0), (6, 0.0), (6, 0.1)):
        costs = pays_exactly(0.05, discount_rate=rate, retune_every=every)
        yield World(
            "trained again, discounted",
            pair(0.05, **costs),
            200,
            0.04,
            retune_every=every,
            discount_rate=rate,
            null="tune",
        )
    for n in (100, 400):
        arms = {
            "few_shot": WorldArm("few_shot", 0.6, unit_cost=0.0065),
            "tuned": WorldArm("fine_tuned", 0.8, 0.002 * UNIT / 0.01, unit_cost=0.006),
        }
        yield World("none is worth as much", arms, n, 0.02, null="tune")
    for mix in (0.2, 0.8):
        arms = pair(0.05)
        moved = replace(arms["tuned"], rate=arms["tuned"].rate - 0.1 * (2 * mix - 1))
        yield World("production mix", arms | {"tuned": moved}, 300, 0.02, mix=mix, tag_gain=0.1, null="tune")
    for n in (60, 200):
        yield World("more cases for sale", pair(0.05), n, 0.02, cost_per_case=0.05, null="tune")


def equal_worlds() -> Iterator[World]:
    """Worlds in which retrieval and the prompt are worth the same, with a useless tune or none."""
    for n, tuned in itertools.product((100, 200, 400), (True, False)):
        arms = {"few_shot": WorldArm("few_shot", 0.6), "rag": WorldArm("rag", 0.6)}
        if tuned:
            arms["tuned"] = WorldArm("fine_tuned", 0.3, 500.0)
        group = "rag = prompt" if tuned else "rag = prompt, no tune"
        yield World(group, arms, n, 0.02, null="untuned")


def gain_worlds() -> Iterator[World]:
    """Worlds in which tuning pays three times over."""
    for gain, n, seeds in itertools.product((0.1, 0.15), (150, 400), (1, 3)):
        arms = pair(gain, fixed=UNIT * gain / 3.0)
        yield World(f"gain of {gain:.2f}, {seeds} trained", arms, n, 0.02, seeds)


@dataclass(frozen=True)
class WorldSet:
    """Worlds drawn at random, for regret.

    Attributes:
        name: Of the set.
        gain: Mean and standard deviation of the tuned arm's gain.
        pays: The gain that pays for tuning.
        n: Cases.
        seeds: Trainings measured.
        rag: Mean and standard deviation of the retrieval arm's gain; None without one.
    """

    name: str
    gain: tuple[float, float]
    pays: float
    n: int
    seeds: int
    rag: tuple[float, float] | None = None

    def world(self, rng: np.random.Generator) -> World:
        """One of its worlds."""
        base = rng.uniform(0.4, 0.75)
        arms = {
            "few_shot": WorldArm("few_shot", base),
            "tuned": WorldArm(
                "fine_tuned", float(np.clip(base + rng.normal(*self.gain), 0.05, 0.97)), UNIT * self.pays
            ),
        }
        if self.rag is not None:
            rate = float(np.clip(base + rng.normal(*self.rag), 0.05, 0.97))
            arms["rag"] = WorldArm("rag", rate, unit_cost=0.0012)
        return World(self.name, arms, self.n, 0.02, self.seeds)


SETS = (
    WorldSet("small gains, cheap tuning", (0.02, 0.05), 0.03, 150, 1),
    WorldSet("gains about what they cost", (0.05, 0.05), 0.05, 200, 1),
    WorldSet("dear tuning", (0.06, 0.08), 0.1, 100, 3),
    WorldSet("with retrieval", (0.05, 0.06), 0.05, 200, 1, (0.03, 0.06)),
)


@dataclass(frozen=True)
class Regrets:
    """What three ways of choosing lose in one set of worlds, in points of quality (120 USD each)."""

    name: str
    lost: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Shape (3,): by the method, by three points, by the highest mean."""
        return self.lost.mean(axis=0)

    def behind(self, rule: int) -> tuple[float, float]:
        """How much more the method loses than a rule, and its standard error."""
        more = self.lost[:, 0] - self.lost[:, rule]
        return float(more.mean()), float(more.std(ddof=1) / np.sqrt(len(more)))


def regrets_of(worlds: WorldSet, studies: int, seed: int) -> Regrets:
    """One study of each of so many worlds."""
    rng = np.random.default_rng([seed, *worlds.name.encode()])
    lost = []
    for number in range(studies):
        world = worlds.world(rng)
        drawn = draw(world, rng)
        worth = {name: world.worth(name) for name in world.arms} | {None: 0.0}
        chosen = [Study(world).decide(drawn, seed + number).arm, *rules_of_thumb(world, drawn)]
        lost.append([max(worth.values()) - worth[name] for name in chosen])
    return Regrets(worlds.name, np.array(lost) / UNIT * 100.0)


def rules_of_thumb(world: World, drawn: Drawn) -> tuple[str, str]:
    """Tune at three points more than the best untuned arm; run the highest mean."""
    means = {name: float(scores.mean()) for name, scores in drawn.scores.items()}
    best = max(means, key=lambda name: means[name])
    untuned = max((name for name in means if not world.arms[name].tuned), key=lambda name: means[name])
    return best if means[best] - means[untuned] >= THREE_POINTS else untuned, best


@dataclass(frozen=True)
class Purchases:
    """What more cases were said to be worth and what they brought, by study, USD."""

    n_more: int
    said: np.ndarray
    brought: np.ndarray


def purchases_of(n: int, n_more: int, studies: int, seed: int) -> Purchases:
    """Studies of random worlds, each made again with more cases; one training, deployed as measured by its truth."""
    rng, said, brought = np.random.default_rng([seed, n, n_more]), [], []
    worlds = WorldSet("purchase", (0.05, 0.06), 0.05, n + n_more, 1)
    for number in range(studies):
        world = replace(worlds.world(rng), spread=0.0)
        drawn = draw(world, rng)
        few = Drawn({name: scores[:, :n] for name, scores in drawn.scores.items()}, drawn.tagged[:n])
        first = Study(replace(world, n=n), known_spread=True)
        now = first.decide(few, seed + number)
        later = Study(world, known_spread=True).decide(drawn, seed + number)
        worth = {name: world.worth(name) for name in world.arms} | {None: 0.0}
        said.append(first.value_of_cases(few, n_more, seed + number))
        brought.append(worth[later.arm] - worth[now.arm])
    return Purchases(n_more, np.array(said), np.array(brought))


# -- the table --------------------------------------------------------------------------------------------------------


def null_lines(results: Sequence[Found], what: str) -> Iterator[str]:
    """One row for each group of null worlds; worlds that fall short are named below."""
    yield f"| worlds without a winner | cases | worlds | studies each | {what}: mean | worst |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for group, members in itertools.groupby(results, key=lambda one: one.world.group):
        rows = list(members)
        cases = sorted({row.world.n for row in rows})
        shares = [row.wrong for row in rows]
        yield (
            f"| {group} | {', '.join(map(str, cases))} | {len(rows)} | {rows[0].studies} | "
            f"{np.mean(shares):.1%} | {max(shares):.1%} |"
        )
    shares = [row.wrong for row in results]
    yield f"| all | | {len(results)} | | {np.mean(shares):.1%} | {max(shares):.1%} |"
    for row in results:
        if row.wrong > WORST:
            error = np.sqrt(row.wrong * (1 - row.wrong) / row.studies)
            yield f"\nFalls short: {describe(row.world)}: {row.wrong:.1%} (standard error {error:.1%})."


def describe(world: World) -> str:
    """What sets a world apart, in words."""
    parts = [
        world.group,
        f"{world.n} cases",
        f"SD between trainings {world.spread:g}",
        f"{world.seeds} trained",
    ]
    if world.cluster_size > 1:
        parts.append(f"clusters of {world.cluster_size}")
    if world.retune_every:
        parts.append(f"trained again every {world.retune_every} months")
    if world.discount_rate:
        parts.append(f"discounted at {world.discount_rate:.0%}")
    if world.mix is not None:
        parts.append(f"tag at {world.mix:.0%} of production")
    base = world.arms["few_shot"].rate
    return ", ".join([*parts, f"prompt right in {base:.0%}"])


def gain_lines(results: Sequence[Found]) -> Iterator[str]:
    """One row for each world in which tuning pays."""
    yield "| tuning pays three times over | cases | studies | `fine_tune` | not decidable | the rest |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in results:
        tuned, open_ = row.share({Verdict.FINE_TUNE}), row.share({Verdict.NOT_DECIDABLE})
        yield (
            f"| {row.world.group} | {row.world.n} | {row.studies} | {tuned:.0%} | {open_:.0%} | "
            f"{abs(1 - tuned - open_):.0%} |"
        )


def regret_lines(results: Sequence[Regrets]) -> Iterator[str]:
    """One row for each set of random worlds."""
    yield "| points of quality lost | worlds | evalkit | tune at 3 points | highest mean | worse than a rule by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    pooled = Regrets("pooled", np.concatenate([row.lost for row in results]))
    for row in (*results, pooled):
        own, three, best = row.means
        more, error = max(row.behind(rule) for rule in (1, 2))
        words = f"{more:.2f} (SE {error:.2f})" if more > 0 else "-"
        yield f"| {row.name} | {len(row.lost)} | {own:.2f} | {three:.2f} | {best:.2f} | {words} |"


def purchase_lines(results: Sequence[Purchases]) -> Iterator[str]:
    """One row for each size of purchase."""
    yield "| more cases bought | studies | said to be worth | brought | SE of the difference |"
    yield "| --- | --- | --- | --- | --- |"
    for row in results:
        error = np.std(row.brought - row.said, ddof=1) / np.sqrt(len(row.said))
        yield (
            f"| {row.n_more} | {len(row.said)} | {row.said.mean():.1f} USD | {row.brought.mean():.1f} USD | "
            f"{error:.1f} USD |"
        )


def main() -> int:
    """Print the whole table."""
    parser = argparse.ArgumentParser(description="Verdicts and intervals in worlds of known truth.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies")
    parser.add_argument("--verdicts", action="store_true", help="verdicts only")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    studies, start = 40 if arguments.quick else 400, time.monotonic()

    def found(worlds: Iterator[World]) -> list[Found]:
        results = []
        for number, world in enumerate(worlds):
            results.append(verdicts_of(replace(world, note=f"{number}"), studies, arguments.seed))
            line = ", ".join(f"{verdict} {count}" for verdict, count in results[-1].counts.most_common())
            print(
                f"{time.monotonic() - start:5.0f} s  {describe(world)}: {line}", file=sys.stderr, flush=True
            )
        return results

    print(f"Verdicts at a confidence of {CONFIDENCE:.0%}, seed {arguments.seed}. ", end="")
    print(f"False verdicts allowed: {ALLOWED:.0%} on average, {WORST:.0%} in any world.\n")
    parts: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: null_lines(found(null_worlds()), "`fine_tune`"),
        lambda: null_lines(found(equal_worlds()), "`use_rag` or `stay_few_shot`"),
        lambda: gain_lines(found(gain_worlds())),
        lambda: regret_lines([regrets_of(one, studies, arguments.seed) for one in SETS]),
        lambda: purchase_lines([purchases_of(100, more, studies, arguments.seed) for more in (50, 100, 300)]),
    )
    for lines in parts:
        print("\n".join(lines()), end="\n\n", flush=True)
    if not arguments.verdicts:
        print("\n".join(simulate_coverage.report(100 if arguments.quick else 1000, arguments.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
