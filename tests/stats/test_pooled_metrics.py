"""Metrics of a whole corpus: the metric is computed once per resample, from summed counts."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalkit.stats.bootstrap import bootstrap_bounds
from evalkit.stats.compare import paired_difference
from evalkit.stats.pooled_metrics import paired_pooled_difference, pooled_metric


def rng():
    return np.random.default_rng(7)


def macro_f1(sums):
    """Columns come in threes: true positives, false positives, false negatives of each class."""
    true, false, missed = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    return np.mean(2 * true / np.maximum(1, 2 * true + false + missed), axis=-1)


def share(sums):
    return sums[..., 0] / sums[..., 1]


def counts_of(truth, guess, n_classes=3):
    rows = np.zeros((truth.size, 3 * n_classes))
    for label in range(n_classes):
        rows[:, 3 * label] = (guess == label) & (truth == label)
        rows[:, 3 * label + 1] = (guess == label) & (truth != label)
        rows[:, 3 * label + 2] = (guess != label) & (truth == label)
    return rows


def labels(seed, accuracy, n=120):
    source = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(0, 3, size=n)
    return truth, np.where(source.random(n) < accuracy, truth, source.integers(0, 3, size=n))


def test_macro_f1_is_that_of_the_summed_counts():
    truth, guess = labels(1, 0.6)
    result = pooled_metric(counts_of(truth, guess), None, macro_f1, alpha=0.05, rng=rng())
    by_hand = np.mean(
        [
            2 * np.sum((guess == k) & (truth == k)) / (np.sum(guess == k) + np.sum(truth == k))
            for k in range(3)
        ]
    )
    assert result.mean == pytest.approx(by_hand)
    assert result.low < result.mean < result.high
    assert result.method == "BCa bootstrap over cases"


def test_interval_of_a_corpus_metric_is_close_to_scipys():
    """scipy.stats.bootstrap over case numbers, BCa, 2,000 resamples."""
    truth, guess = labels(1, 0.6, n=60)
    rows = counts_of(truth, guess)
    ours = pooled_metric(rows, None, macro_f1, alpha=0.05, rng=rng())
    theirs = scipy_stats.bootstrap(
        (np.arange(60),),
        lambda picked: float(macro_f1(rows[picked].sum(axis=0))),
        n_resamples=2000,
        vectorized=False,
        rng=np.random.default_rng(5),
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_a_mean_as_a_corpus_metric_is_the_bootstrap_of_a_mean():
    values = np.random.default_rng(3).random(50)
    rows = np.column_stack((values, np.ones(50)))
    bounds, _ = bootstrap_bounds(rows, share, 0.05, rng())
    result = pooled_metric(rows, None, share, alpha=0.05, rng=rng())
    assert (result.low, result.high) == (bounds.low, bounds.high)


def test_the_paired_difference_of_means_agrees_with_the_paired_comparison():
    source = np.random.default_rng(4)
    control = source.random(80) * 0.8
    treatment = control + source.random(80) * 0.2
    ones = np.ones(80)
    corpus = paired_pooled_difference(
        np.column_stack((treatment, ones)),
        np.column_stack((control, ones)),
        None,
        share,
        alpha=0.05,
        rng=rng(),
    )
    direct = paired_difference(treatment, control, None, binary=False, alpha=0.05, rng=rng())
    assert corpus.estimate == pytest.approx(direct.estimate)
    assert (corpus.low, corpus.high) == pytest.approx((direct.low, direct.high), abs=0.002)
    assert corpus.smallest_detectable == pytest.approx(direct.smallest_detectable, rel=0.03)


def test_swapping_arms_mirrors_the_interval():
    truth, better = labels(1, 0.8)
    _, worse = labels(2, 0.5)
    first, second = counts_of(truth, better), counts_of(truth, worse)
    forward = paired_pooled_difference(first, second, None, macro_f1, alpha=0.05, rng=rng())
    back = paired_pooled_difference(second, first, None, macro_f1, alpha=0.05, rng=rng())
    assert forward.estimate > 0.0
    assert (back.estimate, back.low, back.high) == (-forward.estimate, -forward.high, -forward.low)
    assert back.p_value == forward.p_value
    assert forward.p_value < 0.01


def test_clusters_are_resampled_whole():
    """The same counts five times over in a cluster: the interval is that of the clusters."""
    truth, guess = labels(1, 0.6, n=40)
    rows = counts_of(truth, guess)
    single = pooled_metric(rows, None, macro_f1, alpha=0.05, rng=rng())
    clustered = pooled_metric(
        np.repeat(rows, 5, axis=0), np.repeat(np.arange(40), 5), macro_f1, alpha=0.05, rng=rng()
    )
    assert clustered.method == "BCa bootstrap over clusters"
    assert (clustered.n, clustered.n_clusters) == (200, 40)
    assert (clustered.low, clustered.high) == pytest.approx((single.low, single.high), abs=0.005)


def test_an_arm_that_is_always_right_has_a_rule_of_three_interval():
    truth, _ = labels(1, 0.6)
    rows = counts_of(truth, truth)
    result = pooled_metric(rows, None, macro_f1, alpha=0.05, rng=rng())
    assert result.method == "rule of three"
    assert result.low < result.mean == result.high == 1.0


def test_two_arms_that_answer_alike_show_no_difference_but_not_certainty():
    truth, guess = labels(1, 0.6)
    rows = counts_of(truth, guess)
    result = paired_pooled_difference(rows, rows, None, macro_f1, alpha=0.05, rng=rng())
    assert (result.estimate, result.p_value) == (0.0, 1.0)
    assert result.low < 0.0 < result.high
    assert result.smallest_detectable > 0.0
    assert "The same difference in every resample of 120 cases" in result.note


def test_few_clusters_are_said():
    truth, guess = labels(1, 0.6)
    _, other = labels(2, 0.4)
    clusters = np.repeat(np.arange(10), 12)
    result = paired_pooled_difference(
        counts_of(truth, guess), counts_of(truth, other), clusters, macro_f1, alpha=0.05, rng=rng()
    )
    assert "Only 10 clusters" in result.note


def test_under_the_null_the_paired_bootstrap_rarely_rejects():
    """300 worlds in which both arms are equally good: p <= .05 in about 5% of them."""
    source = np.random.default_rng(8)
    hits = 0
    for _ in range(300):
        first, second = source.integers(0, 2, size=(2, 60))
        ones = np.ones(60)
        result = paired_pooled_difference(
            np.column_stack((first, ones)),
            np.column_stack((second, ones)),
            None,
            share,
            alpha=0.05,
            rng=source,
        )
        hits += result.p_value <= 0.05
    assert hits / 300 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pooled_metric(np.ones((1, 2)), None, share, alpha=0.05, rng=rng()), "at least 2"),
        (
            lambda: paired_pooled_difference(
                np.ones((3, 2)), np.ones((2, 2)), None, share, alpha=0.05, rng=rng()
            ),
            "pair them",
        ),
        (
            lambda: pooled_metric(np.ones((4, 2)), np.zeros(4), share, alpha=0.05, rng=rng()),
            "at least 2 cases or clusters",
        ),
    ],
)
def test_what_cannot_be_resampled_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
