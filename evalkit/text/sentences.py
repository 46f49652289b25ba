"""Where sentences and tokens of a text begin and end, in Chinese and English."""

from __future__ import annotations

import re
from typing import NamedTuple

from evalkit.text.fold import CJK, KANA

_TOKEN = re.compile(rf"[{CJK}{KANA}]|(?:(?![{CJK}{KANA}])\w)+|[^\w\s]")

_CLOSING = "\"'”’」』）)\\]】》〉"
_FIRST_STOP = (
    r"(?:(?<=[^\s.])|(?<=\A\.)|(?<=\s\.))"  # of a run, from which alone it is read; something is before it
)
_END = re.compile(
    rf"[。！？；…!?]+[{_CLOSING}]*"  # full-width marks and ! ? need no space after them
    rf"|{_FIRST_STOP}\.+[{_CLOSING}]*(?=\s)"  # a full stop does, so that 3.5 and v2.1 stay whole
    r"|\n[ \t]*\n\s*"  # a paragraph ends without a mark, too
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Figs|Eq|Sec|Ch|vs|etc|cf|al|approx|Inc|Ltd|Co|Corp|Jr|Sr|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)|\b(?:e\.g|i\.e|a\.m|p\.m|U\.S|U\.K))$"
)
_LOWER = re.compile(r"\s+[a-z]")


class Span(NamedTuple):
    """A piece of a text: ``text[start:end]``."""

    start: int
    end: int


def tokens(text: str) -> list[Span]:
    """Words, punctuation marks and single Chinese characters, in order.

    Not a model's tokens: a rule that is the same for every model. English prose has about 1.2 tokens of the common
    tokenizers to one of these, Chinese about 1.

    >>> [text[start:end] for text in ["重啟 router, twice."] for start, end in tokens(text)]
    ['重', '啟', 'router', ',', 'twice', '.']
    """
    return [Span(*match.span()) for match in _TOKEN.finditer(text)]


def sentences(text: str) -> list[Span]:
    """Sentences without the white space around them, in order; together they hold every character that is not space.

    A sentence ends at ``。！？；…!?``, at a full stop before white space (not after an abbreviation or an initial, and
    not before a small letter), and at an empty line.

    >>> text = "Press 3.5 mm, e.g. with a pin. 長按電源鍵。燈滅了嗎？"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Press 3.5 mm, e.g. with a pin.', '長按電源鍵。', '燈滅了嗎？']
    """
    spans: list[Span] = []
    start = 0
    for mark in _END.finditer(text):
        if mark[0].startswith("."):
            before = text[max(start, mark.start() - 12) : mark.start()]
            if _ABBREVIATION.search(before) or _LOWER.match(text, mark.end()):
                continue
        _add(spans, text, start, mark.end())
        start = mark.end()
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    """Keep a piece without the space around it, if anything is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + len(piece) - len(piece.lstrip())
        spans.append(Span(begin, begin + len(stripped)))
