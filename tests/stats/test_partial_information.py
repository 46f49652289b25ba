"""Regret, EVPI and EVPPI against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.partial_information import expected_regrets, partial_information
from evalkit.stats.value_of_information import choice, evppi, unit_normal_loss

N = 200_000


@pytest.mark.parametrize(("distance", "loss"), [(0.0, 0.39894), (0.5, 0.19780), (1.0, 0.08332)])
def test_perfect_information_is_the_unit_normal_loss(distance, loss):
    """A choice worth N(m, s) against one worth 0: EVPI = s x UNL(m / s)."""
    assert unit_normal_loss(distance) == pytest.approx(loss, abs=5e-6)
    net = np.column_stack((100 * np.random.default_rng(1).normal(distance, 1.0, N), np.zeros(N)))
    assert expected_regrets(net).min() == pytest.approx(100 * loss, rel=0.02)


def test_knowing_one_of_two_inputs():
    """Net benefit x + y against 0 with x, y ~ N(0, s_x), N(0, s_y): EVPPI of x = s_x x UNL(0)."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.0, 3.0, N), rng.normal(0.0, 4.0, N)
    net = np.column_stack((x + y, np.zeros(N)))
    assert partial_information(net, x) == pytest.approx(3 * 0.398942, rel=0.02)
    assert partial_information(net, y) == pytest.approx(4 * 0.398942, rel=0.02)
    both = partial_information(net, np.column_stack((x, y)))
    assert both == pytest.approx(expected_regrets(net).min(), rel=1e-9)
    assert partial_information(net, rng.normal(size=N)) == pytest.approx(0.0, abs=0.02)


def test_it_agrees_with_least_squares():
    rng = np.random.default_rng(3)
    quality = rng.beta(80, 20, size=(5_000, 3))
    volume = rng.triangular(1e4, 5e4, 2e5, 5_000)
    net = volume[:, None] * (0.05 * quality - [0.01, 0.004, 0.0]) - [3_000.0, 1_000.0, 0.0]
    for inputs in (quality, volume, quality[:, 0]):
        assert partial_information(net, inputs) == pytest.approx(evppi(net, inputs), rel=1e-9)
    assert expected_regrets(net) == pytest.approx(choice(net).expected_regret)


def test_an_input_that_does_not_vary_is_worth_nothing():
    net = np.random.default_rng(4).normal(size=(100, 2))
    assert partial_information(net, np.full(100, 7.0)) == 0.0


@given(st.permutations(range(3)), st.sampled_from([0.25, 8.0, 1024.0]))
def test_arms_may_be_permuted_and_money_scaled(order, scale):
    rng = np.random.default_rng(5)
    net, given_input = rng.normal(size=(400, 3)), rng.normal(size=400)
    net[:, 0] += given_input
    moved = scale * net[:, list(order)]
    assert expected_regrets(moved) == pytest.approx(scale * expected_regrets(net)[list(order)])
    assert partial_information(moved, given_input) == pytest.approx(
        scale * partial_information(net, given_input)
    )


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="use the same draws"):
        partial_information(np.ones((100, 2)), np.ones(99))
    with pytest.raises(ValueError, match="too few"):
        partial_information(np.ones((20, 2)), np.arange(20))
    with pytest.raises(ValueError, match="NaN"):
        expected_regrets([[np.nan, 1.0]])
