"""Groups weighed as one have the distribution of clusters weighed one by one."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.bayesian_bootstrap import joint_means
from evalkit.stats.bootstrap import grouped_rows
from evalkit.stats.scored_cases import ScoredCases
from evalkit.stats.settled_groups import settled_sums

N, DRAWS = 6_000, 4_000


def study(graded, discordant=0.3):
    rng = np.random.default_rng(1)
    one = rng.beta(4, 2, size=N) if graded else (rng.random(N) < 0.7).astype(float)
    other = np.where(rng.random(N) < discordant, rng.permutation(one), one)
    costs = rng.gamma(4.0, 0.25e-3, size=(N, 2)) * (1.0 + one[:, None])
    return ScoredCases(
        ("a", "b"), ("tuned", "prompting"), np.stack([one, other], axis=1), alongside={"cost": costs}
    )


def one_by_one(cases, seed):
    """Every cluster's weight drawn, with the prior left out of the comparison by its small weight."""
    rng = np.random.default_rng(seed)
    quality, cost = np.empty((DRAWS, 2)), np.empty((DRAWS, 2))
    for row in range(DRAWS):
        weights = rng.dirichlet(np.ones(N))
        quality[row] = (weights[:, None] * cases.scores).sum(axis=0)
        cost[row] = (weights[:, None] * cases.alongside["cost"]).sum(axis=0)
    return quality, cost


@pytest.mark.slow
@pytest.mark.parametrize("graded", [False, True])
def test_the_draws_have_the_same_distribution(graded):
    cases = study(graded)
    fast = joint_means(cases, np.random.default_rng(2), n_draws=DRAWS)
    quality, cost = one_by_one(cases, 3)
    net = [table[:, 0] - table[:, 1] for table in (fast.quality, quality, fast.alongside["cost"], cost)]
    for left, right in ((net[0], net[1]), (net[2], net[3]), (fast.alongside["cost"][:, 0], cost[:, 0])):
        assert scipy_stats.ks_2samp(left, right).pvalue > 0.001
    tie = [
        np.corrcoef(q[:, 0], c[:, 0])[0, 1]
        for q, c in ((fast.quality, fast.alongside["cost"]), (quality, cost))
    ]
    assert tie[0] == pytest.approx(tie[1], abs=0.05)


def test_a_handful_of_differences_among_thousands_is_weighed_one_by_one():
    """Graded scores that differ in three cases: their weights are exponential and far from normal."""
    base = np.random.default_rng(4).random(N)
    other = base.copy()
    other[:3] += 0.4 * (1 - other[:3])
    rows, times = grouped_rows(np.stack([base, other, np.ones(N)], axis=1))
    assert settled_sums(rows, times, 10, np.random.default_rng(5), n_scores=2).left.all()
    rows, times = grouped_rows(np.stack([base, base[::-1], np.ones(N)], axis=1))
    assert not settled_sums(rows, times, 10, np.random.default_rng(5), n_scores=2).left.any()


def test_skewed_costs_are_weighed_one_by_one():
    costs = np.ones(N)
    costs[0] = 1e6
    rows, times = grouped_rows(np.stack([np.ones(N), np.ones(N), costs], axis=1))
    assert settled_sums(rows, times, 10, np.random.default_rng(6), n_scores=1).left.all()


def test_few_clusters_are_all_weighed_one_by_one():
    rows, times = grouped_rows(np.stack([np.ones(4_999), np.ones(4_999), np.arange(4_999.0)], axis=1))
    assert settled_sums(rows, times, 10, np.random.default_rng(7), n_scores=1).left.all()


def test_columns_that_depend_on_each_other_stay_in_step():
    """Two arms of equal cost: equal in every draw, though the covariance has no full rank."""
    cases = study(graded=True)
    cost = cases.alongside["cost"][:, :1]
    same = ScoredCases(
        cases.names, cases.kinds, cases.scores, alongside={"cost": np.hstack((cost, 2.0 * cost))}
    )
    drawn = joint_means(same, np.random.default_rng(8), n_draws=200).alongside["cost"]
    assert drawn[:, 1] == pytest.approx(2.0 * drawn[:, 0], rel=1e-9)
