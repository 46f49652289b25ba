"""How often the exact McNemar test finds a difference, and how many pairs that takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.exact_power import exact_power, pairs_needed_exact
from evalkit.stats.paired_binary import mcnemar
from evalkit.stats.power import pairs_needed


@pytest.mark.parametrize(
    ("n", "difference", "share"),
    [(60, 0.1, 0.25), (40, -0.2, 0.3), (30, 0.1, 0.1), (20, 0.3, 0.9), (5, 0.1, 0.2), (30, 0.5, 1.0)],
)
def test_power_is_the_sum_over_every_outcome_that_the_test_rejects(n, difference, share):
    total = 0.0
    for pairs in range(n + 1):
        b = np.arange(pairs + 1)
        rejected = np.array([mcnemar(int(one), int(pairs - one)).p_value <= 0.05 for one in b])
        given_pairs = scipy_stats.binom.pmf(b, pairs, (share + difference) / 2 / share)[rejected].sum()
        total += scipy_stats.binom.pmf(pairs, n, share) * given_pairs
    assert exact_power(n, difference, share) == pytest.approx(total, abs=1e-9)


def test_without_a_difference_the_power_stays_below_alpha():
    """The exact test errs on the safe side: that is why it needs more cases than the large-sample formula says."""
    assert all(exact_power(n, 0.0, 0.3) <= 0.05 for n in (10, 50, 200, 1000))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.4), st.floats(0.0, 0.5), st.sampled_from([0.7, 0.8, 0.9]))
def test_the_cases_asked_for_reach_the_power_and_few_of_them_could_be_spared(difference, more, power):
    share = min(1.0, difference + more)
    n = pairs_needed_exact(difference, share, power=power)
    assert n >= pairs_needed(difference, share, power=power)
    assert exact_power(n, difference, share) >= power
    # Connor's number may already suffice; else nothing much smaller does
    assert (
        n == pairs_needed(difference, share, power=power)
        or exact_power(int(n * 0.93) - 2, difference, share) < power
    )


def test_the_exact_number_for_ten_points_at_a_quarter_discordant():
    """207, where Connor's formula says 194 (whose exact power is 0.773)."""
    assert pairs_needed_exact(0.10, 0.25) == 207
    assert exact_power(206, 0.10, 0.25) < 0.8 <= exact_power(207, 0.10, 0.25)
    assert exact_power(194, 0.10, 0.25) == pytest.approx(0.773, abs=0.001)


def test_tiny_differences_are_answered_too():
    n = pairs_needed_exact(0.002, 0.1)
    assert 196_220 < n < 198_500


def test_a_design_effect_multiplies_the_exact_number():
    assert pairs_needed_exact(0.1, 0.25, design_effect=2.0) == 414


def test_nonsense_is_refused_as_by_the_formula():
    with pytest.raises(ValueError, match="impossible"):
        pairs_needed_exact(0.3, 0.2)
    with pytest.raises(ValueError, match="above 0"):
        pairs_needed_exact(0.1, 0.2, design_effect=0.0)
