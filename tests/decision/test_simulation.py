"""The verdict in worlds where the truth is known: the reduced form of tests/benchmarks/simulate_decisions.py."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from evalkit.economics.cash_flow import discounted_months
from tests.benchmarks import simulate_decisions as simulation
from tests.benchmarks import six_seeds
from tests.benchmarks.decision_worlds import HORIZON, World, draw
from tests.benchmarks.world_study import Study

STUDIES = 20
"""Of each world here; the full grid has 400."""


def noise(share: float, studies: int) -> float:
    """Two standard errors."""
    return float(2.0 * np.sqrt(share * (1.0 - share) / studies))


def by_group(worlds: list[World]) -> list[World]:
    """The last world of each group."""
    return list({world.group: world for world in worlds}.values())


def wrong(worlds: list[World]) -> list[float]:
    return [
        simulation.verdicts_of(replace(world, note=f"{at}"), STUDIES, 7).wrong
        for at, world in enumerate(worlds)
    ]


@pytest.mark.slow
def test_where_tuning_is_not_worth_more_it_is_rarely_advised():
    """Equal net benefits in every kind of world: 10% on average, none above 15%, within the noise of 20 studies."""
    worlds = by_group(list(simulation.null_worlds()))
    assert len(worlds) == 8
    found = wrong(worlds)
    assert np.mean(found) <= simulation.ALLOWED + noise(simulation.ALLOWED, STUDIES * len(worlds))
    assert max(found) <= simulation.WORST + noise(simulation.WORST, STUDIES)


@pytest.mark.slow
def test_where_retrieval_and_the_prompt_are_equal_neither_is_named_often():
    found = wrong(by_group(list(simulation.equal_worlds())))
    assert np.mean(found) <= simulation.ALLOWED + noise(simulation.ALLOWED, STUDIES * len(found))


@pytest.mark.slow
def test_where_tuning_pays_three_times_over_it_is_found():
    """A gain of .15 on 400 cases, three trainings: found in 87% of the studies behind the method's page."""
    world = list(simulation.gain_worlds())[-1]
    assert (world.n, world.seeds) == (400, 3)
    found = simulation.verdicts_of(world, STUDIES, 7)
    assert found.share({simulation.Verdict.FINE_TUNE}) >= 0.8 - noise(0.8, STUDIES)


@pytest.mark.slow
def test_one_record_gets_one_verdict_from_six_seeds():
    found = six_seeds.records(10, 11)
    assert all(record.draws_differ for record in found)
    assert [str(record) for record in found if len(record.verdicts) > 1] == []


@pytest.mark.parametrize("world", list(simulation.null_worlds()), ids=simulation.describe)
def test_every_null_world_is_null(world):
    """A tuned arm is worth exactly as much as the best other choice, doing nothing among them."""
    worth = {name: world.worth(name) for name in world.arms}
    others = max(0.0, *(value for name, value in worth.items() if not world.arms[name].tuned))
    tuned = max(value for name, value in worth.items() if world.arms[name].tuned)
    assert tuned == pytest.approx(others, abs=1e-6)


@pytest.mark.parametrize("world", list(simulation.equal_worlds()), ids=simulation.describe)
def test_every_equal_world_is_equal(world):
    assert world.worth("rag") == pytest.approx(world.worth("few_shot"))
    assert all(world.worth(name) <= world.worth("rag") for name in world.arms)


def test_months_are_discounted_as_the_product_does():
    world = next(one for one in simulation.null_worlds() if one.discount_rate)
    assert world.months() == pytest.approx(
        float(discounted_months(Decimal(str(world.discount_rate)), HORIZON))
    )


def test_a_study_keeps_scores_clusters_and_tags_of_a_case_together():
    """Its table is sorted by id, c10 before c2."""
    world = next(one for one in simulation.null_worlds() if one.mix is not None)
    world = replace(world, cluster_size=5)
    drawn = draw(world, np.random.default_rng(1))
    study = Study(world)
    table = study.compared(drawn).table
    for at, name in enumerate(table.case_ids):
        case = int(name[1:])
        assert table.scores("few_shot")[at] == drawn.scores["few_shot"][0][case]
        assert table.tags["topic:a"][at] == drawn.tagged[case]
    numbers = np.array([int(name[1:]) // world.cluster_size for name in table.case_ids])
    assert all(len(set(table.clusters[numbers == one])) == 1 for one in set(numbers.tolist()))


def test_a_study_has_the_rates_of_its_world():
    """100,000 cases: shares within .01 of the truth, trainings apart by what the world says."""
    world = next(one for one in simulation.null_worlds() if one.mix is not None)
    drawn = draw(replace(world, n=100_000, spread=0.0), np.random.default_rng(1))
    assert drawn.scores["few_shot"].mean() == pytest.approx(world.arms["few_shot"].rate, abs=0.01)
    tagged = drawn.scores["tuned"][0][drawn.tagged].mean()
    assert tagged == pytest.approx(world.arms["tuned"].rate + world.tag_gain, abs=0.01)
    spread = [
        draw(replace(world, n=4000, spread=0.04, mix=None, tag_gain=0.0), np.random.default_rng(seed))
        .scores["tuned"]
        .mean()
        for seed in range(200)
    ]
    assert np.std(spread) == pytest.approx(0.04, abs=0.008)
