"""A reduced, seeded form of tests/benchmarks/simulate_gate.py: null gates seldom fail, drops that are there do."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

SIMULATION = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "simulate_gate.py"))
WORLDS = {world.name: world for world in SIMULATION["WORLDS"]}
simulate, smallest_drop = SIMULATION["simulate"], SIMULATION["smallest_drop"]


def at_most(share, gates):
    """The share and two standard errors of a simulation of so many gates."""
    return share + 2.0 * math.sqrt(share * (1.0 - share) / gates)


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("100 steady", 2000),
        ("216 mostly wrong", 500),
        ("72 clusters of 3", 80),
        ("150 graded", 15),
        ("216, four rules", 15),
    ],
)
def test_null_gates_fail_in_at_most_one_of_twenty_with_and_without_confirmation(name, gates):
    tally = simulate(WORLDS[name], 0.0, "none", gates, np.random.default_rng(7))
    assert tally.failed / gates <= at_most(0.05, gates)
    assert tally.upheld <= tally.failed


@pytest.mark.parametrize(
    ("name", "kind", "gates"),
    [
        ("216 mostly right", "broken", 60),
        ("216 mostly right", "less certain", 60),
        ("72 clusters of 3", "broken", 30),
        ("150 graded", "broken", 12),
    ],
)
def test_a_drop_of_twice_the_smallest_visible_fails_in_nine_of_ten(name, kind, gates):
    world, rng = WORLDS[name], np.random.default_rng(7)
    drop = 2.0 * smallest_drop(world, rng, gates=3)
    tally = simulate(world, drop, kind, gates, rng)
    assert tally.failed / gates >= 0.9 - 2.0 * math.sqrt(0.9 * 0.1 / gates)
    if kind == "broken":
        assert tally.upheld >= 0.9 * tally.failed


def test_a_failure_that_is_not_upheld_is_no_pass_since_the_majority_hides_drops():
    """1,000 cases that are mostly right become less certain by 5.4 points, where 2 are allowed."""
    tally = simulate(WORLDS["1,000 mostly right"], 0.054, "less certain", 60, np.random.default_rng(7))
    assert tally.failed >= 57
    assert tally.upheld <= 20
    assert tally.turned >= 5
