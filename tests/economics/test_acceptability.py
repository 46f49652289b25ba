"""The value of a right answer at which the choice flips, and how often each arm is best at each value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.acceptability import acceptability_curve, cost_per_extra_right_answer, frontier

RIGHT = np.array([8_000.0, 9_000.0, 9_500.0])
COSTS = np.array([100.0, 300.0, 1_300.0])


def test_the_answer_flips_at_the_cost_per_extra_right_answer():
    pieces = frontier(RIGHT, COSTS)
    assert [(piece.arm, piece.from_value, piece.to_value) for piece in pieces] == [
        (0, 0.0, 0.2),
        (1, 0.2, 2.0),
        (2, 2.0, None),
    ]
    assert cost_per_extra_right_answer((9_000, 8_000), (300, 100)) == pytest.approx(0.2)


def test_an_arm_that_two_others_together_beat_is_never_best():
    """Extended dominance: the second arm costs .9 per extra answer, the third .5 over both."""
    assert [piece.arm for piece in frontier(RIGHT, np.array([100.0, 1_000.0, 850.0]))] == [0, 2]


def test_better_and_cheaper_leaves_nothing_to_weigh():
    assert [piece.arm for piece in frontier(np.array([9.0, 8.0]), np.array([1.0, 2.0]))] == [0]
    assert cost_per_extra_right_answer((9, 8), (1, 2)) is None
    assert cost_per_extra_right_answer((9, 9), (1, 2)) is None


def test_fewer_right_answers_for_less_money_have_a_price_too():
    assert cost_per_extra_right_answer((8_000, 9_000), (100, 300)) == pytest.approx(0.2)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6),
    st.floats(0.0, 60.0),
)
def test_the_frontier_is_the_arm_of_highest_net_benefit_at_every_value(arms, value):
    right, costs = (np.array(column, dtype=float) for column in zip(*arms, strict=True))
    pieces = frontier(right, costs)
    held = next(piece for piece in pieces if piece.to_value is None or value <= piece.to_value)
    net = value * right - costs
    assert net[held.arm] == pytest.approx(net.max(), abs=1e-6)
    assert [piece.from_value for piece in pieces[1:]] == [piece.to_value for piece in pieces[:-1]]


def test_the_curve_is_the_share_of_draws_in_which_an_arm_is_best():
    """Difference in right answers N(1000, 500), 200 more in cost: best where 200 / value is exceeded."""
    more = np.random.default_rng(1).normal(1_000.0, 500.0, 100_000)
    right = np.column_stack((np.full(100_000, 8_000.0), 8_000.0 + more))
    costs = np.tile([[100.0, 300.0]], (100_000, 1))
    curve = acceptability_curve(right, costs, [0.0, 0.2, 0.4, 1e9])
    # Phi((1000 - 200 / value) / 500)
    assert curve.shares[:, 1] == pytest.approx([0.0, 0.5, 0.8413, 0.9772], abs=0.005)
    assert curve.shares.sum(axis=1) == pytest.approx(np.ones(4))
    assert curve.frontier[1].from_value == pytest.approx(0.2, rel=0.01)


@given(st.floats(0.01, 100), st.permutations(range(3)))
def test_arms_may_be_permuted_and_money_scaled(scale, order):
    order = list(order)
    rng = np.random.default_rng(2)
    right, costs = rng.random((50, 3)), rng.random((50, 3))
    first = acceptability_curve(right, costs, [0.5, 2.0])
    second = acceptability_curve(right[:, order], scale * costs[:, order], [scale * 0.5, scale * 2.0])
    assert second.shares == pytest.approx(first.shares[:, order])


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        acceptability_curve(np.ones((2, 2)), np.ones((2, 3)), [1.0])
    with pytest.raises(ValueError, match="negative"):
        acceptability_curve(np.ones((2, 2)), np.ones((2, 2)), [-1.0])
