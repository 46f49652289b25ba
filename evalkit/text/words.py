"""The words of a text, for token F1, ROUGE and near duplicates, and the terms that BM25 matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from evalkit.text.chinese import cut_chinese
from evalkit.text.fold import CJK, KANA
from evalkit.text.normalise import cut_at_punctuation, spaced

# Without spaces and without a dictionary here: cut letter by letter, each with its marks. Thai, Lao, Burmese, Khmer.
_LETTERS = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6"
    "\u1000-\u102a\u103f\u1780-\u17b3"
)
_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u17dd"
_RUN = re.compile(
    rf"(?P<han>[{CJK}]+)"  # cut by a dictionary
    rf"|[{KANA}]|[{_LETTERS}][{_MARKS}]*"
    rf"|[^\s{CJK}{KANA}{_LETTERS}]+"
)


def words(text: str) -> list[str]:
    """The words of a text by the rule of ``evalkit.text.normalise``, in order of appearance; punctuation is dropped.

    Runs of Han characters, Traditional or Simplified, are cut by a dictionary, which is loaded on the first of them
    (about a second); kana and the letters of Thai, Lao, Burmese and Khmer stand alone. All else is cut where a letter,
    digit, mark or low line ends; signs that the rule keeps belong to their number or are words.

    >>> words("The VPN-Client v2.3.1 doesn't start")
    ['the', 'vpn', 'client', 'v2.3.1', "doesn't", 'start']
    >>> words("重置密码需要３分钟")
    ['重置', '密码', '需要', '3', '分钟']
    >>> words("below -5 °C, $1,000")
    ['below', '-5', 'c', '$', '1000']
    """
    return _cut(cut_at_punctuation(text), cut_chinese)


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
    return _cut(cut_at_punctuation(text), cut_han)


def answer_words(text: str) -> list[str]:
    """The words that token F1 compares: those of the normalised answer, without English articles."""
    return _cut(spaced(text), cut_chinese)


def _cut(form: str, cut_han: Callable[[str], Iterable[str]]) -> list[str]:
    terms: list[str] = []
    for run in _RUN.finditer(form):
        if run["han"]:
            terms.extend(cut_han(run["han"]))
        else:
            terms.append(run[0])
    return terms
