"""Line items: products that can be checked by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from evalkit.economics.line_item import (
    MILLION,
    Factor,
    LineItem,
    draw_inputs,
    in_words,
    mean_total,
    total,
    total_draws,
)
from evalkit.economics.triangular import TriangularRange

HOURS = TriangularRange.of(10, 20, 60)
LABOUR = LineItem(
    "engineering", (Factor(HOURS, "hours", "labour_hours"), Factor.exact(Decimal("60.00"), "per hour"))
)
UNKNOWN = LineItem(
    "training",
    (Factor.exact(1000, "tokens"), Factor.exact(None, "per million", source="m train", per=MILLION)),
)


def test_an_amount_is_the_product_of_its_factors_to_the_last_digit():
    item = LineItem(
        "training",
        (
            Factor.exact(244_763, "tokens"),
            Factor.exact(3, "epochs"),
            Factor.exact(Decimal("3.00"), "per million", per=MILLION),
        ),
    )
    assert item.amount == Decimal("2.202867")
    assert item.basis == "244,763 tokens x 3 epochs x 3.00 per million"


def test_a_ranged_line_shows_its_mode_and_says_its_mean():
    assert LABOUR.amount == 1200
    assert LABOUR.mean == 1800
    assert LABOUR.basis == "20 hours (mean 30) x 60.00 per hour"


def test_an_unknown_price_makes_the_amount_unknown_and_never_zero():
    assert UNKNOWN.amount is None
    assert UNKNOWN.mean is None
    assert UNKNOWN.basis == "1,000 tokens x unknown per million"
    assert total((LABOUR, UNKNOWN)) is None
    assert mean_total((UNKNOWN, LABOUR)) is None
    with pytest.raises(ValueError, match="training: the number of 'per million' is not known"):
        UNKNOWN.draws({})


def test_no_lines_cost_nothing():
    assert total(()) == 0
    assert total_draws((), {}) == 0


def test_draws_follow_the_input_and_a_constant_replaces_it():
    drawn = {"labour_hours": np.array([10.0, 40.0])}
    assert np.asarray(LABOUR.draws(drawn)).tolist() == [600.0, 2400.0]
    replaced = UNKNOWN.draws({"m train": np.array([5.0, 5.0])})
    assert np.asarray(replaced).tolist() == [0.005, 0.005]


def test_a_range_that_was_not_drawn_is_refused():
    with pytest.raises(ValueError, match="engineering: 'labour_hours' is a range and was not drawn"):
        LABOUR.draws({})


def test_one_draw_of_an_input_serves_every_line_that_uses_it():
    retune = LABOUR.times(Factor.exact(2, "times"))
    drawn = draw_inputs([LABOUR, retune], {"volume": TriangularRange.point(5)}, np.random.default_rng(0), 50)
    assert list(drawn) == ["labour_hours"]
    assert np.allclose(np.asarray(retune.draws(drawn)), 2 * np.asarray(LABOUR.draws(drawn)))


def test_draws_do_not_depend_on_the_order_of_the_lines():
    other = LineItem("hosting", (Factor(TriangularRange.of(1, 2, 4), "hours", "hosting_hours"),))
    one = draw_inputs([LABOUR, other], {}, np.random.default_rng(3), 5)
    two = draw_inputs([other, LABOUR], {}, np.random.default_rng(3), 5)
    assert all(np.array_equal(one[name], two[name]) for name in ("labour_hours", "hosting_hours"))


def test_one_name_for_two_ranges_is_refused():
    other = LineItem("labelling", (Factor(TriangularRange.of(1, 2, 3), "hours", "labour_hours"),))
    with pytest.raises(ValueError, match="'labour_hours' stands for two different ranges"):
        draw_inputs([LABOUR, other], {}, np.random.default_rng(0), 5)


def test_a_range_without_a_name_is_refused():
    nameless = LineItem("labelling", (Factor(TriangularRange.of(1, 2, 3), "hours"),))
    with pytest.raises(ValueError, match="a range of 'hours' needs the name of its input"):
        draw_inputs([nameless], {}, np.random.default_rng(0), 5)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1234567", "1,234,567"),
        ("3.00", "3.00"),
        ("0.6", "0.6"),
        ("0.0000375000", "0.0000375"),
        ("1E+5", "100,000"),
        ("-1200.000", "-1,200"),
        ("512.3333333333333333", "512.33333"),
    ],
)
def test_numbers_are_worded_exactly_up_to_twelve_digits(value: str, words: str):
    assert in_words(Decimal(value)) == words
