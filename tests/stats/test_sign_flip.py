"""The sign-flip test against enumeration, scipy and McNemar."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.paired_binary import mcnemar
from evalkit.stats.sign_flip import sign_flip


def rng():
    return np.random.default_rng(7)


def test_four_wins_give_two_of_sixteen_patterns():
    result = sign_flip(np.array([0.1, 0.2, 0.3, 0.4]), None, rng())
    assert (result.p_value, result.exact, result.n_units) == (2 / 16, True, 4)


@given(st.lists(st.sampled_from([-0.5, -0.25, 0.0, 0.1, 0.25, 1.0]), min_size=1, max_size=10))
def test_exact_p_agrees_with_enumeration(differences):
    array = np.array(differences)
    sums = [abs(np.dot(signs, array)) for signs in itertools.product((-1, 1), repeat=array.size)]
    expected = np.mean(np.array(sums) >= abs(array.sum()) - 1e-9)
    assert sign_flip(array, None, rng()).p_value == pytest.approx(expected)


def test_exact_p_agrees_with_scipy():
    """scipy.stats.permutation_test with permutation_type="samples" flips signs of a paired sample."""
    treatment = np.array([0.9, 0.4, 0.7, 0.8, 0.3, 0.65, 0.55])
    control = np.array([0.5, 0.45, 0.2, 0.7, 0.35, 0.3, 0.5])
    theirs = scipy_stats.permutation_test(
        (treatment, control), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(treatment - control, None, rng()).p_value == pytest.approx(theirs.pvalue)


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 5))
def test_on_single_binary_pairs_it_is_exact_mcnemar(b, c, ties):
    differences = np.array([1.0] * b + [-1.0] * c + [0.0] * (ties + 1))
    assert sign_flip(differences, None, rng()).p_value == pytest.approx(mcnemar(b, c).p_value)


def test_sampled_p_is_close_to_the_exact_one():
    """30 won pairs, 14 lost: 10,000 patterns give McNemar's exact p within Monte Carlo error."""
    differences = np.array([1.0] * 30 + [-1.0] * 14)
    result = sign_flip(differences, None, rng())
    assert not result.exact
    assert result.p_value == pytest.approx(mcnemar(30, 14).p_value, abs=0.005)


def test_sampled_p_is_never_zero():
    """Phipson and Smyth (2010), SAGMB 9:39: p = (1 + hits) / (1 + draws)."""
    assert sign_flip(np.ones(60), None, rng()).p_value == 1 / 10_001


def test_a_cluster_is_flipped_whole():
    """Three clusters of four wins each are three coin flips, not twelve."""
    result = sign_flip(np.ones(12), np.repeat([0, 1, 2], 4), rng())
    assert (result.p_value, result.n_units) == (2 / 8, 3)


def test_units_that_tie_carry_no_information():
    assert sign_flip(np.array([0.2, 0.0, 0.0]), None, rng()).n_units == 1
    assert sign_flip(np.zeros(5), None, rng()).p_value == 1.0


def test_a_cluster_that_cancels_out_is_a_tie_in_spite_of_rounding():
    differences = np.array([0.1, 0.2, -0.3, 0.5])
    assert sign_flip(differences, np.array([0, 0, 0, 1]), rng()).n_units == 1


@given(st.lists(st.integers(-100, 100), min_size=16, max_size=40), st.randoms())
def test_order_and_sign_do_not_matter(differences, random):
    array = np.array(differences) / 100
    shuffled = np.array(random.sample(differences, len(differences))) / 100
    p_value = sign_flip(array, None, rng()).p_value
    assert sign_flip(shuffled, None, rng()).p_value == p_value
    assert sign_flip(-array, None, rng()).p_value == p_value


def test_under_the_null_small_p_values_are_rare():
    """2,000 worlds without a difference: p <= .05 in at most about 5% of them."""
    source = np.random.default_rng(11)
    hits = [sign_flip(source.normal(size=12), None, source).p_value <= 0.05 for _ in range(1000)]
    assert np.mean(hits) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize(("won", "lost"), [(2600, 2400), (2640, 2500), (5000, 5000)])
def test_thousands_of_units_are_settled_by_the_normal_distribution(won, lost):
    """With the correction for continuity it is exact McNemar to four digits, where drawn patterns reach two."""
    result = sign_flip(np.array([1.0] * won + [-1.0] * lost), None, rng())
    assert (result.exact, result.n_units) == (False, won + lost)
    assert result.p_value == pytest.approx(mcnemar(won, lost).p_value, abs=1e-4)


def test_one_unit_that_outweighs_thousands_is_not_settled():
    """Flipped sums lie near 1 or -1 and never at the observed 1.6, to which a normal p would give .11."""
    result = sign_flip(np.concatenate((np.full(6_000, 1e-4), [1.0])), None, rng(), n_draws=50)
    assert result.p_value == 1 / 51
