"""Ratios of sums, such as cost per correct answer."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.ratio import bootstrap_ratio


def ratio(numerators, denominators, clusters=None):
    return bootstrap_ratio(numerators, denominators, clusters, alpha=0.05, rng=np.random.default_rng(7))


def test_ratio_interval_is_close_to_scipys():
    """scipy.stats.bootstrap, paired, percentile method."""
    source = np.random.default_rng(1)
    cost, right = source.gamma(2.0, 0.01, size=150), source.integers(0, 2, size=150).astype(float)
    theirs = scipy_stats.bootstrap(
        (cost, right),
        lambda c, r, axis=-1: np.sum(c, axis=axis) / np.sum(r, axis=axis),
        paired=True,
        method="percentile",
        rng=np.random.default_rng(2),
    )
    ours = ratio(cost, right)
    assert ours.value == pytest.approx(cost.sum() / right.sum())
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=0.01)


def test_no_right_answer_has_no_cost_per_right_answer():
    result = ratio([0.1, 0.2], [0.0, 0.0])
    assert (result.value, result.low, result.high) == (None, None, None)


def test_one_right_answer_of_ten_leaves_the_cost_unbounded():
    """35% of resamples hold no right answer."""
    result = ratio([0.1] * 10, [1.0] + [0.0] * 9)
    assert result.value == pytest.approx(1.0)
    assert result.low is not None
    assert result.high is None


def test_all_answers_right_still_leave_room_above():
    """50 of 50 right at 0.02 each: up to 7% may be wrong without one showing."""
    result = ratio([0.02] * 50, [1.0] * 50)
    assert (result.value, result.low) == pytest.approx((0.02, 0.02))
    assert result.high == pytest.approx(0.02 / 0.025 ** (1 / 50))


def test_clusters_are_resampled_whole():
    cost, right = np.full(100, 0.02), np.repeat([1.0, 0.0], 50)
    single = ratio(cost, right)
    clustered = ratio(cost, right, np.repeat(np.arange(10), 10))
    assert clustered.n_clusters == 10
    assert clustered.high - clustered.low > 2 * (single.high - single.low)


@pytest.mark.parametrize(
    ("numerators", "denominators", "message"),
    [([0.1], [1.0, 1.0], "one of each per case"), ([-0.1], [1.0], "negative"), ([], [], "is empty")],
)
def test_impossible_input_is_refused(numerators, denominators, message):
    with pytest.raises(ValueError, match=message):
        ratio(numerators, denominators)
