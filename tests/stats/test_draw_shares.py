"""Shares of draws: ties, sides, copies, and draws in which a choice does not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from evalkit.stats.draw_shares import (
    beats_all,
    beats_other_sides,
    best_shares,
    draw_share,
    pairwise_shares,
    side_wins,
)

PAYOFFS = np.array(
    [[3.0, 2.0, 1.0, 0.0], [1.0, 2.0, 2.0, 0.0], [5.0, 5.0, 1.0, 0.0], [-1.0, -2.0, -3.0, 0.0]]
)
SIDES = ("tuned", "untuned", "untuned", "none")

tables = np_st.arrays(np.float64, (20, 4), elements=st.integers(-3, 3).map(float))


def test_the_named_arm_must_beat_every_choice_of_the_other_sides():
    """Draw by draw: wins; loses; ties with one of them; loses to none."""
    assert beats_other_sides(PAYOFFS, 0, SIDES).tolist() == [1.0, 0.0, 0.5, 0.0]


def test_arms_of_the_same_side_are_no_rivals():
    assert beats_other_sides(PAYOFFS, 2, SIDES).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert beats_other_sides(PAYOFFS[:, 1:3], 0, SIDES[1:3]).tolist() == [1.0] * 4


def test_a_side_wins_more_often_than_any_of_its_arms():
    """Three arms that are worth as much as the fourth: the side of three wins in three quarters of the draws."""
    payoffs = np.random.default_rng(1).normal(size=(40_000, 4))
    sides = ("tuned", "tuned", "tuned", "untuned")
    assert side_wins(payoffs, "tuned", sides).mean() == pytest.approx(0.75, abs=0.01)
    assert beats_other_sides(payoffs, 0, sides).mean() == pytest.approx(0.5, abs=0.01)


def test_a_copy_changes_no_share_against_other_sides():
    copied = PAYOFFS[:, [0, 0, 1, 2, 3]]
    assert np.array_equal(
        beats_other_sides(copied, 0, ("tuned", *SIDES)), beats_other_sides(PAYOFFS, 0, SIDES)
    )
    assert pairwise_shares(copied)[0, 1] == 0.5


@given(tables)
def test_pairwise_shares_of_a_pair_sum_to_one(payoffs):
    shares = pairwise_shares(payoffs)
    assert shares + shares.T == pytest.approx(np.ones((4, 4)))
    assert best_shares(payoffs).sum() == pytest.approx(1.0)


@given(tables, st.permutations(range(4)), st.floats(0.01, 100))
def test_shares_follow_the_arms_and_ignore_the_unit_of_money(payoffs, order, scale):
    order = list(order)
    moved = pairwise_shares(scale * payoffs[:, order])
    assert np.array_equal(moved, pairwise_shares(payoffs)[np.ix_(order, order)])


@given(tables)
def test_beating_all_is_no_commoner_than_beating_each(payoffs):
    won = beats_all(payoffs, 0, [1, 2, 3]).mean()
    assert won <= min(pairwise_shares(payoffs)[0, 1:]) + 1e-12


def test_a_choice_that_does_not_count_neither_wins_nor_ties():
    payoffs = np.array([[-np.inf, -np.inf], [-np.inf, -1.0], [-1.0, -np.inf], [-2.0, -2.0]])
    assert pairwise_shares(payoffs).tolist() == [[0.5, 0.375], [0.375, 0.5]]
    assert best_shares(payoffs).tolist() == [0.375, 0.375]
    assert beats_all(payoffs, 0, []).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_share_of_one_has_a_monte_carlo_error():
    found = draw_share(np.ones(10_000))
    assert found.share == 1.0
    assert 0.0 < found.monte_carlo_error < 2e-4
    assert draw_share(np.arange(10_000) < 9_000).monte_carlo_error == pytest.approx(0.003, rel=1e-3)


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        draw_share(np.empty(0))
    with pytest.raises(ValueError, match="no choice is on the side"):
        side_wins(PAYOFFS, "other", SIDES)
