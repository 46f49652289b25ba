"""Answers that a person would call the same are equal after normalising, and others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.text.fold import fold
from evalkit.text.normalise import normalise


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("an  apple\n", "Apple"),
        ("ＶＰＮ　１２", "vpn 12"),
        ("「重新啟動」。", "重新啟動"),
        ("台北 101", "台北101"),
        ("錯誤代碼：Ｅ－１０４２", "錯誤代碼 E-1042"),
        ("是，請重試！", "是請重試"),
        ("$1,000", "$1000"),
        (".5", "0.5"),
        ("\u22125", "-5"),
        ("2024-01-05", "2024/01/05"),
        ("soft\u00adhyphen\u200b", "softhyphen"),
        ("Straße", "STRASSE"),
        ("(A)", "a."),
        ("cafe\u0301", "café"),
    ],
)
def test_same_answer_in_another_form_is_equal(one, other):
    """Width, case, punctuation, articles and spacing do not make an answer wrong."""
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.5", "35"),
        ("-5", "5"),
        ("1/2", "12"),
        ("3,5", "35"),
        ("10-20", "1020"),
        ("A", ""),
        ("A", "the"),
        ("+", "-"),
        ("👍", "👎"),
        ("好👍", "好👎"),
        ("...", ""),
        ("重啟", "重置"),
    ],
)
def test_another_answer_stays_different(one, other):
    """Removing punctuation must not make a wrong number, sign or letter right."""
    assert normalise(one) != normalise(other)


def test_what_squad_does_to_plain_english_is_what_normalise_does():
    """Reference values from the evaluation script of SQuAD 1.1 (no digits beside punctuation)."""
    assert normalise("The quick, brown fox -- and an owl.") == "quick brown fox and owl"
    assert normalise("Beyoncé's album") == "beyoncés album"
    assert normalise("it's the a-team") == "its ateam"


def test_articles_can_be_kept():
    """A search for a text inside another keeps them."""
    assert normalise("The answer is A.", articles=True) == "the answer is a"


FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


@given(st.text(st.characters(codec="ascii")))
def test_full_width_text_is_the_same_as_half_width(text):
    """全形 and 半形 forms of one answer are one answer; so are its upper and lower case."""
    assert normalise(text.translate(FULL_WIDTH)) == normalise(text)
    assert normalise(text.upper()) == normalise(text.lower())


@given(st.text())
def test_folding_twice_is_folding_once(text):
    """Folded texts can be compared with each other, whoever folded them."""
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_text_never_becomes_empty_unless_it_is_blank(text):
    """Else every answer of punctuation alone would equal an empty one."""
    assert bool(normalise(text)) == bool(fold(text))
