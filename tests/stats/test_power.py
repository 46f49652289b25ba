"""Sample sizes: Miller's equation 9, pairs, and both turned round."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import NormalIndPower

from evalkit.stats.power import (
    cases_needed,
    clustered_smallest_detectable,
    pairs_needed,
    smallest_detectable,
    smallest_detectable_pairs,
)


def test_equation_9_of_the_worked_example():
    """decision.md section 2 and Miller (2024), arXiv:2411.00640, section 5: 969 cases."""
    assert cases_needed(0.03, 1 / 9, alpha=0.05, power=0.8) == 969


@pytest.mark.parametrize(("difference", "variance"), [(0.03, 1 / 9), (0.1, 0.25), (0.05, 0.5)])
def test_equation_9_agrees_with_statsmodels(difference, variance):
    """NormalIndPower(ratio=0) solves the one-sample z test; the far tail it adds is nil."""
    theirs = NormalIndPower().solve_power(
        effect_size=difference / np.sqrt(variance), alpha=0.05, power=0.8, ratio=0
    )
    assert cases_needed(difference, variance) == int(np.ceil(theirs))


def test_repeats_take_off_run_to_run_variance_only():
    """Ten repeats divide sigma^2 by ten and leave omega^2."""
    one = cases_needed(0.05, 0.1, repeat_variances=(0.1, 0.1))
    ten = cases_needed(0.05, 0.1, repeat_variances=(0.1, 0.1), repeats=(10, 10))
    none = cases_needed(0.05, 0.1)
    assert none < ten < one
    assert one / none == pytest.approx(3.0, rel=0.01)
    assert ten / none == pytest.approx(1.2, rel=0.01)


def test_a_design_effect_multiplies_the_cases():
    assert cases_needed(0.03, 1 / 9, design_effect=2.0) == pytest.approx(2 * 969, abs=2)
    assert pairs_needed(0.1, 0.25, design_effect=2.0) == pytest.approx(2 * 194, abs=2)


@pytest.mark.parametrize(("difference", "share"), [(0.1, 0.25), (0.05, 0.15), (0.2, 0.3)])
def test_pairs_needed_have_the_stated_power(difference, share):
    """Exact power of the large-sample McNemar test at that n, summed over the trinomial distribution."""
    n = pairs_needed(difference, share)
    power = 0.0
    for pairs in range(1, n + 1):
        b = np.arange(pairs + 1)
        rejected = np.abs(2 * b - pairs) / np.sqrt(pairs) > 1.959964
        given_pairs = scipy_stats.binom.pmf(b, pairs, (share + difference) / 2 / share)[rejected].sum()
        power += scipy_stats.binom.pmf(pairs, n, share) * given_pairs
    assert power == pytest.approx(0.8, abs=0.04)


@given(st.floats(0.02, 0.5), st.floats(0.01, 1.0))
def test_the_smallest_detectable_difference_turns_equation_9_round(difference, variance):
    n = cases_needed(difference, variance)
    assert smallest_detectable(n, variance) <= difference * (1 + 1e-9) or n == 2
    if n > 2:
        assert smallest_detectable(n - 1, variance) >= difference * (1 - 1e-9)


@given(st.floats(0.02, 0.4), st.floats(0.0, 0.6))
def test_the_smallest_detectable_difference_turns_pairs_needed_round(difference, more):
    share = min(1.0, difference + more)
    n = pairs_needed(difference, share)
    found = smallest_detectable_pairs(n, share)
    assert found <= difference * (1 + 1e-6)
    if n > 4:
        assert smallest_detectable_pairs(n - 1, share) >= difference * (1 - 1e-6)


def test_without_any_discordant_pair_the_smallest_difference_is_not_zero():
    """50 cases: if all discordance were one way, 14 points would be found with power 0.8."""
    found = smallest_detectable_pairs(50, 0.0)
    assert found == pytest.approx(0.14, abs=0.01)
    assert pairs_needed(found, found) == pytest.approx(50, abs=1)


def test_so_few_cases_that_nothing_can_be_shown_give_more_than_one():
    assert smallest_detectable_pairs(2, 0.5) > 1.0


def test_more_cases_detect_less():
    found = [smallest_detectable_pairs(n, 0.2) for n in (3, 10, 30, 100, 1000)]
    assert found == sorted(found, reverse=True)


def test_clustered_smallest_difference_tends_to_equation_9():
    many = clustered_smallest_detectable(0.01, 100_000, 0.05)
    assert many == pytest.approx(0.01 * 2.8016, rel=1e-3)
    assert clustered_smallest_detectable(0.01, 5, 0.05) > many


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cases_needed(0.0, 0.1), "difference is 0"),
        (lambda: cases_needed(0.1, -0.1), "variance is negative"),
        (lambda: cases_needed(0.1, 0.1, repeats=(0, 1)), "at least once"),
        (lambda: cases_needed(0.1, 0.1, design_effect=0.0), "above 0"),
        (lambda: cases_needed(0.1, 0.1, power=0.01), "between alpha"),
        (lambda: cases_needed(0.1, 0.1, alpha=2.0), "between 0 and 1"),
        (lambda: pairs_needed(0.3, 0.2), "impossible"),
        (lambda: smallest_detectable(0, 0.1), "at least 1"),
        (lambda: smallest_detectable_pairs(0, 0.1), "at least 1"),
        (lambda: smallest_detectable_pairs(10, 1.1), "in \\[0, 1\\]"),
    ],
)
def test_impossible_plans_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
