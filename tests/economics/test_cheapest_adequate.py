"""Without a value of an answer: the cheapest arm that is good enough, draw by draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.cheapest_adequate import cheapest_adequate

QUALITY = np.array([[0.80, 0.79, 0.50], [0.80, 0.70, 0.50], [0.80, 0.85, 0.50]])
COSTS = np.tile([[900.0, 500.0, 100.0]], (3, 1))


def test_an_arm_beyond_the_margin_is_never_chosen_however_cheap():
    found = cheapest_adequate(QUALITY, COSTS, margin=0.03)
    assert found.adequate == pytest.approx([2 / 3, 2 / 3, 0.0])
    assert found.cheapest == pytest.approx([1 / 3, 2 / 3, 0.0])
    assert found.best == 1


def test_regret_is_in_cost_over_the_draws_in_which_an_arm_is_adequate():
    found = cheapest_adequate(QUALITY, COSTS, margin=0.03)
    assert found.regrets[:2] == pytest.approx([200.0, 0.0])
    assert np.isnan(found.regrets[2])


def test_limits_decide_first_and_set_the_mark_too():
    """Without the arm of the highest quality the others are compared among themselves."""
    inside = np.array([[False, True, True]] * 3)
    found = cheapest_adequate(QUALITY, COSTS, margin=0.30, within_limits=inside)
    assert found.adequate == pytest.approx([0.0, 1.0, 2 / 3])


def test_no_arm_within_limits_is_no_choice():
    found = cheapest_adequate(QUALITY, COSTS, margin=0.03, within_limits=np.zeros((3, 3), dtype=bool))
    assert found.best is None
    assert found.cheapest.sum() == 0.0
    assert np.isneginf(found.payoffs).all()


def test_equal_costs_share_the_draw():
    found = cheapest_adequate(np.full((2, 2), 0.8), np.full((2, 2), 10.0), margin=0.0)
    assert found.cheapest.tolist() == [0.5, 0.5]
    assert found.best == 0


@given(st.floats(0.01, 100), st.permutations(range(3)))
def test_arms_may_be_permuted_and_money_scaled(scale, order):
    order = list(order)
    first = cheapest_adequate(QUALITY, COSTS, margin=0.03)
    second = cheapest_adequate(QUALITY[:, order], scale * COSTS[:, order], margin=0.03)
    assert second.cheapest == pytest.approx(first.cheapest[order])
    assert second.regrets == pytest.approx(scale * first.regrets[order], nan_ok=True)


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        cheapest_adequate(QUALITY, COSTS, margin=-0.1)
    with pytest.raises(ValueError, match="differ in shape"):
        cheapest_adequate(QUALITY, COSTS[:2], margin=0.1)
