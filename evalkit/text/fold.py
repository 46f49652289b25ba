"""Folded text: one width, one case, one spelling of digits, dashes and apostrophes. The first step of ``normalise``."""

from __future__ import annotations

import re
import unicodedata

CJK = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Han characters, as the inside of a regex character class."""
KANA = "\u3041-\u30ff"
"""Kana, likewise: Japanese, too, is written without spaces."""

_RAISED = "\u00b2\u00b3\u00b9\u2070\u2074-\u207b"  # superscript digits, plus and minus
# Characters that NFKC spells with ASCII digits: fractions, subscripts, and numbers in circles, brackets and squares.
_SPELT_WITH_DIGITS = (
    "\u00bc-\u00be\u2080-\u2089\u2150-\u215f\u2189\u2460-\u249b\u24ea\u3251-\u325f\u32b1-\u32bf\u32c0-\u32cb"
    "\u3358-\u3370\u33e0-\u33fe\U0001f100-\U0001f10a"
)
_EXPONENT = re.compile(
    rf"(?<=[\d)])[{_RAISED}]+|(?<=[\u2080-\u2089])(?=[\u207a\u207b]*[^\W_])[{_RAISED}]+"  # SO₄²⁻, but NO₃⁻
)
_NUMBER_BORDER = re.compile(
    rf"(?<=\d)(?=[{_SPELT_WITH_DIGITS}])|(?<=[{_SPELT_WITH_DIGITS}])(?=[\d{_SPELT_WITH_DIGITS}])"
)
_FULL_WIDTH_COMMA = re.compile(r"(?<=[0-9])\uff0c(?=\d)|(?<=\d)\uff0c(?=[0-9])")
_GROUPING_SPACE = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f](?=\d{3}(?!\d))")
_ACCENT_AS_APOSTROPHE = re.compile(r"(?<=\w)[\u00b4\uff40`](?=\w)")

_SPELLING = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2212\ufe63\uff0d\u02d7"), "-"),  # hyphens and minus signs
    **dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u02bb\u055a\ua78c"), "'"),  # apostrophes
    **dict.fromkeys(map(ord, "\u2044\u2215"), "/"),  # slashes of fractions
    **{ord(arabic): ascii_form for arabic, ascii_form in zip("\u066a\u066b\u066c", "%.,", strict=True)},
    ord("\u2266"): "\u2264",  # ≦ as ≤ and
    ord("\u2267"): "\u2265",  # ≧ as ≥
}


def fold(text: str) -> str:
    """The text with one width, one case, single spaces, no invisible characters, and one spelling of what numbers need.

    NFKC makes full-width letters, digits and signs ordinary ones (and, mind, ``m²`` to ``m2``). Beyond it:

    - decimal digits of every script become 0 to 9, the Arabic decimal point, comma and percent sign the usual ones;
    - hyphens and minus signs become ``-`` (dashes stay), curly apostrophes ``'``, ``≦`` and ``≧`` ``≤`` and ``≥``;
    - what NFKC would join to a number stays apart: ``10⁵`` is ``10^5`` and not 105, ``1½`` is ``1 1/2`` and not 11/2;
    - a full-width comma is a thousands separator between full-width digits only; a no-break or thin space before
      three digits is one.

    Folding twice is folding once.

    >>> fold("ＶＰＮ　錯誤１２")
    'vpn 錯誤12'
    >>> fold("٣٫٥ or 10⁻⁵")
    '3.5 or 10^-5'
    """
    visible = text.translate(_VISIBLE)
    visible = _EXPONENT.sub(_raised, visible)
    visible = _NUMBER_BORDER.sub(" ", visible)
    visible = _FULL_WIDTH_COMMA.sub(", ", visible)
    visible = _GROUPING_SPACE.sub(",", visible)
    visible = _ACCENT_AS_APOSTROPHE.sub("'", visible)
    composed = compose(visible).casefold()
    return " ".join(compose(composed.translate(_VISIBLE)).translate(_VISIBLE).split())


def compose(text: str) -> str:
    """The text in Unicode's form NFKC, in time proportional to its length.

    ``unicodedata`` sorts the marks on one letter in time proportional to the square of their number; where more than 64
    follow each other, they are sorted 64 at a time. No writing has so many.
    """
    if len(text) <= _MOST_MARKS or text.isascii():
        return unicodedata.normalize("NFKC", text)
    pieces, start = [], 0
    for run in _MANY_MARKS.finditer(text.translate(_MARKS)):
        pieces.append(text[start : run.end()])
        start = run.end()
    return "".join(unicodedata.normalize("NFKC", piece) for piece in [*pieces, text[start:]])


def _raised(match: re.Match[str]) -> str:
    return "^" + unicodedata.normalize("NFKC", match[0])


class Translation(dict[int, str]):
    """For ``str.translate``: a table that is filled as characters are met, by ``_of``."""

    def __missing__(self, code: int) -> str:
        self[code] = self._of(chr(code))
        return self[code]

    def _of(self, character: str) -> str:
        raise NotImplementedError


class _Visible(Translation):
    """Drops what cannot be seen (control characters, joiners, private use) and spells digits and signs in one way."""

    def _of(self, character: str) -> str:
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Co") and not character.isspace():
            return ""
        if category == "Nd" and not "\uff10" <= character <= "\uff19":  # full-width ones are told apart first
            return str(unicodedata.decimal(character))
        return character


class _Marks(Translation):
    """``M`` for characters that are put into order on a letter, ``-`` for all others."""

    def _of(self, character: str) -> str:
        return "M" if unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) else "-"


_VISIBLE = _Visible(_SPELLING)
_MARKS = _Marks()
_MOST_MARKS = 64
_MANY_MARKS = re.compile(f"M{{{_MOST_MARKS}}}")
