"""Words of a run of Han characters: jieba's dictionary, for Traditional Chinese as well as Simplified."""

from __future__ import annotations

import functools
import logging
import threading
import warnings
from importlib.resources import files
from typing import Any

_LONGEST_RUN = 500
"""Characters that are cut together: jieba takes time in proportion to the square of a run of words it does not know. No
sentence has so many without a mark."""

_loading = threading.Lock()


def cut_chinese(run: str) -> list[str]:
    """The words of a run of Han characters, in order; joined they give ``run`` again.

    jieba's wheel has only a Simplified dictionary and cuts Traditional text wrongly (無法線/上). The cuts are
    therefore found on the Simplified form, character for character, and made in the text as it was written.
    The dictionary is loaded on the first call (about a second).

    >>> cut_chinese("無法線上續借")
    ['無法', '線上', '續借']
    """
    tokenizer, simplified = _cutter()
    words, start = [], 0
    for begin in range(0, len(run), _LONGEST_RUN):
        for word in tokenizer.lcut(run[begin : begin + _LONGEST_RUN].translate(simplified)):
            words.append(run[start : start + len(word)])
            start += len(word)
    return words


def _cutter() -> tuple[Any, dict[int, str]]:
    with _loading:
        return _tokenizer(), _simplified()


@functools.cache
def _simplified() -> dict[int, str]:
    """From Traditional characters to Simplified ones, one for one, so that positions stay the same."""
    table = files("evalkit.text").joinpath("data", "traditional_simplified.txt").read_text("utf-8")
    pairs = (pair for line in table.splitlines() if not line.startswith("#") for pair in line.split())
    return {ord(pair[0]): pair[1] for pair in pairs}


@functools.cache
def _tokenizer() -> Any:
    """A jieba tokenizer with dictionary read from the package.

    jieba.initialize would first look for a marshalled copy in the shared temporary folder, where anybody on
    the machine can put one; and it logs to standard error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and pkg_resources; its last release is of 2020
        import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
