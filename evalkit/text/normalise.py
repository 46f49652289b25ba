"""Normalised text: two texts that a person would call the same answer become equal."""

from __future__ import annotations

import re
import string
import unicodedata

CJK = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Han characters, as the inside of a regex character class."""

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_BESIDE_CJK = re.compile(rf"(?<=[{CJK}])\s+|\s+(?=[{CJK}])")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# What tells 3.5 from 35, -5 from 5 and .5 from 5: a decimal point, a sign, a point with no digit before it.
_PART_OF_NUMBER = re.compile(
    r"(?P<point>(?<=\d)\.(?=\d))|(?P<bare>(?<![\w.])\.(?=\d))|(?P<sign>(?<![\w.)\]])-(?=[$€£¥]?\.?\d))"
)
_POINT, _SIGN, _MARK = "\ue000", "\ue001", "\ue002"  # stand-ins, from a range that fold leaves empty
_MARK_THAT_SPLITS = re.compile(rf"(?<=[{CJK}]){_MARK}+|{_MARK}+(?=[{CJK}])|(?<=\d){_MARK}+(?=\d)")


def fold(text: str) -> str:
    """The text with one width, one case, single spaces and no invisible characters.

    NFKC makes full-width letters, digits and signs ordinary ones (and, mind, ``m²`` to ``m2``).

    >>> fold("ＶＰＮ　錯誤１２")
    'vpn 錯誤12'
    """
    visible = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    folded = unicodedata.normalize("NFKC", visible.casefold())
    return " ".join(folded.split())


def normalise(text: str, *, articles: bool = False) -> str:
    """The form in which exact match and token F1 compare answers.

    As the script of SQuAD (Rajpurkar et al. 2016) does: lower case, no punctuation, no English articles, single
    spaces. Beyond it: NFKC; Chinese punctuation; spaces beside Chinese characters do not count; a decimal point
    and a minus sign stay, since 3.5 is not 35; other signs between digits become a space, so that 1/2 is not 12
    (a comma before three digits is dropped: 1,000 is 1000).
    A text that consists of nothing but articles or punctuation is kept as it is, so that the answer ``A`` is
    not the same as no answer.

    Args:
        text: Any text.
        articles: Keep a, an and the.

    >>> normalise("The Eiffel Tower!")
    'eiffel tower'
    >>> normalise("答案是：「重新啟動 VPN」。")
    '答案是重新啟動vpn'
    >>> normalise("$1,299.50")
    '1299.50'
    """
    return _BESIDE_CJK.sub("", spaced(text, articles=articles))


def spaced(text: str, *, articles: bool = False) -> str:
    """The normalised text before spaces beside Chinese are dropped: the form that is cut into words."""
    folded = fold(text)
    bare = _without_punctuation(folded)
    without = bare if articles else " ".join(_ARTICLE.sub(" ", bare).split())
    return without or bare or folded


def _without_punctuation(folded: str) -> str:
    number = THOUSANDS.sub("", folded.replace("\u2212", "-"))
    number = _PART_OF_NUMBER.sub(_stand_in, number)
    marked = _MARK_THAT_SPLITS.sub(" ", number.translate(_PUNCTUATION))
    bare = marked.replace(_MARK, "").replace(_POINT, ".").replace(_SIGN, "-")
    return " ".join(bare.split())


def _stand_in(match: re.Match[str]) -> str:
    return {"point": _POINT, "bare": "0" + _POINT, "sign": _SIGN}[match.lastgroup or "point"]


class _Table(dict[int, str]):
    """For ``str.translate``: every character of some Unicode categories becomes ``to``; white space stays."""

    def __init__(self, categories: tuple[str, ...], to: str, also: str = "") -> None:
        super().__init__({ord(character): to for character in also})
        self._categories = categories
        self._to = to

    def __missing__(self, code: int) -> str:
        character = chr(code)
        meant = unicodedata.category(character).startswith(self._categories) and not character.isspace()
        self[code] = self._to if meant else character
        return self[code]


_INVISIBLE = _Table(("Cc", "Cf", "Co"), to="")  # control, joiners, byte-order marks, private use
_PUNCTUATION = _Table(("P", "Sc"), to=_MARK, also=string.punctuation)
