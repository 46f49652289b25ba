"""Run-to-run spread."""

import numpy as np
import pytest

from evalkit.stats.repeats import repeat_spread


def test_the_two_variances_are_told_apart():
    """4,000 cases with variance 1/12 between and 0.01 within."""
    source = np.random.default_rng(1)
    scores = source.random((4000, 1)) + source.normal(0.0, 0.1, size=(4000, 3))
    spread = repeat_spread(scores)
    assert spread.within_case == pytest.approx(0.01, rel=0.05)
    assert spread.between_cases == pytest.approx(1 / 12, rel=0.05)
    assert spread.run_standard_deviation == pytest.approx(0.1 / np.sqrt(4000), rel=0.05)


def test_repeats_that_agree_have_no_run_to_run_spread():
    spread = repeat_spread([[0.2, 0.2], [0.8, 0.8]])
    assert (spread.within_case, spread.run_standard_deviation) == (0.0, 0.0)


def test_the_variance_between_cases_is_never_negative():
    assert repeat_spread([[0.0, 1.0], [1.0, 0.0]]).between_cases == 0.0


@pytest.mark.parametrize("scores", [[[0.1], [0.2]], [[0.1, 0.2]]])
def test_one_repeat_or_one_case_is_refused(scores):
    with pytest.raises(ValueError, match="at least 2 of each"):
        repeat_spread(scores)
