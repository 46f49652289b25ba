"""Words in English, in Chinese and in both at once."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from evalkit.text.words import answer_words, words


def test_english_is_cut_at_punctuation_and_numbers_stay_whole():
    """Codes, decimals, versions and contractions are searched for as they are written."""
    assert words("The VPN-Client v2.3.1 doesn't start: E1042, 3.5 GB of 1,000.") == [
        *("the", "vpn", "client", "v2.3.1", "doesn't", "start", "e1042", "3.5", "gb", "of", "1000")
    ]


def test_chinese_is_cut_into_words_not_characters():
    """A dictionary cuts runs of Han characters; Latin inside them stays whole."""
    assert words("重置密码需要３分钟") == ["重置", "密码", "需要", "3", "分钟"]
    assert words("請重新啟動iPhone手機。") == ["請", "重新啟動", "iphone", "手機"]


def test_full_width_and_punctuation_make_no_other_words():
    """全形 forms are folded, and signs are not words."""
    assert words("ＶＰＮ，錯誤！") == words("vpn 錯誤")


def test_answer_words_leave_out_articles_and_keep_signs_of_numbers():
    """As SQuAD's F1 does; -5 and 5 are two words."""
    assert answer_words("The answer is an owl") == ["answer", "is", "owl"]
    assert answer_words("-5 °C") != answer_words("5 °C")
    assert answer_words("今天。天氣好") == answer_words("今天，天氣好")


@given(st.text())
def test_any_text_gives_words_that_are_never_blank(text):
    """Neither function fails, whatever a model wrote."""
    assert all(word.strip() for word in [*words(text), *answer_words(text)])


def test_jieba_is_loaded_only_for_chinese_and_says_nothing():
    """English pays nothing; Chinese leaves no line on standard error and no file in the temporary folder."""
    program = (
        "import sys; from evalkit.text.words import words; words('plain English');"
        "assert 'jieba' not in sys.modules; words('你好'); assert 'jieba' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
