"""The interval of a quantile: ranks by hand, scipy's own, and how often it holds the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.quantile_interval import quantile_interval


@pytest.mark.parametrize(("n", "low", "high"), [(20, 17, None), (71, 63, None), (72, 64, 72), (100, 90, 100)])
def test_ranks_of_the_95th_percentile(n, low, high):
    """At 20, P(at most 16 below) = .0159 and P(at most 17) = .0755; .95^72 = .0249 is the first below .025."""
    interval = quantile_interval(np.arange(1.0, n + 1), 0.95, None, alpha=0.05)
    assert (interval.low, interval.high) == (low, high)


@given(st.integers(2, 400), st.sampled_from([0.1, 0.5, 0.9, 0.95]), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=20, deadline=None)
def test_it_is_the_interval_that_scipy_gives(n, share, alpha):
    """scipy.stats.quantile_test inverts the exact binomial test."""
    values = np.random.default_rng(n).lognormal(size=n)
    theirs = scipy_stats.quantile_test(values, q=1.0, p=share).confidence_interval(1.0 - alpha)
    ours = quantile_interval(values, share, None, alpha=alpha)
    for end, other in ((ours.low, theirs.low), (ours.high, theirs.high)):
        assert np.isnan(other) if end is None else end == other


@pytest.mark.parametrize("clustered", [False, True])
def test_it_holds_the_95th_percentile_at_least_nineteen_times_in_twenty(clustered):
    rng = np.random.default_rng(7)
    truth = np.exp(scipy_stats.norm.ppf(0.95))
    held = 0
    for _ in range(250):
        logs = rng.normal(size=300)
        clusters = None
        if clustered:
            clusters = np.repeat(np.arange(100), 3)
            logs = np.sqrt(0.7) * rng.normal(size=100)[clusters] + np.sqrt(0.3) * logs
        interval = quantile_interval(np.exp(logs), 0.95, clusters, alpha=0.05)
        held += interval.low <= truth <= (np.inf if interval.high is None else interval.high)
    assert held / 250 >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / 250)


def test_equal_values_in_clusters_count_as_the_clusters_alone():
    interval = quantile_interval(np.ones(120), 0.95, np.repeat(np.arange(40), 3), alpha=0.05)
    assert (interval.low, interval.high, interval.n_clusters) == (1.0, None, 40)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_quantile_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match="give a quantile between 0 and 1"):
        quantile_interval([1.0, 2.0], share, None, alpha=0.05)


def test_two_values_do_not_bound_the_95th_percentile_from_above_and_one_bounds_nothing():
    assert quantile_interval([1.0], 0.5, None, alpha=0.05).low is None
    assert quantile_interval([1.0, 2.0], 0.95, None, alpha=0.05).high is None
