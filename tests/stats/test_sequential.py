"""The e-value on discordant pairs."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.sequential import discordant_e_value


def test_thirty_against_ten_under_a_uniform_prior():
    """decision.md section 2: two-sided uniform (30, 10) gives 31.637."""
    result = discordant_e_value(30, 10)
    assert result.value == pytest.approx(31.637, abs=5e-4)
    assert result.rejects
    assert result.discordant == 40


def test_a_uniform_prior_gives_the_closed_form():
    """2^n / ((n + 1) C(n, b)): Beta(1, 1) integrates the binomial to 1 / (n + 1)."""
    assert discordant_e_value(7, 2).value == pytest.approx(2**9 / (10 * math.comb(9, 7)))


@pytest.mark.parametrize("prior", [(1.0, 1.0), (0.5, 0.5), (3.0, 1.0)])
@pytest.mark.parametrize("pairs", [1, 5, 40])
def test_its_mean_under_equal_arms_is_one(prior, pairs):
    """What makes it an e-value, summed over the binomial distribution."""
    values = [discordant_e_value(b, pairs - b, prior=prior).value for b in range(pairs + 1)]
    assert scipy_stats.binom.pmf(np.arange(pairs + 1), pairs, 0.5) @ values == pytest.approx(1.0)


def test_looking_after_every_case_rejects_equal_arms_at_most_5_percent_of_the_time():
    """Ville's inequality: 2,000 worlds, a look after each of 300 discordant pairs."""
    wins = np.random.default_rng(1).integers(0, 2, size=(2000, 300)).cumsum(axis=1)
    pairs = np.arange(1, 301)
    ever = np.zeros(2000, dtype=bool)
    for column, n in enumerate(pairs):
        reached = np.array([discordant_e_value(b, int(n) - b).rejects for b in range(n + 1)])
        ever |= reached[wins[:, column]]
    assert ever.mean() <= 0.05


def test_evidence_too_large_for_a_float_still_rejects():
    result = discordant_e_value(5000, 0)
    assert math.isfinite(result.value)
    assert result.rejects


def test_no_pair_is_no_evidence():
    assert discordant_e_value(0, 0).value == 1.0
    assert not discordant_e_value(0, 0).rejects


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: discordant_e_value(-1, 0), "negative"),
        (lambda: discordant_e_value(1, 0, prior=(0.0, 1.0)), "above 0"),
        (lambda: discordant_e_value(1, 0, alpha=0.0), "alpha"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
