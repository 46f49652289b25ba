"""Which rows are trained on."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.tuning.plan import split


@given(
    count=st.integers(1, 300),
    share=st.floats(0, 0.49),
    fractions=st.lists(st.floats(0.001, 1), min_size=2, max_size=5),
    seed=st.integers(0, 5),
)
def test_a_smaller_fraction_is_part_of_every_larger_one(count, share, fractions, seed):
    """And no fraction holds a validation row, none is empty, and the whole is all there is."""
    parts = split(range(count), validation_share=share, rng=np.random.default_rng(seed))
    sets = [set(parts.fraction(fraction)) for fraction in sorted(fractions)]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(sets))
    assert all(found and found.isdisjoint(parts.validation) for found in sets)
    assert sorted((*parts.fraction(1.0), *parts.validation)) == list(range(count))
    assert len(parts.validation) == round(share * count)


@pytest.mark.parametrize(("share", "expected"), [(0.125, 12), (0.25, 24), (0.07, 7), (1.0, 95), (0.001, 1)])
def test_fractions_are_rounded_up_to_whole_rows(share, expected):
    """Of 100 rows 5 are held out; 0.07 x 95 = 6.65 rows are 7."""
    parts = split(range(100), validation_share=0.05, rng=np.random.default_rng(0))
    assert len(parts.fraction(share)) == expected


def test_the_order_follows_the_seed():
    orders = [split(range(50), validation_share=0.1, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
