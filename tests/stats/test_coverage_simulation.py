"""A reduced, seeded simulation with known truth: the intervals hold their level (full grid: simulate_coverage.py)."""

import runpy
from pathlib import Path

import numpy as np
import pytest

SIMULATION = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "simulate_coverage.py"))
World, coverage_of = SIMULATION["World"], SIMULATION["coverage_of"]

WORLDS = [
    World("0/1", 0.7, 0.1, 0.05, 100),
    World("0/1", 0.9, 0.05, 0.0, 50),
    World("0/1 in clusters", 0.7, 0.1, 0.05, 120, 3, 0.5),
    World("0/1 in clusters", 0.7, 0.05, 0.05, 100, 5, 0.5),
    World("0/1 in clusters", 0.9, 0.05, 0.0, 200, 10, 0.5),
    World("graded, alike", 0.7, 0.1, 0.05, 50),
    World("graded, alike", 0.7, 0.05, 0.0, 100),
    World("graded, apart", 0.7, 0.3, 0.15, 50),
    World("graded in clusters", 0.7, 0.1, 0.0, 90, 3, 0.5),
]


@pytest.mark.parametrize(
    "world", WORLDS, ids=lambda world: f"{world.kind}, n={world.n}, q={world.discordance}"
)
def test_intervals_cover_and_tests_do_not_cry_wolf(world):
    """300 runs of each world: coverage not significantly below 93%, false positives not above 5%.

    Among them are the worlds in which the plain methods fail: with 5% of the clusters carrying all the difference the
    sandwich interval alone covers 86%, and with all errors in few clusters the effective-n Wilson interval 74%.
    """
    repetitions = 300
    result = coverage_of(world, repetitions, np.random.default_rng(7))
    noise = 2.6 * np.sqrt(0.93 * 0.07 / repetitions)
    assert result.one_arm >= 0.93 - noise
    assert result.pair >= 0.93 - noise
    if result.exact is not None:
        assert result.exact >= 0.95 - 2.6 * np.sqrt(0.05 * 0.95 / repetitions)
    if result.false_positives is not None:
        assert result.false_positives <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / repetitions)


def test_clustered_pairs_would_fool_mcnemar_and_do_not_fool_the_sign_flip():
    """decision.md section 2: with 70 clusters of 3, McNemar's 5% test on the cases is wrong up to 23% of the time."""
    world = World("0/1 in clusters", 0.5, 0.3, 0.0, 210, 3, 1.0)
    rng = np.random.default_rng(7)
    mcnemar_wrong = flip_wrong = 0
    for _ in range(300):
        treatment, control, clusters = SIMULATION["simulate"](world, rng)
        compare = SIMULATION["paired_difference"]
        mcnemar_wrong += compare(treatment, control, None, binary=True, alpha=0.05, rng=rng).p_value <= 0.05
        flip_wrong += compare(treatment, control, clusters, binary=True, alpha=0.05, rng=rng).p_value <= 0.05
    assert mcnemar_wrong / 300 > 0.15
    assert flip_wrong / 300 <= 0.085
