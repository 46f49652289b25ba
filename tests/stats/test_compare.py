"""The two main entries: which method is picked, what it gives, and what never changes the answer."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from evalkit.stats.compare import one_arm, paired_difference

ALPHA = 0.05


def rng():
    return np.random.default_rng(7)


def compare(treatment, control, clusters=None, *, binary):
    return paired_difference(treatment, control, clusters, binary=binary, alpha=ALPHA, rng=rng())


def estimate(values, clusters=None, *, binary):
    return one_arm(np.asarray(values, dtype=float), clusters, binary=binary, alpha=ALPHA, rng=rng())


graded = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=30)
zero_one = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=30)


def arms(pairs, scale=100):
    table = np.array(pairs, dtype=float) / scale
    return table[:, 0], table[:, 1]


def labels_for(n, draw_from=5):
    return np.random.default_rng(n).integers(0, draw_from, size=n)


# Which method, and its reference values


def test_single_binary_cases_take_tango_and_exact_mcnemar():
    """decision.md section 2: b = 12, c = 2, n = 50 gives (.061112, .344709)."""
    result = compare([1] * 12 + [0] * 38, [0] * 12 + [1] * 2 + [0] * 36, binary=True)
    assert (result.low, result.high) == pytest.approx((0.061112, 0.344709), abs=1e-6)
    assert result.p_value == pytest.approx(0.012939453125)
    assert result.discordant == (12, 2)
    assert result.mid_p < result.p_value
    assert result.method == "Tango score interval; exact McNemar test"
    assert result.note is None


def test_any_cluster_of_two_cases_takes_the_sandwich_and_not_mcnemar():
    """statsmodels OLS(d ~ 1).fit(cov_type="cluster", use_t=True) gives the same interval."""
    source = np.random.default_rng(1)
    treatment, control = source.integers(0, 2, 90), source.integers(0, 2, 90)
    clusters = np.repeat(np.arange(30), 3)
    result = compare(treatment, control, clusters, binary=True)
    theirs = sm.OLS((treatment - control).astype(float), np.ones(90)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    assert (result.low, result.high) == pytest.approx(tuple(theirs.conf_int()[0]))
    assert result.method.startswith("cluster-robust standard error, t on C - 1; sign-flip")
    assert result.mid_p is None
    assert sum(result.discordant) == int(np.sum(treatment != control))


def test_single_graded_cases_take_the_bootstrap_and_a_sign_flip_test():
    treatment, control = np.random.default_rng(2).random((2, 40))
    result = compare(treatment, control, binary=False)
    assert result.method.startswith("BCa bootstrap over cases")
    assert result.low < result.estimate < result.high
    assert result.discordant is None


def test_many_graded_cases_take_students_t_and_mirror_when_swapped():
    """scipy's own t interval; 10,000 draws over as many cases would tell the same and take a hundred times as long."""
    treatment, control = np.random.default_rng(2).random((2, 3_000))
    result, swapped = compare(treatment, control, binary=False), compare(control, treatment, binary=False)
    theirs = scipy_stats.ttest_rel(treatment, control).confidence_interval()
    assert result.method == "Student's t on n - 1; sign-flip test"
    assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high))
    assert (swapped.low, swapped.high) == (-result.high, -result.low)
    assert estimate(treatment, binary=False).method == "Student's t on n - 1"


def test_clusters_of_one_case_each_are_no_clusters():
    treatment, control = [1, 0, 1, 1], [0, 0, 1, 0]
    assert compare(treatment, control, np.array([4, 3, 2, 1]), binary=True) == compare(
        treatment, control, binary=True
    )


def test_one_arm_takes_wilson_for_single_binary_cases():
    """decision.md section 2: Wilson 44/100 (.346720, .537719)."""
    result = estimate([1] * 44 + [0] * 56, binary=True)
    assert (result.low, result.high) == pytest.approx(proportion_confint(44, 100, method="wilson"))
    assert (result.mean, result.method, result.n, result.n_clusters) == (0.44, "Wilson", 100, 100)


def test_one_arm_takes_the_effective_sample_size_for_clustered_binary_cases():
    """Cases all alike in a cluster: the interval is about that of the clusters, not of the cases."""
    values = np.repeat([1] * 44 + [0] * 56, 5)
    result = estimate(values, np.repeat(np.arange(100), 5), binary=True)
    low, high = proportion_confint(44, 100, method="wilson")
    assert result.method == "Wilson at the effective sample size of the clusters"
    assert (result.low, result.high) == pytest.approx((low, high), abs=0.003)


def test_one_arm_takes_t_over_clusters_or_a_bootstrap_for_graded_cases():
    values = np.random.default_rng(3).random(60)
    clustered = estimate(values, np.repeat(np.arange(30), 2), binary=False)
    assert clustered.method == "cluster-robust standard error, t on C - 1"
    assert estimate(values, binary=False).method.startswith("BCa bootstrap over cases")


# What never changes the answer


@settings(max_examples=25, deadline=None)
@given(graded, st.booleans())
def test_swapping_arms_flips_the_signs(pairs, in_clusters):
    treatment, control = arms(pairs)
    clusters = labels_for(len(pairs)) if in_clusters else None
    assume(clusters is None or len(set(clusters)) > 1)
    forward = compare(treatment, control, clusters, binary=False)
    back = compare(control, treatment, clusters, binary=False)
    assert (back.estimate, back.low, back.high) == pytest.approx(
        (-forward.estimate, -forward.high, -forward.low), abs=1e-9
    )
    assert back.p_value == forward.p_value
    assert back.smallest_detectable == pytest.approx(forward.smallest_detectable)


@given(zero_one)
def test_swapping_binary_arms_flips_the_signs_and_the_discordant_counts(pairs):
    treatment, control = arms(pairs, scale=1)
    forward, back = compare(treatment, control, binary=True), compare(control, treatment, binary=True)
    assert (back.low, back.high) == (-forward.high, -forward.low)
    assert back.discordant == forward.discordant[::-1]
    assert back.p_value == forward.p_value


@settings(max_examples=25, deadline=None)
@given(graded, st.integers(0, 50), st.booleans())
def test_a_constant_added_to_both_arms_changes_nothing(pairs, constant, in_clusters):
    treatment, control = arms(pairs)
    clusters = labels_for(len(pairs)) if in_clusters else None
    assume(clusters is None or len(set(clusters)) > 1)
    shift = constant / 100
    plain = compare(treatment, control, clusters, binary=False)
    shifted = compare(treatment + shift, control + shift, clusters, binary=False)
    assert (shifted.estimate, shifted.low, shifted.high) == pytest.approx(
        (plain.estimate, plain.low, plain.high), abs=1e-9
    )
    assert shifted.p_value == plain.p_value


@settings(max_examples=25, deadline=None)
@given(graded, st.randoms(), st.booleans())
def test_the_order_of_the_cases_changes_nothing(pairs, random, in_clusters):
    treatment, control = arms(pairs)
    clusters = labels_for(len(pairs))
    assume(not in_clusters or len(set(clusters)) > 1)
    order = np.array(random.sample(range(len(pairs)), len(pairs)))
    plain = compare(treatment, control, clusters if in_clusters else None, binary=False)
    shuffled = compare(
        treatment[order], control[order], clusters[order] if in_clusters else None, binary=False
    )
    assert (shuffled.low, shuffled.high) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert shuffled.p_value == plain.p_value


@settings(max_examples=25, deadline=None)
@given(graded, st.permutations(range(5)))
def test_the_labels_of_the_clusters_change_nothing(pairs, names):
    treatment, control = arms(pairs)
    clusters = labels_for(len(pairs))
    assume(len(set(clusters)) > 1)
    plain = compare(treatment, control, clusters, binary=False)
    renamed = compare(treatment, control, np.array(names)[clusters], binary=False)
    assert (renamed.low, renamed.high, renamed.p_value) == pytest.approx(
        (plain.low, plain.high, plain.p_value)
    )
    arm = estimate(treatment, clusters, binary=False)
    renamed_arm = estimate(treatment, np.array(names)[clusters], binary=False)
    assert (renamed_arm.low, renamed_arm.high) == pytest.approx((arm.low, arm.high))


@settings(max_examples=40, deadline=None)
@given(graded, st.booleans(), st.booleans())
def test_an_interval_holds_its_estimate_and_has_a_width(pairs, in_clusters, binary):
    treatment, control = arms(pairs)
    if binary:
        treatment, control = np.round(2 * treatment), np.round(2 * control)
    clusters = labels_for(len(pairs)) if in_clusters else None
    assume(clusters is None or len(set(clusters)) > 1)
    result = compare(treatment, control, clusters, binary=binary)
    assert -1.0 <= result.low <= result.estimate <= result.high <= 1.0
    assert result.low < result.high
    assert 0.0 < result.p_value <= 1.0
    assert result.smallest_detectable > 0.0
    arm = estimate(treatment, clusters, binary=binary)
    assert 0.0 <= arm.low <= arm.mean <= arm.high <= 1.0
    assert arm.low < arm.high


def test_the_same_seed_gives_the_same_bits():
    treatment, control = np.random.default_rng(4).random((2, 50))
    assert compare(treatment, control, binary=False) == compare(treatment, control, binary=False)


# Degenerate input


@pytest.mark.parametrize("binary", [True, False])
def test_no_difference_seen_is_bounded_by_the_rule_of_three_and_not_by_zero(binary):
    scores = np.array([1.0, 0.0] * 25)
    result = compare(scores, scores, binary=binary)
    assert result.estimate == 0.0
    assert (result.low, result.high) == pytest.approx((-0.0711, 0.0711), abs=1e-4)
    assert result.p_value == 1.0
    assert "No difference seen in all 50 cases" in result.note
    assert result.mid_p == (1.0 if binary else None)


@pytest.mark.parametrize("binary", [True, False])
def test_no_difference_in_clusters_is_bounded_by_the_number_of_clusters(binary):
    scores = np.array([1.0, 0.0] * 25)
    result = compare(scores, scores, np.repeat(np.arange(10), 5), binary=binary)
    assert (result.low, result.high) == pytest.approx((-0.3085, 0.3085), abs=1e-4)
    assert "all 10 clusters" in result.note


def test_the_same_difference_in_every_case_is_not_certain():
    result = compare(np.full(20, 0.6), np.full(20, 0.5), binary=False)
    assert result.estimate == pytest.approx(0.1)
    assert result.low < 0.1 < result.high
    assert result.p_value < 1e-3
    assert "The same difference seen in all 20 cases" in result.note


def test_clusters_whose_differences_cancel_out_give_a_stated_bound():
    result = compare(np.tile([0.6, 0.4], 6), np.tile([0.5, 0.5], 6), np.repeat(np.arange(6), 2), binary=False)
    assert (result.estimate, result.p_value) == (0.0, 1.0)
    assert result.high == pytest.approx(1 - 0.025 ** (1 / 6))


@pytest.mark.parametrize(("right", "wrong"), [(12, 0), (0, 12)])
def test_every_pair_discordant_the_same_way_is_not_certain(right, wrong):
    result = compare([1] * right + [0] * wrong, [0] * right + [1] * wrong, binary=True)
    assert abs(result.estimate) == 1.0
    assert result.high - result.low > 0.2
    assert result.p_value == pytest.approx(2 / 2**12)


def test_one_binary_case_says_almost_nothing():
    result = compare([1], [0], binary=True)
    assert (result.low, result.high, result.p_value) == (pytest.approx(-0.95), 1.0, 1.0)
    assert "the one case" in result.note
    assert result.smallest_detectable > 1.0
    assert estimate([1], binary=True).low == pytest.approx(0.025)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.4])
def test_an_arm_that_always_scores_the_same_has_a_rule_of_three_interval(value):
    single = estimate(np.full(30, value), binary=False)
    clustered = estimate(np.full(30, value), np.repeat(np.arange(10), 3), binary=False)
    for result in (single, clustered):
        assert result.method == "rule of three"
        assert result.low < result.high
    assert clustered.high - clustered.low > single.high - single.low


def test_an_arm_whose_clusters_all_have_the_same_mean_has_a_rule_of_three_interval():
    result = estimate(np.tile([0.2, 0.8], 10), np.repeat(np.arange(10), 2), binary=False)
    assert result.method == "rule of three"
    assert result.low < 0.5 < result.high


def test_few_discordant_pairs_are_said_to_leave_the_decision_to_the_exact_p():
    result = compare([1] * 6 + [0] * 44, [0] * 50, binary=True)
    assert result.low > 0.0
    assert result.p_value < ALPHA
    assert "Only 6 discordant pairs: the exact p-value decides" in result.note


def test_few_clusters_are_said():
    treatment, control = np.random.default_rng(5).random((2, 40))
    assert "Only 10 clusters" in compare(treatment, control, np.repeat(np.arange(10), 4), binary=False).note
    assert compare(treatment, control, np.repeat(np.arange(20), 2), binary=False).note is None


def test_a_handful_of_clusters_that_carry_everything_widen_the_interval():
    """Two of 30 clusters won: plain t would say (-0.02, 0.15)."""
    treatment = np.zeros(90)
    treatment[:6] = 1.0
    result = compare(treatment, np.zeros(90), np.repeat(np.arange(30), 3), binary=True)
    assert "two pseudo-clusters" in result.method
    assert "A handful of clusters" in result.note
    assert result.low < -0.05
    assert result.high > 0.15


@pytest.mark.parametrize("binary", [True, False])
def test_one_arm_with_all_errors_in_one_cluster_is_widened_too(binary):
    """Ten wrong answers of 200, all in one of 20 clusters."""
    values = np.ones(200)
    values[:10] = 0.0
    result = estimate(values, np.repeat(np.arange(20), 10), binary=binary)
    assert result.low < 0.80


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare([0.5], [0.4], binary=False), "at least 2"),
        (lambda: compare([], [], binary=False), "is empty"),
        (lambda: compare([0.5, np.nan], [0.4, 0.2], binary=False), "NaN"),
        (lambda: compare([1, 0], [1], binary=True), "pair them first"),
        (lambda: compare([1, 0.5], [1, 0], binary=True), "0 and 1 only"),
        (lambda: compare([1, 0], [1, 0], np.array([3, 3]), binary=True), "at least 2 clusters"),
        (lambda: compare([0.2, 90.0], [0.1, 80.0], binary=False), "rescale"),
        (lambda: paired_difference([1], [0], None, binary=True, alpha=0.0, rng=rng()), "alpha"),
        (lambda: estimate([0.5], binary=False), "at least 2"),
        (lambda: estimate([0.5, 0.7], np.array([1, 1]), binary=False), "at least 2 clusters"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
