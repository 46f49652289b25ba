"""Joint draws against the distributions they must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.draws import joint_draws


def draw(quality, counts=None, n_draws=20_000, **more):
    table = np.asarray(quality, dtype=float)
    counts = np.ones(table.shape[0]) if counts is None else counts
    return joint_draws(table, counts, np.random.default_rng(7), n_draws=n_draws, **more)


@pytest.mark.parametrize(("right", "wrong"), [(4, 1), (0, 5), (30, 20)])
def test_one_binary_arm_has_a_beta_distribution(right, wrong):
    """One success and one failure added to a Dirichlet over single cases: Beta(right + 1, wrong + 1)."""
    draws = draw([[1.0]] * right + [[0.0]] * wrong).quality[:, 0]
    assert scipy_stats.kstest(draws, scipy_stats.beta(right + 1, wrong + 1).cdf).pvalue > 0.001


def test_patterns_of_three_arms_have_a_dirichlet_distribution():
    """The mean and covariance of Dirichlet(count + 2/8) over the eight patterns of right and wrong."""
    cases = np.array([[1, 1, 0]] * 6 + [[1, 0, 0]] * 3 + [[0, 1, 1]] * 2, dtype=float)
    corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], dtype=float)
    weights = np.array([np.sum(np.all(cases == corner, axis=1)) for corner in corners]) + 2 / 8
    shares = scipy_stats.dirichlet(weights)
    draws = draw(cases, n_draws=60_000).quality
    assert draws.mean(axis=0) == pytest.approx(shares.mean() @ corners, abs=0.003)
    covariance = corners.T @ shares.cov() @ corners
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.0007)


def test_four_wins_and_no_loss_in_five_cases_are_not_certain():
    """decision.md section 4: a plain bootstrap gives P = .9999."""
    draws = draw([[1, 1], [1, 0], [1, 0], [1, 0], [1, 0]]).quality
    assert 0.95 < np.mean(draws[:, 0] > draws[:, 1]) < 0.99


def test_no_discordant_case_leaves_a_difference_possible():
    draws = draw([[1, 1]] * 30 + [[0, 0]] * 20).quality
    difference = draws[:, 0] - draws[:, 1]
    assert np.std(difference) > 0.005
    assert np.mean(difference) == pytest.approx(0.0, abs=0.001)


def test_pairing_survives():
    """Two arms that agree on 95 of 100 cases: the difference varies far less than either arm."""
    first = np.random.default_rng(1).integers(0, 2, size=100).astype(float)
    second = first.copy()
    second[:5] = 1 - second[:5]
    draws = draw(np.column_stack((first, second))).quality
    assert np.std(draws[:, 0] - draws[:, 1]) < 0.6 * np.std(draws[:, 0])


def test_cost_is_drawn_with_the_weights_of_quality():
    """Right answers cost 2 and wrong ones 1: cost must follow quality but for the prior's average cost."""
    right = np.array([1.0, 0.0] * 20)
    result = draw(right[:, None], alongside=(1.0 + right)[:, None])
    assert result.alongside.mean() == pytest.approx(1.5, abs=0.01)
    assert np.corrcoef(result.quality[:, 0], result.alongside[:, 0])[0, 1] > 0.9


def test_pseudo_clusters_have_the_average_cost():
    """A cost that is the same in every case stays exactly that."""
    result = draw([[1.0], [0.0], [1.0]], alongside=np.full((3, 1), 0.25))
    assert result.alongside == pytest.approx(np.full((20_000, 1), 0.25))


def test_a_cluster_counts_as_one_unit():
    """20 clusters of 5 cases all alike spread as 20 cases do, not as 100."""
    right = np.random.default_rng(2).integers(0, 2, size=20).astype(float)[:, None]
    single = draw(right).quality
    clustered = draw(5 * right, counts=np.full(20, 5)).quality
    assert np.std(clustered) == pytest.approx(np.std(single), rel=0.03)


def test_a_cluster_without_a_case_of_an_arm_carries_nothing_for_it():
    """The second arm was scored on ten of twenty cases only."""
    quality = np.ones((20, 2))
    quality[10:, 1] = 0.0
    counts = np.ones((20, 2))
    counts[10:, 1] = 0.0
    draws = draw(quality, counts).quality
    assert draws[:, 0].mean() == pytest.approx(21 / 22, abs=0.005)
    assert 0.85 < draws[:, 1].mean() < draws[:, 0].mean()


def test_quantities_may_have_counts_of_their_own():
    """Seconds were measured on half of the cases."""
    result = draw(
        np.ones((10, 1)),
        alongside=np.array([[2.0]] * 5 + [[0.0]] * 5),
        alongside_counts=np.array([1.0] * 5 + [0.0] * 5),
    )
    assert result.alongside == pytest.approx(np.full((20_000, 1), 2.0))


def test_many_arms_cost_no_more_than_few():
    """Forty arms have 2^40 corner patterns; each arm's own distribution stays Beta."""
    draws = draw(np.ones((8, 40)), n_draws=4000).quality
    assert draws.shape == (4000, 40)
    assert scipy_stats.kstest(draws[:, 17], scipy_stats.beta(9, 1).cdf).pvalue > 0.001


@settings(max_examples=20)
@given(st.permutations(range(8)))
def test_the_order_of_the_clusters_changes_nothing(order):
    quality = np.random.default_rng(3).random((8, 2))
    assert np.array_equal(draw(quality, n_draws=20).quality, draw(quality[order], n_draws=20).quality)


def test_draws_stay_in_range_and_in_one_seed():
    quality = np.random.default_rng(4).random((30, 3))
    result = draw(quality)
    assert result.quality.min() >= 0.0
    assert result.quality.max() <= 1.0
    assert np.array_equal(result.quality, draw(quality).quality)
    assert result.n_clusters == 30
    assert result.alongside.shape == (20_000, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw([[1.0]], n_draws=0), "at least 1"),
        (lambda: draw([[2.0]]), "outside \\[0, count\\]"),
        (lambda: draw([[1.0], [1.0]], counts=np.ones(3)), "a count for each sum"),
        (lambda: draw([[1.0]], counts=[-1.0]), "negative or not finite"),
        (lambda: draw([[0.0, 0.0]], counts=[[1.0, 0.0]]), "no case at all"),
        (lambda: draw([[1.0]], alongside=[[1.0], [2.0]], alongside_counts=[1.0, 1.0]), "a row per cluster"),
        (lambda: draw([[np.nan]]), "NaN"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
