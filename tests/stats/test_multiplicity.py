"""Holm against published and statsmodels values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evalkit.stats.multiplicity import holm


def test_holm_of_the_worked_example():
    """decision.md section 2: [.01, .04, .03, .005] -> [.03, .06, .06, .02]; R p.adjust(method="holm") agrees."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_adjusting_never_lowers_a_p_value_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert np.all(adjusted >= np.array(p_values))
    assert np.all(adjusted <= 1.0)
    assert np.all(np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0.0)


def test_a_single_test_and_no_test_are_left_alone():
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).size == 0


@pytest.mark.parametrize(
    ("p_values", "message"),
    [([0.1, 1.2], "outside"), ([0.1, np.nan], "outside"), ([[0.1]], "one p-value per test")],
)
def test_what_is_no_p_value_is_refused(p_values, message):
    with pytest.raises(ValueError, match=message):
        holm(p_values)
