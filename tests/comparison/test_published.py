"""What can be claimed from counts alone."""

from __future__ import annotations

import itertools

import pytest

from evalkit.comparison.published import CorrectCount, claims_from_counts, parse_counts
from evalkit.errors import InputError
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired_binary import mcnemar


def decided(text: str, **options):
    return claims_from_counts(parse_counts(text), **options)


def test_a_table_of_30_questions_by_hand():
    """13 and 26 of 30: b - c = 13; at least 26 + 13 - 30 = 9 are right in both, so b + c is 39 - 2 x 9 = 21 at most."""
    found = decided("base=13/30,rag=26/30")
    (pair,) = found.pairs
    assert (pair.fewest_discordant, pair.most_discordant) == (13, 21)
    assert pair.lowest_p == pytest.approx(2 / 2**13)
    assert pair.highest_p == pytest.approx(mcnemar(17, 4).p_value)
    assert pair.claim == "whatever_the_overlap"
    assert pair.words == "claimable whatever the overlap (b + c between 13 and 21)"
    base = found.arms[0]
    assert (base.low, base.high) == pytest.approx((0.273775, 0.608027), abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "claim"),
    [
        ("a=20/30,b=26/30", "depends_on_overlap"),
        ("a=25/30,b=26/30", "not_claimable"),
        ("a=0/30,b=30/30", "whatever_the_overlap"),
    ],
)
def test_the_three_answers(counts, claim):
    assert decided(counts).pairs[0].claim == claim


def test_the_largest_claimable_overlap_is_the_last_below_alpha():
    """Every possible b + c of several tables, tried one by one."""
    for left, right in itertools.product(range(0, 41, 5), repeat=2):
        (pair,) = claims_from_counts({"a": CorrectCount(left, 40), "b": CorrectCount(right, 40)}).pairs
        gap = abs(left - right)
        splits = [(gap + extra, extra) for extra in range((pair.most_discordant - gap) // 2 + 1)]
        below = [b + c for b, c in splits if mcnemar(b, c).p_value < 0.05]
        assert pair.claimable_up_to == (max(below) if below else None)
        assert (pair.claim == "whatever_the_overlap") == (len(below) == len(splits))
        assert (pair.claim == "not_claimable") == (not below)


def test_several_pairs_are_adjusted_by_holm():
    found = decided("a=13/30,b=26/30,c=28/30")
    assert [(pair.treatment, pair.control) for pair in found.pairs] == [("b", "a"), ("c", "a"), ("c", "b")]
    adjusted = holm([pair.highest_p for pair in found.pairs])
    assert [pair.highest_p_adjusted for pair in found.pairs] == pytest.approx(adjusted.tolist())
    alone = decided("a=20/30,b=26/30,c=20/30").pairs[0]
    assert alone.lowest_p < 0.05 < alone.lowest_p_adjusted  # 2/2**6 x 3
    assert alone.claim == "not_claimable"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base=13/30", "nothing to compare"),
        ("base=13/30,rag=26/40", "same cases"),
        ("base=13/30,base=26/30", "given twice"),
        ("base=13/30,rag=86.7%", "'rag=86.7%'"),
        ("base=13/30,rag=31/30", "impossible"),
        ("base=0/0,rag=0/0", "impossible"),
        ("", "is not an arm's count"),
    ],
)
def test_a_table_that_cannot_be_read_is_told(text, words):
    with pytest.raises(InputError, match=words):
        decided(text)
