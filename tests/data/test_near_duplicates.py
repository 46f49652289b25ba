"""Near duplicates are found exactly."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.data.near_duplicates import THRESHOLD, NearIndex, shingles

TEXT = st.lists(st.sampled_from("abcd"), min_size=1, max_size=14).map(" ".join)


@given(known=st.lists(TEXT, max_size=12), text=TEXT)
def test_the_index_finds_what_comparing_with_every_text_finds(known, text):
    """Prefix filtering misses no pair at or above the threshold and adds none below."""
    wanted = shingles(text)
    similar = [Fraction(len(wanted & other), len(wanted | other)) for other in map(shingles, known)]
    found = NearIndex(known).nearest(text)
    if max(similar, default=0) < THRESHOLD:
        assert found is None
    else:
        assert found.similarity == float(max(similar))
        assert found.position == similar.index(max(similar))


def test_one_word_more_in_a_long_question_is_near_and_another_question_is_not():
    """11 words share 7 of 9 + 9 - ... shingles with one word changed at the end: 8 of 10."""
    index = NearIndex(["how do i reset the password of my work laptop today"])
    assert index.nearest("how do i reset the password of my work laptop now").similarity == pytest.approx(
        8 / 10
    )
    assert index.nearest("how do i change the password of my work phone today") is None
    assert index.nearest("") is None


def test_chinese_questions_are_compared_by_words():
    """Not one long word each."""
    index = NearIndex(["请问我应该如何重置公司邮箱的登录密码并且通知管理员谢谢"])
    assert index.nearest("请问我应该如何重置公司邮箱的登录密码并且通知管理员").similarity >= 0.8
    assert index.nearest("请问打印机为什么没有办法连接到公司的无线网络") is None
