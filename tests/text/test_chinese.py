"""Traditional Chinese is cut where Simplified Chinese is, and stays as it was written."""

import jieba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.text.chinese import cut_chinese
from evalkit.text.words import answer_words, words

BOTH_SCRIPTS = [
    ("無法線上續借", "无法线上续借"),
    ("裡面還剩多少餘額", "里面还剩多少余额"),
    ("這本書被預約了嗎", "这本书被预约了吗"),
    ("乾燥的頭髮", "干燥的头发"),
    ("為什麼學生證遺失後補辦比較貴", "为什么学生证遗失后补办比较贵"),
    ("圖書館開放時間", "图书馆开放时间"),
]


@pytest.mark.parametrize(("traditional", "simplified"), BOTH_SCRIPTS)
def test_both_scripts_are_cut_at_the_same_places(traditional, simplified):
    assert [len(word) for word in cut_chinese(traditional)] == [len(word) for word in cut_chinese(simplified)]


def test_the_words_are_those_of_the_text_not_of_the_other_script():
    """Segmentation reads a Simplified copy; nothing of it comes back."""
    assert cut_chinese("無法線上續借") == ["無法", "線上", "續借"]
    assert cut_chinese("為什麼") == ["為什麼"]


def test_jieba_alone_cuts_the_same_text_wrongly():
    """The reason for the table: without it 線上 is not found in 無法線上續借."""
    plain = jieba.Tokenizer()
    plain.FREQ, plain.total = plain.gen_pfdict(plain.get_dict_file())
    plain.initialized = True
    assert plain.lcut("無法線上續借") == ["無法線", "上續", "借"]


@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF), min_size=1))
def test_no_character_is_lost_or_changed(run):
    """Whatever the run, its words joined are the run."""
    assert "".join(cut_chinese(run)) == run


def test_full_width_latin_inside_chinese_is_one_word_of_half_width():
    assert words("請輸入ＰＩＮ碼１２３４") == ["請", "輸入", "pin", "碼", "1234"]


def test_punctuation_of_either_width_makes_no_word():
    assert words("逾期，罰金（每日）：５元！") == words("逾期, 罰金 (每日): 5元!")


def test_answer_words_are_cut_the_same_way():
    """Token F1 and BM25 see the same words."""
    assert answer_words("憑學生證，可線上續借。") == words("憑學生證可線上續借")
