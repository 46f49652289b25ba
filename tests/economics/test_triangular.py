"""Ranges."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.economics.triangular import TriangularRange, exact


def test_the_mean_of_a_lopsided_range_is_not_its_mode():
    volume = TriangularRange.of(20_000, 100_000, 500_000)
    assert volume.mode == 100_000
    assert round(volume.mean, 4) == Decimal("206666.6667")


def test_a_point_has_its_value_as_mean_exactly():
    assert TriangularRange.point(0.1).mean == Decimal("0.1")


def test_draws_stay_inside_and_average_to_the_mean():
    volume = TriangularRange.of(20, 100, 500)
    draws = volume.draw(np.random.default_rng(1), 200_000)
    assert draws.min() >= 20
    assert draws.max() <= 500
    assert draws.mean() == pytest.approx(float(volume.mean), rel=0.01)


def test_a_point_is_drawn_without_chance():
    rng = np.random.default_rng(1)
    before = rng.bit_generator.state
    assert TriangularRange.point(3).draw(rng, 4).tolist() == [3.0] * 4
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("values", [(2, 1, 3), (1, 3, 2), (float("nan"), 1, 2), (0, 1, float("inf"))])
def test_values_out_of_order_or_not_finite_are_refused(values: tuple[float, float, float]):
    with pytest.raises(ValueError, match="a range needs"):
        TriangularRange.of(*values)


def test_a_word_is_not_a_number():
    with pytest.raises(ValueError, match="not a number: 'lots'"):
        exact("lots")


@given(st.tuples(*[st.decimals(-1000, 1000, places=3)] * 3).map(sorted))
def test_the_mean_lies_between_low_and_high(values: list[Decimal]):
    drawn = TriangularRange(*values)
    assert drawn.low <= drawn.mean <= drawn.high
