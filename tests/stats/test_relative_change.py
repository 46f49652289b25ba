"""A relative change of amounts: by hand, how often its interval holds the truth, and what cannot be compared."""

import numpy as np
import pytest

from evalkit.stats.relative_change import AmountSummary, change_from_summary, relative_change


def rng():
    return np.random.default_rng(7)


def change(treatment, control, clusters=None):
    return relative_change(treatment, control, clusters, alpha=0.05, rng=rng())


def test_its_standard_error_by_hand():
    """4, 6, 5, 9 against 4, 4, 6, 6 in four clusters of one pair each, doubled: ratio 24/20.

    Residuals of each pair: (4 - 4.8, 6 - 4.8, 5 - 7.2, 9 - 7.2)/5 = -.16, .24, -.44, .36; their sum is 0, the sum of
    squares .4064. Clusters of two equal cases: SE^2 = 4/3 x 4 x .4064 / 64 = .0338667; t(3) = 3.18245.
    """
    found = change([4, 4, 6, 6, 5, 5, 9, 9], [4, 4, 4, 4, 6, 6, 6, 6], np.repeat(np.arange(4), 2))
    half = 3.182446 * np.sqrt(0.0338667)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half), abs=1e-5)
    assert (found.n, found.n_clusters, found.method) == (8, 4, "ratio of means, t on C - 1")


def test_it_holds_the_truth_nineteen_times_in_twenty():
    """Skewed costs of 40 cases, a true rise by a tenth."""
    source = np.random.default_rng(3)
    held, repetitions = 0, 100
    for _ in range(repetitions):
        control = source.lognormal(0.0, 0.5, 40)
        treatment = control * source.lognormal(np.log(1.1) - 0.02, 0.2, 40)
        found = relative_change(treatment, control, None, alpha=0.05, rng=source)
        held += found.low <= 0.1 <= found.high
    assert held / repetitions >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / repetitions)


def test_many_settled_cases_need_no_bootstrap():
    source = rng()
    control = source.uniform(1.0, 2.0, 2_500)
    assert change(control + source.uniform(0.0, 0.5, 2_500), control).method == "ratio of means, t on n - 1"


def test_a_fall_is_never_more_than_everything():
    found = change([0.0] * 9 + [1.0], [1.0] * 10)
    assert found.low >= -1.0


def test_a_summary_is_compared_without_pairs():
    """Means 2 and 1, SD 1 and .5 over 100 cases: relative variances .0025 + .0025, SE of the ratio 2 x .0707."""
    treatment = np.concatenate((np.full(50, 1.0), np.full(50, 3.0))) * np.sqrt(0.99) + 2 * (1 - np.sqrt(0.99))
    found = change_from_summary(treatment, AmountSummary(1.0, 0.5, 100), None, alpha=0.05)
    half = 1.984217 * 2 * np.sqrt(0.005)
    assert (found.estimate, found.low, found.high) == pytest.approx((1.0, 1.0 - half, 1.0 + half), abs=1e-4)


@pytest.mark.parametrize(
    ("treatment", "control", "words"),
    [
        ([1.0, 2.0], [1.0], "pair them by case"),
        ([1.0, -2.0], [1.0, 1.0], "an amount is at least 0"),
        ([1.0, 2.0], [0.0, 0.0], "all 0"),
        ([1.0], [1.0], "one cluster"),
        ([1.0, 2.0, 1.0], [0.0, 0.0, 1.0], "NaN or infinite in a resample"),
    ],
)
def test_what_cannot_be_compared_says_why(treatment, control, words):
    with pytest.raises(ValueError, match=words):
        change(treatment, control)


@pytest.mark.parametrize("summary", [AmountSummary(0.0, 0.0, 9), AmountSummary(1.0, 0.0, 1)])
def test_a_summary_of_nothing_is_no_control(summary):
    with pytest.raises(ValueError, match="nothing is a share of it"):
        change_from_summary([1.0, 2.0], summary, None, alpha=0.05)
