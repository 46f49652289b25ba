"""A verdict does not move with the seed of the draws."""

import numpy as np
import pytest

from evalkit.stats.settled_share import confidence_threshold, settled_share


def again(share, calls):
    def draw(times):
        calls.append(times)
        return np.random.default_rng(times).random(times * 10_000) < share

    return draw


def test_a_clear_share_is_not_drawn_again():
    calls = []
    found = settled_share(np.arange(10_000) < 9_500, 0.9, again(0.95, calls))
    assert (found.reached, found.open, calls) == (True, False, [])
    assert not settled_share(np.arange(10_000) < 5_000, 0.9, again(0.5, calls)).reached


def test_a_close_share_is_settled_by_more_draws():
    """.905 with 10,000 draws lies within .009 of .9; with 160,000 it does not."""
    calls = []
    found = settled_share(np.arange(10_000) < 9_050, 0.9, again(0.905, calls))
    assert found.reached
    assert calls[-1] in (4, 16, 64)
    assert found.found.n_draws == calls[-1] * 10_000


def test_a_share_that_stays_at_its_threshold_is_not_reached():
    calls = []
    found = settled_share(np.arange(10_000) < 9_020, 0.9, again(0.9005, calls))
    assert (found.reached, found.open, calls) == (False, True, [4, 16, 64])


def test_a_million_draws_are_enough():
    calls = []

    def draw(times):
        calls.append(times)
        return np.arange(times * 100_000) < times * 90_020

    found = settled_share(draw(1), 0.9, draw)
    assert (found.found.n_draws, found.open, calls) == (400_000, True, [1, 4])


def test_draws_that_are_too_dear_are_not_repeated():
    calls = []
    found = settled_share(np.arange(10_000) < 9_020, 0.9, again(0.95, calls), most_times=1)
    assert (found.reached, found.open, calls) == (False, True, [])


def test_the_error_is_shared_among_distinct_candidates():
    assert confidence_threshold(0.9, 1) == pytest.approx(0.9)
    assert confidence_threshold(0.9, 3) == pytest.approx(0.966667, abs=5e-7)
    with pytest.raises(ValueError, match="at least 1"):
        confidence_threshold(0.9, 0)
