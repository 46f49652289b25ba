"""Claims against a margin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import ttost_paired

from evalkit.stats.bounds import Bounds
from evalkit.stats.margin import margin_claims, tost


@pytest.mark.parametrize(
    ("low", "high", "claims"),
    [
        (0.01, 0.05, ("superior", "non_inferior")),
        (0.01, 0.02, ("superior", "non_inferior", "equivalent")),
        (-0.02, 0.05, ("non_inferior",)),
        (-0.02, 0.02, ("non_inferior", "equivalent")),
        (-0.05, 0.05, ()),
        (-0.05, -0.01, ("inferior",)),
        (-0.02, -0.01, ("non_inferior", "equivalent", "inferior")),
        (-0.03, 0.03, ()),
    ],
)
def test_claims_of_an_interval_against_a_margin_of_three_points(low, high, claims):
    """The eight positions of Piaggio et al. (2012), JAMA 308:2594, figure 1; the ends themselves claim nothing."""
    result = margin_claims(Bounds(low, high), 0.03)
    names = ("superior", "non_inferior", "equivalent", "inferior")
    assert tuple(name for name in names if getattr(result, name)) == claims


def test_tost_agrees_with_statsmodels():
    """statsmodels ttost_paired on 25 paired differences."""
    source = np.random.default_rng(1)
    control = source.normal(size=25)
    treatment = control + source.normal(0.05, 0.2, size=25)
    differences = treatment - control
    theirs = ttost_paired(treatment, control, -0.1, 0.1)
    ours = tost(differences.mean(), differences.std(ddof=1) / 5, 0.1, degrees_of_freedom=24)
    assert ours.p_value == pytest.approx(theirs[0])
    assert (ours.p_not_worse, ours.p_not_better) == pytest.approx((theirs[1][1], theirs[2][1]))


@given(st.floats(-0.2, 0.2), st.floats(0.01, 0.1), st.floats(0.01, 0.2))
def test_tost_at_alpha_over_2_is_the_interval_inside_the_margin(estimate, standard_error, margin):
    half = 1.959963984540054 * standard_error
    claims = margin_claims(Bounds(estimate - half, estimate + half), margin)
    p_value = tost(estimate, standard_error, margin).p_value
    if abs(p_value - 0.025) > 1e-9:
        assert claims.equivalent == (p_value < 0.025)


def test_a_negative_margin_and_a_missing_spread_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        margin_claims(Bounds(0.0, 0.1), -0.03)
    with pytest.raises(ValueError, match="interval instead"):
        tost(0.0, 0.0, 0.03)
