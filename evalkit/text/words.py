"""The words of a text, for BM25, token F1, ROUGE and near duplicates."""

from __future__ import annotations

import re

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
    """Folded words in order of appearance; punctuation is dropped.

    Runs of Han characters, Traditional or Simplified, are cut by a dictionary, which is loaded on the first of them
    (about a second). Everything else is cut where a letter, digit or underscore ends.

    >>> words("The VPN-Client v2.3.1 doesn't start")
    ['the', 'vpn', 'client', 'v2.3.1', "doesn't", 'start']
    >>> words("重置密码需要３分钟")
    ['重置', '密码', '需要', '3', '分钟']
    """
    return _cut(THOUSANDS.sub("", fold(text)), _RUN)


def answer_words(text: str) -> list[str]:
    """The words that token F1 compares: those of the normalised answer, without English articles."""
    return _cut(spaced(text), _BETWEEN_SPACES)


def _cut(folded: str, runs: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for run in runs.finditer(folded):
        if run["han"]:
            found.extend(cut_chinese(run["han"]))
        else:
            found.append(run[0])
    return found
