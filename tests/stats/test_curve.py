"""Learning curves: the trend of the last step, and the power law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from evalkit.stats.curve import fit_power_law, learning_curve

SIZES = [100, 200, 400, 800, 1600]


def curve(values, *, n_seeds=2, margin=0.03, n_cases=200, noise=0.02, clusters=None):
    """Give each case the curve's value plus noise of its own at each size."""
    source = np.random.default_rng(1)
    scores = np.clip(np.array(values)[:, None] + source.normal(0.0, noise, (len(values), n_cases)), 0, 1)
    return learning_curve(
        [100 * 2**k for k in range(len(values))],
        scores,
        clusters,
        margin=margin,
        alpha=0.05,
        rng=np.random.default_rng(7),
        n_seeds=n_seeds,
    )


@pytest.mark.parametrize(
    ("values", "trend"),
    [([0.5, 0.6, 0.7], "rising"), ([0.5, 0.7, 0.7], "flat"), ([0.5, 0.7, 0.6], "flat")],
)
def test_the_trend_is_that_of_the_last_step(values, trend):
    assert curve(values).trend == trend


def test_a_step_too_noisy_to_call_is_unknown():
    result = curve([0.4, 0.5, 0.51], n_cases=20, noise=0.2)
    assert result.trend == "unknown"
    assert len(result.steps) == 2
    assert result.steps[-1].low < 0.0 < 0.03 < result.steps[-1].high


def test_binary_scores_of_one_seed_are_compared_as_binary():
    source = np.random.default_rng(2)
    scores = (source.random((2, 60)) < [[0.4], [0.6]]).astype(float)
    result = learning_curve([100, 200], scores, None, margin=0.03, alpha=0.05, rng=source)
    assert result.steps[0].discordant is not None


@pytest.mark.parametrize(("n_points", "n_seeds", "fitted"), [(5, 2, True), (4, 2, False), (5, 1, False)])
def test_a_fit_needs_five_sizes_and_two_seeds(n_points, n_seeds, fitted):
    values = [0.9 - 2 * n**-0.5 for n in SIZES[:n_points]]
    assert (curve(values, n_seeds=n_seeds).fit is not None) == fitted


@given(st.floats(0.5, 0.95), st.floats(0.2, 2.0), st.floats(0.2, 1.5))
def test_a_noiseless_power_law_is_found_again(limit, gap, decay):
    values = [limit - gap * n**-decay for n in SIZES]
    law = fit_power_law(SIZES, values)
    assert [law.at(n) for n in SIZES] == pytest.approx(values, abs=1e-5)
    assert law.at(12_800) == pytest.approx(limit - gap * 12_800**-decay, abs=0.01)


def test_a_noisy_fit_is_as_good_as_scipys():
    """scipy.optimize.curve_fit with the same bounds reaches the same squared error."""
    values = np.array([0.52, 0.61, 0.66, 0.73, 0.74])

    def law(n, limit, gap, decay):
        return limit - gap * n**-decay

    theirs, _ = curve_fit(
        law, np.array(SIZES, float), values, p0=(0.8, 5.0, 0.5), bounds=([0, 0, 0.01], [1, 1e6, 3])
    )
    ours = fit_power_law(SIZES, values)
    squared = np.sum((values - [ours.at(n) for n in SIZES]) ** 2)
    assert squared <= np.sum((values - law(np.array(SIZES), *theirs)) ** 2) * (1 + 1e-6)


def test_the_largest_size_is_held_out_to_score_the_fit():
    """On a true power law the fit foresees the last point and the last value does not."""
    fit = curve([0.9 - 3 * n**-0.5 for n in SIZES], noise=0.001).fit
    assert fit.held_out_error < 0.005 < 0.02 < fit.last_value_error
    assert fit.extrapolates
    assert fit.informs_only


def test_a_fit_that_does_worse_than_the_last_value_says_so():
    """Quality stops at once: the power law expects more."""
    fit = curve([0.3, 0.5, 0.65, 0.75, 0.75], noise=0.001).fit
    assert not fit.extrapolates


def test_a_falling_curve_is_fitted_flat():
    law = fit_power_law(SIZES, [0.8, 0.7, 0.6, 0.5, 0.4])
    assert law.gap == 0.0
    assert law.at(10_000) == pytest.approx(0.6)


def test_the_limit_never_exceeds_one():
    """A straight rise in log rows would end above 1."""
    law = fit_power_law(SIZES, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert law.limit == 1.0
    assert law.at(10**9) <= 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curve([0.5]), "at least 2 sizes"),
        (lambda: curve([0.5, 0.6], margin=0.0), "above 0"),
        (lambda: fit_power_law([1, 2], [0.1, 0.2]), "at least 3"),
        (
            lambda: learning_curve(
                [200, 100], np.ones((2, 5)), None, margin=0.1, alpha=0.05, rng=np.random.default_rng(1)
            ),
            "order the points",
        ),
    ],
)
def test_impossible_curves_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
