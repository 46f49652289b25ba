"""Weights that give slices their shares of production."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.production_mix import mix_weights, reweighted_slices


def test_two_tags_get_both_their_shares():
    tags = {"type": list("aabbabab"), "length": list("slslllss")}
    weights = mix_weights(tags, {"type": {"a": 0.7, "b": 0.3}, "length": {"s": 0.2, "l": 0.8}})
    share = {
        (tag, value): float(np.mean(weights * [held == value for held in tags[tag]]))
        for tag, value in (("type", "a"), ("type", "b"), ("length", "s"), ("length", "l"))
    }
    assert share == pytest.approx(
        {("type", "a"): 0.7, ("type", "b"): 0.3, ("length", "s"): 0.2, ("length", "l"): 0.8}
    )
    assert weights.mean() == pytest.approx(1.0)


def test_cases_of_values_that_the_mix_does_not_name_have_no_part():
    weights = mix_weights({"type": ["a", "b", "c", None]}, {"type": {"a": 0.25, "b": 0.75}})
    assert weights == pytest.approx([1.0, 3.0, 0.0, 0.0])


def test_a_share_of_zero_leaves_the_slice_out():
    assert mix_weights({"type": ["a", "b"]}, {"type": {"a": 1.0, "b": 0.0}}) == pytest.approx([2.0, 0.0])


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.floats(0.05, 0.9))
def test_one_tag_is_share_in_production_over_share_among_the_cases(values, share):
    present = sorted(set(values))
    shares = dict.fromkeys(present, (1.0 - share) / max(1, len(present) - 1))
    shares[present[0]] = share if len(present) > 1 else 1.0
    weights = mix_weights({"type": values}, {"type": shares})
    for value, weight in zip(values, weights, strict=True):
        assert weight == pytest.approx(shares[value] * len(values) / values.count(value))


def test_slices_that_are_small_or_are_everything_are_not_varied():
    values = ["a"] * 19 + ["b"]
    assert [(part.value, part.factor) for part in reweighted_slices({"type": values})] == [
        ("a", 0.5),
        ("a", 2.0),
    ]
    assert reweighted_slices({"type": ["a", "a"]}) == ()


def test_doubling_a_slice_doubles_its_odds():
    part = reweighted_slices({"type": ["a"] * 30 + ["b"] * 70})[1]
    assert (part.tag, part.value, part.factor) == ("type", "a", 2.0)
    assert part.share / (1 - part.share) == pytest.approx(2 * 30 / 70)
    assert float(part.weights[:30].sum()) / 100 == pytest.approx(part.share)


@pytest.mark.parametrize(
    ("tags", "mix", "message"),
    [
        ({"type": ["a"]}, {}, "names no tag"),
        ({"type": ["a"]}, {"length": {"s": 1.0}}, "which no case has"),
        ({"type": ["a"]}, {"type": {"a": 0.5}}, "sum to 1"),
        ({"type": ["a"]}, {"type": {"a": 1.5, "b": -0.5}}, "at least 0"),
        ({"type": ["a"]}, {"type": {"a": 0.5, "b": 0.5}}, "no case has type = 'b'"),
        (
            {"type": list("ab"), "length": list("sl")},
            {"type": {"a": 0.5, "b": 0.5}, "length": {"s": 0.9, "l": 0.1}},
            "contradict",
        ),
        (
            {"type": list("ab"), "length": list("sl")},
            {"type": {"a": 1.0}, "length": {"l": 1.0}},
            "go together",
        ),
    ],
)
def test_a_mix_that_no_weights_can_give_is_refused(tags, mix, message):
    with pytest.raises(ValueError, match=message):
        mix_weights(tags, mix)
