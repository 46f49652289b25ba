"""The bootstrap against its exact moments and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.bootstrap import (
    bca_bounds,
    bootstrap_bounds,
    bootstrap_mean,
    mean_is_settled,
    resampled_sums,
)
from evalkit.stats.intervals import t_interval


def rng():
    return np.random.default_rng(7)


def mean_of(sums):
    return sums[..., 0] / sums[..., 1]


@pytest.mark.parametrize("n_rows", [3, 200])
@pytest.mark.parametrize("distinct", [2, 10**6])
def test_draws_have_the_moments_of_resampling(n_rows, distinct):
    """A sum of n picked rows has mean n * mean and variance n * variance, by either way of drawing."""
    rows = np.round(np.random.default_rng(1).random((n_rows, 2)) * distinct) / distinct
    draws = resampled_sums(rows, 20_000, rng())
    assert draws.mean(axis=0) == pytest.approx(rows.sum(axis=0), rel=0.02)
    covariance = n_rows * np.cov(rows.T, bias=True)
    assert np.cov(draws.T) == pytest.approx(covariance, rel=0.06, abs=0.02 * np.trace(covariance))


def test_all_resamples_of_two_rows_come_in_their_proportions():
    draws = resampled_sums(np.array([[0.0], [1.0]]), 40_000, rng())[:, 0]
    assert [np.mean(draws == total) for total in (0, 1, 2)] == pytest.approx([0.25, 0.5, 0.25], abs=0.01)


def test_columns_are_resampled_together():
    rows = np.column_stack((np.arange(50.0), 2 * np.arange(50.0)))
    draws = resampled_sums(rows, 100, rng())
    assert draws[:, 1] == pytest.approx(2 * draws[:, 0])


@given(st.permutations(range(12)))
def test_draws_do_not_depend_on_the_order_of_the_rows(order):
    rows = np.random.default_rng(2).random((12, 3))
    assert np.array_equal(resampled_sums(rows, 20, rng()), resampled_sums(rows[order], 20, rng()))


def test_draws_span_several_chunks():
    """400,000 rows leave two resamples in a chunk."""
    rows = np.random.default_rng(3).random((400_000, 1))
    draws = resampled_sums(rows, 5, rng())
    assert draws[:, 0] / 400_000 == pytest.approx(np.full(5, 0.5), abs=0.005)
    assert len(set(draws[:, 0])) == 5


@pytest.mark.parametrize("n_columns", [1, 3])
def test_many_rows_are_picked_as_evenly_as_few(n_columns):
    """70,000 rows, the last 112 of which make a short block: 600 resamples pick each block equally often."""
    n_rows = 70_000
    rows = np.random.default_rng(3).random((n_rows, n_columns))
    rows[:, 0] = np.arange(n_rows) >= n_rows - 112
    rows[:, 0] += 1e-9 * np.arange(n_rows)  # all rows distinct
    draws = resampled_sums(rows, 600, rng())[:, 0] - 1e-9 * n_rows * n_rows / 2
    assert draws.mean() == pytest.approx(112, abs=4 * np.sqrt(112 / 600))
    assert draws.var() == pytest.approx(112, rel=0.25)


def test_bca_agrees_with_scipy_on_the_same_draws():
    """scipy.stats.bootstrap(method="BCa"): same draws, same quantiles."""
    values = np.random.default_rng(4).exponential(size=40)
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="BCa", rng=np.random.default_rng(5), vectorized=True
    )
    jackknife = (values.sum() - values) / (values.size - 1)
    ours = bca_bounds(theirs.bootstrap_distribution, values.mean(), jackknife, 0.05)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-9)


def test_bootstrap_of_a_mean_is_close_to_scipys():
    values = np.random.default_rng(4).exponential(size=60)
    rows = np.column_stack((values, np.ones(60)))
    ours, _ = bootstrap_bounds(rows, mean_of, 0.05, rng())
    theirs = scipy_stats.bootstrap((values,), np.mean, n_resamples=10_000, rng=np.random.default_rng(5))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.015)


def test_efron_and_tibshirani_spatial_data():
    """Efron and Tibshirani (1993), table 14.1: variance of the 26 spatial test values A.

    Page 187 gives the BCa interval of the plug-in variance at 90% as (115.8, 259.6), from 2,000 resamples.
    """
    values = np.array(
        [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41],
        dtype=float,
    )
    rows = np.column_stack((values, values**2, np.ones_like(values)))

    def variance(sums):
        return sums[..., 1] / sums[..., 2] - (sums[..., 0] / sums[..., 2]) ** 2

    bounds, _ = bootstrap_bounds(rows, variance, 0.10, rng())
    assert float(np.var(values)) == pytest.approx(171.5, abs=0.05)
    assert (bounds.low, bounds.high) == pytest.approx((115.8, 259.6), rel=0.03)


def test_bca_ends_stay_within_the_draws_when_all_lie_on_one_side():
    draws = np.linspace(0.5, 0.6, 100)
    bounds = bca_bounds(draws, 0.9, np.array([0.1, 0.5, 0.9]), 0.05)
    assert 0.5 <= bounds.low <= bounds.high <= 0.6


@pytest.mark.parametrize("sign", [1, -1])
def test_an_acceleration_beyond_the_last_draw_gives_the_last_draw(sign):
    """One row of many carries everything, and alpha is tiny: the correction's denominator turns negative."""
    jackknife = np.zeros(400)
    jackknife[0] = sign
    draws = np.linspace(0.0, 1.0, 1001)
    bounds = bca_bounds(draws, 0.5, jackknife, 1e-12)
    assert (bounds.low if sign > 0 else bounds.high) == (0.0 if sign > 0 else 1.0)
    assert 0.0 <= bounds.low <= bounds.high <= 1.0


def test_the_interval_of_a_mean_is_nowhere_narrower_than_students():
    """5 of 100 cases differ: BCa alone is narrower at one end."""
    values = np.array([1.0] * 5 + [0.0] * 95)
    bounds = bootstrap_mean(values, 0.05, rng())
    student = t_interval(values)
    assert bounds.low <= student.low
    assert bounds.high >= student.high


def test_a_statistic_that_does_not_vary_has_an_interval_of_its_value():
    bounds, draws = bootstrap_bounds(np.array([[0.5, 1.0]] * 4), mean_of, 0.05, rng())
    assert (bounds.low, bounds.high, float(np.ptp(draws))) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resampled_sums(np.ones((3, 1)), 0, rng()), "at least 1"),
        (lambda: bootstrap_bounds(np.ones((1, 2)), mean_of, 0.05, rng()), "at least 2 cases or clusters"),
        (
            lambda: bootstrap_bounds(np.eye(2), lambda s: np.log(s[..., 0] + 0 * s[..., 1]), 0.05, rng()),
            "resample",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_cannot_be_resampled_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_draws_are_a_real_resample_of_every_row():
    """Each of six rows is picked as often as the next, and six rows are picked in each draw."""
    draws = resampled_sums(np.eye(6), 30_000, rng())
    assert np.all(draws.sum(axis=1) == 6)
    assert draws.mean(axis=0) == pytest.approx(np.ones(6), abs=0.03)
    pairs = [np.corrcoef(draws[:, i], draws[:, j])[0, 1] for i, j in itertools.combinations(range(6), 2)]
    assert pairs == pytest.approx([-0.2] * 15, abs=0.03)


def test_where_the_mean_is_settled_student_and_bca_agree():
    """5,000 skewed graded scores: both ends within 6% of a standard error of each other."""
    values = np.random.default_rng(4).beta(2, 5, 5_000)
    assert mean_is_settled(values)
    error = values.std(ddof=1) / np.sqrt(values.size)
    student, bootstrap = t_interval(values), bootstrap_mean(values, 0.05, rng())
    assert bootstrap.low == pytest.approx(student.low, abs=0.06 * error)
    assert bootstrap.high == pytest.approx(student.high, abs=0.06 * error)


@pytest.mark.parametrize(
    "values", [np.repeat([0.0, 0.7], [4_995, 5]), np.zeros(5_000), np.linspace(0, 1, 1_999)]
)
def test_few_values_that_differ_none_that_do_and_few_cases_are_not_settled(values):
    assert not mean_is_settled(values)
