"""Net benefit of every arm and of none, draw by draw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.payoff_table import ArmDraws, costs_over_horizon, net_benefits, right_answers


def arm(name="tuned", months=12.0, fixed=1_440.0, quality=(0.85, 0.80)):
    held = np.array(quality)
    return ArmDraws(name, months, held, 1.0 - held, np.full(held.size, 0.0003), fixed)


def test_net_benefit_by_hand():
    """12 x 8,000 x (.05 x .85 - .01 x .15 - .0003) - 1,440."""
    found = net_benefits([arm()], volume=8_000, value_per_correct=0.05, cost_per_wrong=0.01)
    assert found[0].tolist() == pytest.approx([96_000 * (0.0425 - 0.0015 - 0.0003) - 1_440, 0.0])


def test_none_is_the_last_choice_and_worth_nothing():
    found = net_benefits([arm(), arm("few_shot")], volume=10.0, value_per_correct=0.05)
    assert found.shape == (2, 3)
    assert (found[:, :2] < 0).all()
    assert not found[:, 2].any()


def test_an_arm_that_shuts_brings_its_own_months_only():
    whole, cut = arm(fixed=0.0), arm(months=2.0, fixed=0.0)
    found = net_benefits([whole, cut], volume=100.0, value_per_correct=0.05)
    assert found[:, 1] == pytest.approx(found[:, 0] / 6)


def test_an_abstention_is_neither_right_nor_wrong():
    abstains = replace(arm(), wrong=np.zeros(2))
    found = net_benefits([arm(), abstains], volume=100.0, value_per_correct=0.05, cost_per_wrong=1.0)
    assert found[:, 1] - found[:, 0] == pytest.approx(12 * 100 * np.array([0.15, 0.20]))


def test_every_input_may_vary_from_draw_to_draw():
    found = net_benefits(
        [arm(fixed=np.array([0.0, 100.0]))],
        volume=np.array([10.0, 20.0]),
        value_per_correct=np.array([1.0, 2.0]),
        cost_per_wrong=np.array([0.0, 3.0]),
    )
    expected = [12 * 10 * (0.85 - 0.0003), 12 * 20 * (2 * 0.80 - 3 * 0.20 - 0.0003) - 100]
    assert found[:, 0] == pytest.approx(expected)


@given(st.floats(0.01, 100), st.permutations(range(3)))
def test_arms_may_be_permuted_and_money_scaled(scale, order):
    arms = [arm(str(at), fixed=100.0 * at, quality=(0.5 + 0.1 * at, 0.6)) for at in range(3)]
    first = net_benefits(arms, volume=50.0, value_per_correct=0.2, cost_per_wrong=0.1)
    scaled = [replace(held, unit_cost=scale * held.unit_cost, fixed=scale * held.fixed) for held in arms]
    second = net_benefits(
        [scaled[at] for at in order],
        volume=50.0,
        value_per_correct=scale * 0.2,
        cost_per_wrong=scale * 0.1,
    )
    assert second == pytest.approx(scale * first[:, [*order, 3]])


def test_costs_and_right_answers_by_hand():
    assert costs_over_horizon([arm()], volume=1_000.0)[:, 0] == pytest.approx([1_443.6, 1_443.6])
    assert right_answers([arm()], volume=1_000.0)[:, 0] == pytest.approx([10_200, 9_600])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(arm(), wrong=np.zeros(3)), "wrong has shape"),
        (lambda: replace(arm(), unit_cost=np.array([np.nan, 1.0])), "unit_cost is not finite"),
        (lambda: replace(arm(), fixed=np.zeros(3)), "fixed has shape"),
        (lambda: replace(arm(), fixed=float("nan")), "fixed cost is not finite"),
        (lambda: net_benefits([], volume=1.0, value_per_correct=1.0), "no arm"),
        (
            lambda: net_benefits([arm(), arm(quality=(0.5,))], volume=1.0, value_per_correct=1.0),
            "draw them together",
        ),
    ],
)
def test_impossible_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
