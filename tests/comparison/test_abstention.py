"""What counts as declining to answer, in English, Simplified and Traditional Chinese."""

import pytest

from evalkit.comparison.build_table import is_abstention


@pytest.mark.parametrize(
    "output",
    [
        "",
        " \n",
        "I'm sorry, I can't help with that.",
        "I don’t know.",
        "N/A",
        "对不起，我不能回答这个问题。",
        "抱歉，我不清楚這項規定，請洽服務台。",
        "對不起，我無法提供協助。",
        "不好意思，我不知道。",
        "無法回答",
        "沒有相關資訊。",
        "提供的資料中沒有相關規定。",
        "我不知道",
    ],
)
def test_an_answer_that_declines_is_an_abstention(output):
    assert is_abstention(output)


@pytest.mark.parametrize(
    "output",
    [
        "Paris",
        "Nothing changes on Sunday.",
        "答：先掛失再到任一分館補發，工本費五十元。依據：證件篇第1條。",
        "沒有上限。",
        "答：可以，不收費。",
        "逾期三次沒有規定的書籍不得續借",
        "沒有規定上限，可以一直續借",
        '{"answer": null',
    ],
)
def test_an_answer_that_is_merely_wrong_or_says_no_is_none(output):
    """Broken JSON, a plain no, and a long answer that apologises first all answered."""
    assert not is_abstention(output)


def test_an_answer_cut_by_a_content_filter_declined_whatever_it_says():
    assert is_abstention("Paris", "content_filter")
