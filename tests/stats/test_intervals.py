"""Intervals for one arm against published tables, statsmodels and exact coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.bounds import Bounds, rule_of_three
from evalkit.stats.intervals import clopper_pearson, effective_wilson, t_interval, wilson


def ends(bounds: Bounds) -> tuple[float, float]:
    return bounds.low, bounds.high


def test_wilson_of_44_in_100():
    """decision.md section 2; statsmodels proportion_confint(44, 100, method="wilson")."""
    assert ends(wilson(44, 100)) == pytest.approx((0.346720, 0.537719), abs=1e-6)


def test_clopper_pearson_of_44_in_100():
    """decision.md section 2; statsmodels proportion_confint(44, 100, method="beta")."""
    assert ends(clopper_pearson(44, 100)) == pytest.approx((0.340836, 0.542813), abs=1e-6)


@pytest.mark.parametrize(
    ("right", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombes_table_of_seven_methods(right, n, score, exact):
    """Newcombe (1998), Statistics in Medicine 17:857-872, table I, methods 3 and 5."""
    assert ends(wilson(right, n)) == pytest.approx(score, abs=5e-5)
    assert ends(clopper_pearson(right, n)) == pytest.approx(exact, abs=5e-5)


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.01, 0.05, 0.2]))
def test_both_agree_with_statsmodels(n, share, alpha):
    right = round(share * n)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        theirs = proportion_confint(right, n, alpha=alpha, method=method)
        assert ends(ours(right, n, alpha)) == pytest.approx(theirs, abs=1e-9)


@given(st.integers(1, 200), st.floats(0, 1))
def test_counting_wrong_answers_mirrors_the_interval(n, share):
    right = round(share * n)
    for interval in (wilson, clopper_pearson):
        mirrored = interval(n - right, n)
        assert ends(interval(right, n)) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-12)


@pytest.mark.parametrize("n", [5, 20, 50, 200])
def test_clopper_pearson_covers_at_least_95_percent_for_every_share(n):
    """Exact coverage, summed over the binomial distribution: the meaning of an exact method."""
    shares = np.linspace(0.001, 0.999, 333)
    assert min(_coverage(clopper_pearson, n, shares)) >= 0.95


@pytest.mark.parametrize("n", [50, 100, 200])
def test_wilson_covers_95_percent_on_average_and_never_below_91_from_5_to_95_percent(n):
    """Exact coverage; the average is the claim of Brown, Cai and DasGupta (2001), Statistical Science 16:101."""
    coverage = _coverage(wilson, n, np.linspace(0.05, 0.95, 181))
    assert np.mean(coverage) >= 0.945
    assert min(coverage) >= 0.91


def _coverage(interval, n, shares):
    bounds = [interval(right, n) for right in range(n + 1)]
    low = np.array([b.low for b in bounds])
    high = np.array([b.high for b in bounds])
    return [
        float(scipy_stats.binom.pmf(np.arange(n + 1), n, share)[(low <= share) & (share <= high)].sum())
        for share in shares
    ]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from([0.05, 0.1]))
def test_t_interval_agrees_with_scipy(values, alpha):
    array = np.array(values)
    low, high = ends(t_interval(array, alpha))
    if np.std(array) < 1e-9:
        assert (low, high) == pytest.approx((array.mean(), array.mean()), abs=1e-6)
    else:
        theirs = scipy_stats.ttest_1samp(array, 0.0).confidence_interval(1 - alpha)
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_rule_of_three_is_clopper_pearson_of_none_right():
    """Hanley and Lippman-Hand (1983), JAMA 249:1743: 3/n one-sided at 95%; two-sided it is 3.7/n."""
    assert rule_of_three(0.0, 50, 0.05, lowest=0.0, highest=1.0).high == pytest.approx(
        clopper_pearson(0, 50).high
    )
    assert rule_of_three(0.0, 1000, 0.10, lowest=0.0, highest=1.0).high == pytest.approx(3 / 1000, rel=5e-3)


def test_rule_of_three_bounds_both_sides_of_a_difference():
    bounds = rule_of_three(0.0, 20, 0.05, lowest=-1.0, highest=1.0)
    assert bounds.low == -bounds.high
    assert bounds.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_effective_wilson_with_the_binomial_standard_error_is_wilson_but_for_t():
    """With many clusters and no design effect the effective sample size is the number of cases."""
    share, n = 0.3, 5000
    plain = wilson(1500, n)
    effective = effective_wilson(share, math.sqrt(share * (1 - share) / n), n, n)
    assert ends(effective) == pytest.approx(ends(plain), abs=2e-5)


def test_effective_wilson_of_whole_clusters_is_wilson_of_the_clusters():
    """Where the cases of a cluster are all alike, they count as one."""
    share, n_clusters = 0.4, 4000
    standard_error = math.sqrt(share * (1 - share) / n_clusters)
    effective = effective_wilson(share, standard_error, 5 * n_clusters, n_clusters)
    assert ends(effective) == pytest.approx(ends(wilson(1600, n_clusters)), abs=2e-5)


def test_effective_wilson_never_counts_more_than_the_cases():
    """A standard error below the binomial one is luck, not information."""
    binomial = effective_wilson(0.5, math.sqrt(0.25 / 100), 100, 50)
    assert ends(effective_wilson(0.5, 0.0, 100, 50)) == pytest.approx(ends(binomial))


def test_bounds_can_be_mirrored_and_clipped():
    assert Bounds(-0.2, 1.3).negated() == Bounds(-1.3, 0.2)
    assert Bounds(-0.2, 1.3).clipped(0.0, 1.0) == Bounds(0.0, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson(1, 0), "at least one case"),
        (lambda: wilson(3, 2), "impossible"),
        (lambda: clopper_pearson(-1, 2), "impossible"),
        (lambda: wilson(1, 2, alpha=1.0), "between 0 and 1"),
        (lambda: rule_of_three(0.0, 0, 0.05, lowest=0.0, highest=1.0), "at least one case or cluster"),
        (lambda: t_interval(np.array([0.5])), "at least 2"),
        (lambda: effective_wilson(1.0, 0.1, 10, 5), "rule_of_three"),
        (lambda: effective_wilson(0.5, 0.1, 10, 1), "at least 2"),
    ],
)
def test_impossible_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
