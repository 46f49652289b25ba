"""Joint draws against the distributions they must have, and what may not change them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evalkit.stats.bayesian_bootstrap import joint_means
from evalkit.stats.scored_cases import ScoredCases, constant_differences, same_columns

KINDS = ("tuned", "prompting", "retrieval", "zero", "other")


def cases_of(scores, kinds=None, **more):
    table = np.asarray(scores, dtype=float)
    n_arms = table.shape[1]
    names = more.pop("names", tuple(f"arm{arm}" for arm in range(n_arms)))
    return ScoredCases(names, kinds or tuple(f"kind{arm}" for arm in range(n_arms)), table, **more)


def draw(scores, kinds=None, n_draws=20_000, **more):
    cases = scores if isinstance(scores, ScoredCases) else cases_of(scores, kinds, **more)
    return joint_means(cases, np.random.default_rng(7), n_draws=n_draws)


@pytest.mark.parametrize(("right", "wrong"), [(4, 1), (0, 5), (30, 20)])
def test_one_binary_arm_has_a_beta_distribution(right, wrong):
    """One success and one failure added to a Dirichlet over single cases: Beta(right + 1, wrong + 1)."""
    draws = draw([[1.0]] * right + [[0.0]] * wrong).quality[:, 0]
    assert scipy_stats.kstest(draws, scipy_stats.beta(right + 1, wrong + 1).cdf).pvalue > 0.001


def test_patterns_of_three_arms_have_a_dirichlet_distribution():
    """The mean and covariance of Dirichlet(count + 2/8) over the eight patterns of right and wrong."""
    seen = np.array([[1, 1, 0]] * 6 + [[1, 0, 0]] * 3 + [[0, 1, 1]] * 2, dtype=float)
    corners = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], dtype=float)
    weights = np.array([np.sum(np.all(seen == corner, axis=1)) for corner in corners]) + 2 / 8
    shares = scipy_stats.dirichlet(weights)
    draws = draw(seen, n_draws=60_000).quality
    assert draws.mean(axis=0) == pytest.approx(shares.mean() @ corners, abs=0.003)
    assert np.cov(draws.T) == pytest.approx(corners.T @ shares.cov() @ corners, abs=0.0007)


def test_random_corners_have_the_distribution_of_all_corners():
    """Eleven distinct columns break a stick; each one's own distribution stays Beta."""
    seen = np.array([[float(case != arm) for arm in range(11)] for case in range(12)])
    draws = draw(seen, n_draws=8_000).quality
    for arm in range(11):
        assert scipy_stats.kstest(draws[:, arm], scipy_stats.beta(12, 2).cdf).pvalue > 0.001


def test_four_wins_and_no_loss_in_five_cases_are_not_certain():
    draws = draw([[1, 1], [1, 0], [1, 0], [1, 0], [1, 0]]).quality
    assert 0.95 < np.mean(draws[:, 0] > draws[:, 1]) < 0.99


def test_a_tie_between_kinds_stays_uncertain_and_one_within_a_kind_is_an_identity():
    tied = [[1, 1]] * 30 + [[0, 0]] * 20
    apart = draw(tied, ("prompting", "retrieval")).quality
    assert np.std(apart[:, 0] - apart[:, 1]) > 0.005
    same = draw(tied, ("tuned", "tuned"))
    assert np.array_equal(same.quality[:, 0], same.quality[:, 1])
    assert same.column_of.tolist() == [0, 0]


def test_a_twin_leaves_all_other_draws_as_they_are():
    scores = np.random.default_rng(3).integers(0, 2, size=(60, 3)).astype(float)
    costs = np.random.default_rng(4).random((60, 3))
    alone = draw(scores, KINDS[:3], n_draws=500, names=("t", "f", "r"), alongside={"cost": costs})
    twins = draw(
        scores[:, [0, 0, 1, 2]],
        ("tuned", *KINDS[:3]),
        n_draws=500,
        names=("a_copy_of_t", "t", "f", "r"),
        alongside={"cost": costs[:, [0, 0, 1, 2]]},
    )
    assert np.array_equal(twins.quality[:, 1:], alone.quality)
    assert np.array_equal(twins.alongside["cost"][:, 1:], alone.alongside["cost"])
    assert np.array_equal(twins.quality[:, 0], twins.quality[:, 1])


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)), st.permutations(range(4)), st.booleans())
def test_the_order_of_cases_and_arms_changes_nothing(cases, arms, graded):
    rng = np.random.default_rng(5)
    scores = rng.random((12, 4)) if graded else rng.integers(0, 2, size=(12, 4)).astype(float)
    names, costs = ("a", "b", "c", "d"), rng.random((12, 4))
    clusters = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8])
    first = draw(scores, KINDS[:4], 30, names=names, alongside={"cost": costs}, clusters=clusters)
    moved = np.ix_(cases, arms)
    second = draw(
        scores[moved],
        tuple(KINDS[arm] for arm in arms),
        30,
        names=tuple(names[arm] for arm in arms),
        alongside={"cost": costs[moved]},
        clusters=10 - clusters[list(cases)],
    )
    assert np.array_equal(second.quality, first.quality[:, arms])
    assert np.array_equal(second.alongside["cost"], first.alongside["cost"][:, arms])


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_the_unit_of_money_scales_the_cost_alone(scale):
    rng = np.random.default_rng(6)
    scores, costs = rng.integers(0, 2, size=(20, 2)).astype(float), rng.random((20, 2))
    first = draw(scores, n_draws=50, alongside={"cost": costs})
    second = draw(scores, n_draws=50, alongside={"cost": scale * costs})
    assert np.array_equal(first.quality, second.quality)
    assert second.alongside["cost"] == pytest.approx(scale * first.alongside["cost"])


def test_pairing_survives():
    """Two arms that agree on 95 of 100 cases: the difference varies far less than either arm."""
    first = np.random.default_rng(1).integers(0, 2, size=100).astype(float)
    second = first.copy()
    second[:5] = 1 - second[:5]
    draws = draw(np.column_stack((first, second))).quality
    assert np.std(draws[:, 0] - draws[:, 1]) < 0.6 * np.std(draws[:, 0])


def test_cost_is_drawn_with_the_weights_of_quality():
    right = np.array([1.0, 0.0] * 20)
    result = draw(right[:, None], alongside={"cost": (1.0 + right)[:, None]})
    assert result.alongside["cost"].mean() == pytest.approx(1.5, abs=0.01)
    assert np.corrcoef(result.quality[:, 0], result.alongside["cost"][:, 0])[0, 1] > 0.9


def test_a_cost_seen_per_case_has_an_error():
    """Its standard error is that of the mean: SD / sqrt(n), where method 1 gave a band of width 0."""
    costs = np.random.default_rng(8).lognormal(0.0, 0.5, size=(200, 1))
    drawn = draw(np.tile([[1.0], [0.0]], (100, 1)), alongside={"cost": costs}).alongside["cost"]
    assert drawn.mean() == pytest.approx(costs.mean(), rel=0.002)
    assert drawn.std() == pytest.approx(costs.std(ddof=1) / np.sqrt(200), rel=0.03)


def test_what_is_not_known_is_left_out_and_never_zero():
    costs = np.full((10, 2), np.nan)
    costs[:5, 0] = 2.0
    drawn = draw(np.ones((10, 2)), alongside={"cost": costs}).alongside["cost"]
    assert drawn[:, 0] == pytest.approx(np.full(20_000, 2.0))
    assert np.isnan(drawn[:, 1]).all()


def test_a_cluster_counts_as_one_unit():
    """20 clusters of 5 cases all alike spread as 20 cases do, not as 100."""
    right = np.random.default_rng(2).integers(0, 2, size=20).astype(float)[:, None]
    clustered = draw(np.repeat(right, 5, axis=0), clusters=np.repeat(np.arange(20), 5))
    assert np.std(clustered.quality) == pytest.approx(np.std(draw(right).quality), rel=0.03)
    assert (clustered.n_cases, clustered.n_clusters) == (100, 20)


def graded_pair():
    """d = .02 with SD .03 over 80 cases, as decision.md states."""
    noise = np.random.default_rng(9).normal(size=80)
    difference = 0.02 + 0.03 * (noise - noise.mean()) / noise.std(ddof=1)
    base = np.random.default_rng(10).uniform(0.4, 0.7, size=80)
    return np.column_stack((base + difference, base))


def test_the_prior_does_not_swamp_graded_scores():
    """decision.md section 4: P of a gain above .01 is about .999 (.9986 without the prior)."""
    result = draw(graded_pair(), n_draws=200_000)
    assert result.prior == "observed"
    gain = result.quality[:, 0] - result.quality[:, 1]
    assert np.mean(gain > 0.01) == pytest.approx(0.9990, abs=0.0006)
    assert gain.mean() == pytest.approx(0.02, abs=1e-4)
    assert gain.std() == pytest.approx(0.03 / np.sqrt(80), rel=0.02)


def test_two_whole_clusters_are_picked_anew_in_each_draw():
    """Four graded cases 0, 0, 0, .8: weights exponential on these and on two picked ones.

    The variance of sum(w d) with d = score - mean over four seen (d fixed) and two picked (2 E d^2 each) is 8 E d^2;
    to the first order it is divided by the mean total weight of 6 squared.
    """
    scores = np.array([[0.2], [0.4], [0.6], [0.8]])
    quality = draw(scores, n_draws=200_000).quality[:, 0]
    assert quality.mean() == pytest.approx(0.5, abs=0.001)
    weights = np.random.default_rng(11).standard_exponential((200_000, 6))
    picked = scores[np.random.default_rng(12).integers(0, 4, size=(200_000, 2)), 0]
    values = np.hstack((np.tile(scores.T, (200_000, 1)), picked))
    again = (weights * values).sum(axis=1) / weights.sum(axis=1)
    assert scipy_stats.ks_2samp(quality, again).pvalue > 0.001


def test_a_column_averaged_over_seeds_is_graded_even_when_its_seeds_agree():
    scores = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    assert draw(scores, n_draws=10).prior == "corners"
    assert draw(scores, n_draws=10, averaged=(True, False)).prior == "observed"


def test_a_difference_without_spread_is_marked():
    base = np.random.default_rng(13).random(30) * 0.5
    cases = cases_of(
        np.column_stack((base, base + 0.1, base, base)),
        ("prompting", "retrieval", "tuned", "tuned"),
    )
    assert constant_differences(cases).tolist() == [
        [False, True, True, True],
        [True, False, True, True],
        [True, True, False, False],
        [True, True, False, False],
    ]
    assert not constant_differences(cases_of([[1, 1], [0, 0]])).any()


def test_repeats_carry_their_own_variance():
    """Var of the mean over n cases of means over K answers is (omega^2 + sigma^2 / K) / n; nothing is to be added."""
    rng = np.random.default_rng(14)
    n_cases, repeats = 400, 4
    chance = rng.beta(2, 2, size=n_cases)
    scores = rng.binomial(repeats, chance)[:, None] / repeats
    omega, sigma = np.var(chance), np.mean(chance * (1 - chance))
    drawn = draw(scores, averaged=(True,)).quality
    assert drawn.var() == pytest.approx((omega + sigma / repeats) / n_cases, rel=0.08)


def test_weights_of_production_move_the_mean_and_its_error():
    scores = np.array([[1.0]] * 50 + [[0.0]] * 50)
    weights = np.repeat([1.4, 0.6], 50)
    drawn = draw(scores, weights=weights).quality[:, 0]
    assert drawn.mean() == pytest.approx((70 + 1) / 102, abs=0.003)
    even = draw(scores, weights=np.ones(100), n_draws=100).quality
    assert np.array_equal(even, draw(scores, n_draws=100).quality)


def test_cases_of_weight_zero_have_no_part_in_anything():
    scores = np.random.default_rng(15).integers(0, 2, size=(30, 2)).astype(float)
    weights = np.repeat([1.5, 0.0], [20, 10])
    result = draw(scores, weights=weights, n_draws=50)
    assert (result.n_cases, result.n_clusters) == (20, 20)
    equal = draw(scores[:20], n_draws=50)
    assert result.quality == pytest.approx(equal.quality)


def test_column_numbers_follow_content():
    scores = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    cases = cases_of(scores, ("b", "b", "a"))
    assert same_columns(cases).tolist() == [2, 1, 0]
    swapped = replace(cases, names=("arm1", "arm0", "arm2"))
    assert same_columns(swapped).tolist() == [2, 1, 0]


def test_copies_that_differ_by_rounding_are_copies():
    """The mean of three seeds, added up in another order."""
    one = np.array([(0.1 + 0.2 + 0.3) / 3, 0.0])
    other = np.array([(0.3 + 0.2 + 0.1) / 3, -0.0])
    assert one[0] != other[0]
    result = draw(np.column_stack((one, other)), ("tuned", "tuned"), n_draws=20)
    assert np.array_equal(result.quality[:, 0], result.quality[:, 1])


def test_a_hundred_thousand_cases_take_a_second():
    """With costs of their own and 10,000 draws; weighed one by one they would take about fifteen."""
    rng = np.random.default_rng(16)
    scores = rng.integers(0, 2, size=(100_000, 4)).astype(float)
    result = draw(scores, KINDS[:4], 10_000, alongside={"cost": rng.random((100_000, 4))})
    assert result.quality.std(axis=0) == pytest.approx(np.full(4, 0.5 / np.sqrt(100_000)), rel=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: draw([[1.0]], n_draws=0), "at least 1"),
        (lambda: cases_of([[2.0]]), "outside"),
        (lambda: cases_of([[np.nan]]), "missing"),
        (lambda: cases_of([[1.0, 0.0]], names=("a", "a")), "name of its own"),
        (lambda: cases_of([[1.0]], averaged=(True, False)), "one for each"),
        (lambda: cases_of([[1.0]], clusters=np.array([1, 2])), "one for each case"),
        (lambda: cases_of([[1.0]], weights=np.array([-1.0])), "negative"),
        (lambda: cases_of([[1.0]], alongside={"cost": np.ones((2, 1))}), "shape of the scores"),
        (lambda: cases_of(np.empty((0, 1))), "at least one case"),
    ],
)
def test_impossible_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
