"""The checks on input: what is refused, and what is let through."""

import numpy as np
import pytest

from evalkit.stats.arrays import (
    checked_binary,
    checked_differences,
    checked_scores,
    checked_table,
    checked_values,
    cluster_codes,
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checked_values([]), "is empty"),
        (lambda: checked_values([[1.0]]), "one number per case"),
        (lambda: checked_values([1.0, np.nan]), "NaN or infinity"),
        (lambda: checked_values([np.inf]), "NaN or infinity"),
        (lambda: checked_table([1.0, 2.0]), "give a table"),
        (lambda: checked_table(np.empty((0, 2))), "is empty"),
        (lambda: checked_binary([0, 1, 0.5]), "0 and 1 only"),
        (lambda: checked_scores([0.5, 55.0]), "rescale"),
        (lambda: checked_scores([-0.1]), "rescale"),
        (lambda: checked_differences([0.1, 0.2], [0.1]), "pair them first"),
        (lambda: cluster_codes(np.array([1, 2]), 3), "one label for each of the 3 cases"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_differences_are_equal_to_the_last_bit():
    """0.3 - 0.1 and 0.4 - 0.2 differ in floating point; ties decide sign-flip patterns."""
    differences = checked_differences([0.3, 0.4], [0.1, 0.2])
    assert differences[0] == differences[1]


def test_a_mean_of_repeats_may_end_a_last_bit_outside_the_unit_interval():
    assert checked_scores([1.0 + 1e-12, -1e-12]).tolist() == [1.0, 0.0]


def test_cluster_labels_may_be_of_any_sortable_kind():
    assert cluster_codes(np.array(["b", "a", "b"]), 3).tolist() == [1, 0, 1]
    assert cluster_codes(None, 3).tolist() == [0, 1, 2]
