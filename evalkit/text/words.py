"""The words of a text, for BM25, token F1, ROUGE and near duplicates."""

from __future__ import annotations

import functools
import logging
import re
import threading
import warnings
from typing import Any

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
_loading = threading.Lock()


def words(text: str) -> list[str]:
    """Folded words in order of appearance; punctuation is dropped.

    Runs of Han characters are cut by jieba, whose dictionary is loaded on the first of them (about a second).
    Everything else is cut where a letter, digit or underscore ends.

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
            found.extend(_chinese_tokenizer().lcut(run["han"]))
        else:
            found.append(run[0])
    return found


def _chinese_tokenizer() -> Any:
    with _loading:
        return _load_chinese_tokenizer()


@functools.cache
def _load_chinese_tokenizer() -> Any:
    """A jieba tokenizer of our own, its dictionary read from the package.

    jieba.initialize would first look for a marshalled copy in the shared temporary folder, where anybody on
    the machine can put one; and it logs to standard error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # invalid escapes and pkg_resources, in a package last released in 2020
        import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
