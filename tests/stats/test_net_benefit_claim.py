"""The closed-form claim of net benefit: decision.md's worked example, to the digits printed there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.net_benefit_claim import CaseWorth, level_volume, net_benefit_claim, nothing
from evalkit.stats.training_spread import training_spread

TUNED = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1], dtype=float)
UNTUNED = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1], dtype=float)
VALUE = 0.05


def example(clusters=None, volume=8_000, training_variance=0.0):
    return net_benefit_claim(
        CaseWorth(VALUE * TUNED - 0.0003, 12.0, 1_440.0, training_variance),
        CaseWorth(VALUE * UNTUNED - 0.0008, 12.0, 0.0),
        clusters,
        volume,
    )


def test_single_cases():
    claim = example()
    assert claim.mean / 12 == pytest.approx(0.013, abs=1e-9)
    assert claim.standard_error / 12 == pytest.approx(0.004967, abs=5e-7)
    assert claim.degrees_of_freedom == 19
    assert claim.estimate == pytest.approx(-192.00, abs=0.005)
    bounds = claim.bounds(0.05)
    assert (bounds.low, bounds.high) == pytest.approx((-1190.02, 806.02), abs=0.005)
    assert claim.break_even_volume == pytest.approx(9_230.8, abs=0.05)
    assert claim.break_even_volume_of_lower_bound(0.05) == pytest.approx(46_083.7, abs=0.05)


def test_ten_clusters_of_two():
    claim = example(np.repeat(np.arange(10), 2))
    assert claim.standard_error / 12 == pytest.approx(0.0041667, abs=5e-8)
    assert claim.degrees_of_freedom == 9
    bounds = claim.bounds(0.05)
    assert (bounds.low, bounds.high) == pytest.approx((-1096.863, 712.863), abs=0.0005)
    assert claim.break_even_volume_of_lower_bound(0.05) == pytest.approx(33_572.55, abs=0.05)


def test_ten_clusters_of_two_with_the_standard_error_as_printed():
    """decision.md's -1,096.87, 712.87 and 33,573.3 follow from the standard error rounded to .0041667."""
    printed = replace(example(np.repeat(np.arange(10), 2)), standard_error=12 * 0.0041667)
    bounds = printed.bounds(0.05)
    assert (bounds.low, bounds.high) == pytest.approx((-1096.87, 712.87), abs=0.005)
    assert printed.break_even_volume_of_lower_bound(0.05) == pytest.approx(33_573.3, abs=0.05)


def test_the_spread_between_trainings_widens_it():
    """Variance SE^2 + E tau^2 (1/S + 1/(R+1)) value^2: one training, no retune, s0 .03."""
    added = training_spread([0.85]).expected_variance * 2.0 * VALUE**2
    claim = example(training_variance=added)
    assert (claim.standard_error / 12) ** 2 == pytest.approx(0.004967**2 + 0.0018 * 2 * 0.0025, rel=1e-4)
    assert claim.case_error == example().standard_error


def test_a_one_sided_bound_at_half_the_error_is_the_lower_end():
    assert example().lower_bound(0.975) == pytest.approx(example().bounds(0.05).low)


def test_an_arm_whose_model_shuts_counts_its_own_months():
    """b_i = A_a u_ai - A_b u_bi: 12 months against 2."""
    claim = net_benefit_claim(
        CaseWorth(np.array([0.1, 0.3]), 12.0, 0.0), CaseWorth(np.array([0.2, 0.4]), 2.0, 0.0), None, 10
    )
    assert claim.estimate == pytest.approx(10 * (12 * 0.2 - 2 * 0.3))


def test_against_nothing_it_is_the_arms_own_net_benefit():
    arm = CaseWorth(np.array([0.1, 0.3, 0.2]), 12.0, 5.0)
    assert net_benefit_claim(arm, nothing(3), None, 100).estimate == pytest.approx(1200 * 0.2 - 5)


@given(st.floats(1e-3, 1e3), st.permutations(range(20)))
def test_money_scales_and_order_does_not_matter(scale, order):
    order = list(order)
    claim = net_benefit_claim(
        CaseWorth(scale * (VALUE * TUNED - 0.0003)[order], 12.0, scale * 1_440.0),
        CaseWorth(scale * (VALUE * UNTUNED - 0.0008)[order], 12.0, 0.0),
        np.repeat(np.arange(10), 2)[order],
        8_000,
    )
    same = example(np.repeat(np.arange(10), 2))
    assert claim.estimate == pytest.approx(scale * same.estimate)
    assert claim.bounds(0.05).low == pytest.approx(scale * same.bounds(0.05).low)
    assert claim.break_even_volume == pytest.approx(same.break_even_volume)


def test_swapping_the_arms_flips_the_sign():
    a, b = CaseWorth(TUNED, 12.0, 100.0), CaseWorth(UNTUNED, 12.0, 0.0)
    ahead, behind = net_benefit_claim(a, b, None, 10), net_benefit_claim(b, a, None, 10)
    assert behind.estimate == pytest.approx(-ahead.estimate)
    assert behind.bounds(0.05).low == pytest.approx(-ahead.bounds(0.05).high)


def test_equal_arms_show_no_spread():
    claim = net_benefit_claim(CaseWorth(TUNED, 12.0, 1.0), CaseWorth(TUNED, 12.0, 0.0), None, 10)
    assert claim.no_spread
    assert claim.break_even_volume is None


@pytest.mark.parametrize(
    ("gain", "fixed", "volume"),
    [(0.1, 5.0, 50.0), (-0.1, 5.0, None), (-0.1, -5.0, None), (0.0, 0.0, 0.0), (0.1, 0.0, 0.0)],
)
def test_the_level_volume_is_where_gains_have_paid_the_fixed_costs(gain, fixed, volume):
    assert level_volume(gain, fixed) == (None if volume is None else pytest.approx(volume))


def test_impossible_input_is_refused():
    two, three = CaseWorth(np.ones(2), 1.0, 0.0), CaseWorth(np.ones(3), 1.0, 0.0)
    with pytest.raises(ValueError, match="both answered"):
        net_benefit_claim(two, three, None, 1)
    with pytest.raises(ValueError, match="at least 0"):
        net_benefit_claim(two, two, None, -1)
    with pytest.raises(ValueError, match="one cluster"):
        net_benefit_claim(two, two, ["a", "a"], 1)
