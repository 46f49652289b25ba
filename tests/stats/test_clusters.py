"""Cluster-robust means against statsmodels and published analyses of variance."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.clusters import clustered_mean, guarded_mean


def test_standard_error_of_the_worked_example():
    """decision.md section 2: s = [1,1,0,1,0,0,1,1,1,0], clusters aaabbbcccd, standard error .1818424."""
    scores = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0], dtype=float)
    result = clustered_mean(scores, np.array(list("aaabbbcccd")))
    assert result.standard_error == pytest.approx(0.1818424, abs=5e-8)
    assert (result.mean, result.n_clusters, result.degrees_of_freedom) == (0.6, 4, 3)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), min_size=3, max_size=40).filter(
        lambda pairs: len({label for _, label in pairs}) > 1
    )
)
def test_interval_agrees_with_statsmodels(pairs):
    """OLS(values ~ 1).fit(cov_type="cluster") with use_t, statsmodels 0.15."""
    values = np.array([value for value, _ in pairs])
    labels = np.array([label for _, label in pairs])
    ours = clustered_mean(values, labels)
    theirs = sm.OLS(values, np.ones_like(values)).fit(
        cov_type="cluster", cov_kwds={"groups": labels}, use_t=True
    )
    if ours.standard_error > 1e-9:
        bounds = ours.bounds(0.05)
        assert ours.standard_error == pytest.approx(theirs.bse[0], rel=1e-6)
        assert (bounds.low, bounds.high) == pytest.approx(tuple(theirs.conf_int()[0]), rel=1e-6, abs=1e-9)


def test_without_clusters_it_is_the_standard_error_of_a_mean():
    values = np.random.default_rng(1).random(30)
    result = clustered_mean(values, None)
    assert result.standard_error == pytest.approx(scipy_stats.sem(values))
    assert result.design_effect == pytest.approx(1.0)
    assert result.intraclass_correlation == 0.0


def test_intraclass_correlation_of_shrout_and_fleiss():
    """Shrout and Fleiss (1979), Psychol. Bull. 86:420-428, table 2: ICC(1,1) = .17."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    result = clustered_mean(ratings.ravel().astype(float), np.repeat(np.arange(6), 4))
    assert result.intraclass_correlation == pytest.approx(0.17, abs=0.005)


def test_cases_all_alike_in_a_cluster_count_as_one():
    """The design effect of clusters of 4 with intraclass correlation 1 is about 4."""
    values = np.repeat(np.random.default_rng(2).random(50), 4)
    result = clustered_mean(values, np.repeat(np.arange(50), 4))
    assert result.intraclass_correlation == pytest.approx(1.0)
    assert result.design_effect == pytest.approx(4.0, rel=0.03)


def test_values_that_do_not_vary_have_no_design_effect_to_estimate():
    result = clustered_mean(np.full(6, 0.3), np.array([0, 0, 1, 1, 2, 2]))
    assert (result.standard_error, result.design_effect, result.intraclass_correlation) == (0.0, 1.0, 0.0)


def test_clusters_that_cancel_out_have_standard_error_zero_and_not_noise():
    """Each cluster holds +0.1 and -0.1 thrice: what is left of the residual sums is rounding."""
    values = np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.1] * 5)
    assert clustered_mean(values, np.repeat(np.arange(5), 6)).standard_error == 0.0


def test_one_cluster_is_refused():
    with pytest.raises(ValueError, match="at least 2 clusters"):
        clustered_mean(np.array([0.1, 0.2]), np.array([7, 7]))


@pytest.mark.parametrize(("n_clusters", "few"), [(19, True), (20, False)])
def test_fewer_than_20_clusters_are_flagged(n_clusters, few):
    values = np.random.default_rng(3).random(2 * n_clusters)
    assert clustered_mean(values, np.repeat(np.arange(n_clusters), 2)).few_clusters is few


def test_two_clusters_that_carry_everything_are_sparse():
    """Two of 30 clusters won, the others tied: the standard error rests on two numbers."""
    values = np.zeros(90)
    values[:6] = 1.0
    clusters = np.repeat(np.arange(30), 3)
    seen = clustered_mean(values, clusters)
    guarded = guarded_mean(values, clusters, lowest=-1.0, highest=1.0)
    assert seen.sparse
    assert guarded.n_clusters == 32
    assert guarded.standard_error > seen.standard_error


def test_plain_clusters_are_left_alone():
    values = np.random.default_rng(4).random(90)
    clusters = np.repeat(np.arange(30), 3)
    assert guarded_mean(values, clusters, lowest=0.0, highest=1.0) == clustered_mean(values, clusters)
