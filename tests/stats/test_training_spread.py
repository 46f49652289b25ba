"""The spread between trainings: decision.md's closed forms, to the digits printed there."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.clusters import clustered_mean
from evalkit.stats.training_spread import measured_spread, training_spread


def test_two_seeds():
    spread = training_spread([0.884259, 0.949074], [0.0212], prior_sd=0.02)
    assert spread.excess == pytest.approx(0.00187577, abs=5e-9)
    assert spread.degrees == 5
    assert spread.sd == pytest.approx(0.026366, abs=5e-7)
    assert spread.expected_variance == pytest.approx(0.00115859, abs=5e-9)


def test_three_seeds():
    spread = training_spread([0.80, 0.83, 0.78], [0.015] * 3, prior_sd=0.02)
    assert spread.excess == pytest.approx(0.00104167, abs=5e-9)
    assert spread.degrees == 6
    assert spread.sd == pytest.approx(0.020983, abs=5e-7)


def test_one_seed_leaves_the_assumption_as_it_is():
    spread = training_spread([0.9])
    assert (spread.degrees, spread.prior_sd, spread.excess) == (4, 0.03, 0.0)
    assert spread.expected_variance == pytest.approx(0.0018)


def test_the_assumption_is_larger_where_nothing_corrects_it():
    assert training_spread([0.9, 0.9], [0.01]).prior_sd == 0.02
    assert training_spread([0.9], prior_sd=0.01).prior_sd == 0.01


def test_seeds_that_differ_less_than_their_cases_explain_shrink_the_spread():
    spread = training_spread([0.80, 0.801], [0.03], prior_sd=0.02)
    assert spread.excess == 0.0
    assert spread.sd == pytest.approx(0.02 * np.sqrt(4 / 5))


def test_draws_have_the_scaled_inverse_chi_square_distribution():
    spread = training_spread([0.80, 0.83, 0.78], [0.015] * 3, prior_sd=0.02)
    draws = spread.draws(20_000, np.random.default_rng(1))
    known = scipy_stats.invgamma(spread.degrees / 2, scale=spread.degrees * spread.sd**2 / 2)
    assert scipy_stats.kstest(draws, known.cdf).pvalue > 0.001
    assert draws.mean() == pytest.approx(spread.expected_variance, rel=0.03)
    assert not training_spread([0.8], prior_sd=0.0).draws(5, np.random.default_rng(1)).any()


def test_scores_give_what_their_means_and_paired_errors_give():
    scores = np.random.default_rng(2).integers(0, 2, size=(60, 3)).astype(float)
    clusters = np.repeat(np.arange(20), 3)
    errors = [
        clustered_mean(scores[:, one] - scores[:, other], clusters).standard_error
        for one, other in ((0, 1), (0, 2), (1, 2))
    ]
    by_hand = training_spread(list(scores.mean(axis=0)), errors, 0.02)
    found = measured_spread(scores, clusters)
    assert (found.excess, found.sd) == pytest.approx((by_hand.excess, by_hand.sd))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training_spread([]), "at least one"),
        (lambda: training_spread([0.8, 0.9]), "1 pairs and there are 0"),
        (lambda: training_spread([0.8], prior_sd=-0.1), "negative"),
        (lambda: training_spread([0.8, 0.9], [float("nan")]), "not a number"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
