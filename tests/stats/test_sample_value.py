"""The value of more cases and more trainings against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.bayesian_bootstrap import joint_means
from evalkit.stats.sample_value import kept_by_cases, kept_by_trainings, offset_benefits, sample_value
from evalkit.stats.scored_cases import ScoredCases
from evalkit.stats.training_runs import TrainingPlan, training_offsets
from evalkit.stats.training_spread import training_spread
from evalkit.stats.value_of_information import unit_normal_loss

N = 200_000


def test_a_sample_of_a_normal_difference():
    """N(m, s) against 0, n more cases beside n0: EVSI = s k UNL(m / (s k)) with k = sqrt(n / (n + n0))."""
    net = np.column_stack((np.random.default_rng(1).normal(1.0, 2.0, N), np.zeros(N)))
    kept = kept_by_cases(300, 98)
    assert kept == pytest.approx(np.sqrt(0.75))
    spread = 2.0 * kept
    assert sample_value(net, kept) == pytest.approx(spread * unit_normal_loss(1.0 / spread), rel=0.03)


@given(st.integers(0, 1000), st.integers(1, 500))
def test_no_sample_is_worth_nothing_and_no_sample_more_than_perfect_information(n_new, n_clusters):
    net = np.random.default_rng(2).normal(size=(500, 3))
    value = sample_value(net, kept_by_cases(n_new, n_clusters))
    assert 0.0 <= value <= sample_value(net, 1.0) + 1e-12
    assert sample_value(net, 0.0) == 0.0


def test_the_shrunk_draws_vary_as_means_of_future_draws_do():
    """Posterior means after 100 more Bernoulli cases: variance p (1 - p) n / ((n + n0) (n0 + 1)), n0 = 100 + 2."""
    scores = np.repeat([1.0, 0.0], [60, 40])[:, None]
    quality = joint_means(
        ScoredCases(("a",), ("tuned",), scores), np.random.default_rng(3), n_draws=N
    ).quality[:, 0]
    shrunk = kept_by_cases(100, 100) * (quality - quality.mean())
    p = 61 / 102
    assert shrunk.var() == pytest.approx(p * (1 - p) * 100 / ((100 + 102) * 103), rel=0.02)


def test_more_trainings_are_worth_what_they_resolve():
    """A tuned arm of mean difference 0: EVSI = slope x SD of the offset x kept x UNL(0)."""
    plan = TrainingPlan(training_spread([0.5], prior_sd=0.03), retunes=0)
    quality = np.full((N, 1), 0.5)
    offsets = training_offsets(quality, [plan], np.array([0]), np.random.default_rng(4))
    net = offset_benefits([0.0, 0.0], [1e4, 0.0], np.column_stack((offsets, np.zeros(N))))
    whole = sample_value(net, 1.0)
    assert kept_by_trainings(plan, 1) == pytest.approx(0.5)
    assert sample_value(net, [0.5, 0.0]) == pytest.approx(0.5 * whole)
    assert whole == pytest.approx(1e4 * np.abs(offsets).mean() / 2, rel=0.01)
    assert kept_by_trainings(plan, 10**9) == pytest.approx(np.sqrt(0.5))


def test_a_value_counts_from_the_arm_that_is_run():
    net = np.array([[2.0, 0.0], [4.0, 0.0]])
    assert sample_value(net, 0.5) == 0.0
    assert sample_value(net, 0.5, chosen=1) == pytest.approx(3.0)


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="outside"):
        sample_value([[1.0]], 1.5)
    with pytest.raises(ValueError, match="at least 0"):
        kept_by_cases(-1, 5)
