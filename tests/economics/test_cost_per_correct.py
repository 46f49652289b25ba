"""Cost per correct answer."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.economics import cost_per_correct as module
from evalkit.economics.cost_per_correct import cost_per_correct


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_all_that_was_paid_over_what_was_right():
    found = cost_per_correct(np.array([0.01, 0.02, 0.03]), np.array([True, False, True]), rng=rng())
    assert found.estimate == pytest.approx(0.03)


def test_cases_of_unknown_cost_are_left_out_and_counted():
    cost = np.array([0.01, np.nan, 0.03])
    found = cost_per_correct(cost, np.array([True, True, True]), rng=rng())
    assert found.estimate == pytest.approx(0.02)
    assert (found.n_cases, found.n_unknown) == (2, 1)


def test_no_correct_answer_has_no_cost_per_correct():
    found = cost_per_correct(np.ones(4), np.zeros(4, dtype=bool), rng=rng())
    assert (found.estimate, found.low, found.high) == (None, None, None)
    assert found.reason == "no correct answer among 4"


def test_no_known_cost_gives_no_estimate():
    found = cost_per_correct(np.full(2, np.nan), np.ones(2, dtype=bool), rng=rng())
    assert (found.estimate, found.reason) == (None, "no case has a known cost")


def test_one_cluster_has_no_interval():
    found = cost_per_correct(
        np.ones(4), np.array([True] * 3 + [False]), rng=rng(), clusters=np.zeros(4, dtype=np.int64)
    )
    assert found.estimate == pytest.approx(4 / 3)
    assert (found.low, found.reason) == (None, "an interval needs two clusters or more")


def test_no_spread_seen_is_not_an_interval_of_width_zero():
    found = cost_per_correct(np.ones(10), np.ones(10, dtype=bool), rng=rng())
    assert (found.estimate, found.low, found.high) == (1, None, None)
    assert "no spread was seen" in found.reason


def test_few_correct_answers_leave_the_interval_open_above():
    found = cost_per_correct(np.ones(6), np.array([True] + [False] * 5), rng=rng())
    assert found.low is not None
    assert found.high is None


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="2 costs, 3 answers, 2 clusters"):
        cost_per_correct(np.ones(2), np.ones(3, dtype=bool), rng=rng())


def test_chunks_change_memory_and_not_the_kind_of_answer(monkeypatch: pytest.MonkeyPatch):
    cost, right = np.linspace(1, 2, 50), np.arange(50) % 3 > 0
    whole = cost_per_correct(cost, right, rng=rng(), n_resamples=400)
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 1000)
    chunked = cost_per_correct(cost, right, rng=rng(), n_resamples=400)
    assert (chunked.low, chunked.high) == (whole.low, whole.high)


def test_clusters_widen_the_interval():
    generator = rng()
    ability = np.repeat(generator.random(40) < 0.6, 5)
    cost = np.ones(200)
    clusters = np.repeat(np.arange(40), 5)
    alone = cost_per_correct(cost, ability, rng=rng())
    together = cost_per_correct(cost, ability, rng=rng(), clusters=clusters)
    assert alone.low is not None and alone.high is not None
    assert together.low is not None and together.high is not None
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_the_interval_covers_the_truth():
    """100 cases, 60% right, costs tied to being right: the 95% interval covers in 92% of 300 worlds or more."""
    generator = rng()
    covered = 0
    for _ in range(300):
        right = generator.random(100) < 0.6
        cost = 1 + right + generator.exponential(1.0, 100)
        found = cost_per_correct(cost, right, rng=generator, n_resamples=400)
        assert found.low is not None and found.high is not None
        covered += found.low <= (1 + 0.6 + 1) / 0.6 <= found.high
    assert covered / 300 >= 0.92
