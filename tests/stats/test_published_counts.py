"""Published tables that give only counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.paired_binary import mcnemar
from evalkit.stats.published_counts import compare_counts


@given(st.integers(1, 40), st.data())
def test_every_possible_overlap_gives_a_p_value_within_the_range(n, data):
    """All tables with the given margins, by enumeration; the discordant counts have one parity."""
    first, second = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    result = compare_counts(first, second, n)
    overlaps = range(max(0, first + second - n), min(first, second) + 1)
    discordant = [(first - both, second - both) for both in overlaps]
    assert min(map(sum, discordant)) == result.fewest_discordant
    assert max(map(sum, discordant)) == result.most_discordant
    p_values = [mcnemar(b, c).p_value for b, c in discordant]
    assert min(p_values) == pytest.approx(result.lowest_p)
    assert max(p_values) == pytest.approx(result.highest_p)


def test_sixty_against_fifty_of_a_hundred_may_be_anything():
    result = compare_counts(60, 50, 100)
    assert (result.fewest_discordant, result.most_discordant) == (10, 90)
    assert result.lowest_p == pytest.approx(2 / 2**10)
    assert result.highest_p == pytest.approx(mcnemar(50, 40).p_value)
    assert result.difference == pytest.approx(0.1)


@pytest.mark.parametrize(("first", "second", "n"), [(5, 5, 0), (11, 5, 10), (5, -1, 10)])
def test_counts_that_cannot_be_are_refused(first, second, n):
    with pytest.raises(ValueError, match="give"):
        compare_counts(first, second, n)
