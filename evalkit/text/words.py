"""The words of a text, for token F1, ROUGE and near duplicates, and the terms that BM25 matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from evalkit.text.chinese import cut_chinese
from evalkit.text.normalise import CJK, THOUSANDS, fold, spaced

_KANA = "\u3041-\u30ff"
_HAN_OR_KANA = rf"(?P<han>[{CJK}]+)|[{_KANA}]"  # Han is cut by a dictionary, kana one by one for want of one
_LETTER = rf"(?:(?![{CJK}{_KANA}])\w)"
_RUN = re.compile(
    rf"{_HAN_OR_KANA}"
    rf"|{_LETTER}*\d(?:\.\d+)+"  # 3.5 and v2.3.1 stay whole
    rf"|{_LETTER}+(?:['’]{_LETTER}+)*"  # and so does don't
)
_BETWEEN_SPACES = re.compile(rf"{_HAN_OR_KANA}|[^\s{CJK}{_KANA}]+")


def words(text: str) -> list[str]:
    """The words of a text, folded, in order of appearance; punctuation is dropped.

    Runs of Han characters, Traditional or Simplified, are cut by a dictionary, which is loaded on the first of them
    (about a second). Everything else is cut where a letter, digit or underscore ends.

    >>> words("The VPN-Client v2.3.1 doesn't start")
    ['the', 'vpn', 'client', 'v2.3.1', "doesn't", 'start']
    >>> words("重置密码需要３分钟")
    ['重置', '密码', '需要', '3', '分钟']
    """
    return _cut(THOUSANDS.sub("", fold(text)), _RUN, cut_chinese)


def search_terms(text: str, *, cut_han: Callable[[str], Iterable[str]] = list) -> list[str]:
    """The terms that BM25 matches: words, and the single characters of Chinese.

    People ask for 退 and 卡 where rules speak of 退還 and 借閱證. On short Chinese passages single characters find
    those and words do not: recall among the first three is .46 against .16, see suites/zh-faq/README.md.

    Args:
        text: A passage or a question.
        cut_han: From a run of Han characters to terms.

    >>> search_terms("VPN 無法連線")
    ['vpn', '無', '法', '連', '線']
    """
    return _cut(THOUSANDS.sub("", fold(text)), _RUN, cut_han)


def answer_words(text: str) -> list[str]:
    """The words that token F1 compares: those of the normalised answer, without English articles."""
    return _cut(spaced(text), _BETWEEN_SPACES, cut_chinese)


def _cut(folded: str, runs: re.Pattern[str], cut_han: Callable[[str], Iterable[str]]) -> list[str]:
    terms: list[str] = []
    for run in runs.finditer(folded):
        if run["han"]:
            terms.extend(cut_han(run["han"]))
        else:
            terms.append(run[0])
    return terms
