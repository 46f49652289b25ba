"""Does the answer hold a text?"""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.fold import CJK, KANA, fold
from evalkit.text.normalise import normalise, readings


@dataclass(frozen=True, config=STRICT)
class Contains:
    """1 when the output holds the values looked for, else 0.

    A value that begins or ends with a digit must not be cut out of a longer number: 12 is not in 112, 3 not in 3.5 or
    1/3, 5 not in -5, 1 not in 1e-5, 10 not in 0x10; nor may a value of Chinese numerals: 五 is not in 十五. A currency
    or percent sign beside it makes no difference: 5 is in $5. A letter must not be cut from the marks on it.

    Attributes:
        value: What to look for; default: the accepted answers of each case.
        mode: ``any`` of the values is enough, or ``all`` must be there.
        normalise: Look by the rule of ``evalkit.text.normalise``, without regard to case, width and punctuation. A
            value without a letter or digit, such as ``?``, and a single word or number in brackets, such as ``[1]``, is
            looked for as it is written, but for case and width.
    """

    binary: ClassVar[bool] = True

    value: str | list[str] | None = None
    mode: Literal["any", "all"] = "any"
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse an empty value, which every output would hold."""
        if self.value is not None and (not self._declared() or not all(map(str.strip, self._declared()))):
            raise ValueError("value must not be empty")

    @property
    def needs_reference(self) -> bool:
        """Whether it looks for the accepted answers: no value is declared."""
        return self.value is None

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        wanted = self._declared() or list(case.reference)
        if not wanted:
            return Score.missing("no_reference")
        output = sample.output or ""
        absent = [value for value in wanted if not self._is_in(value, output)]
        right = not absent if self.mode == "all" else len(absent) < len(wanted)
        shown = ", ".join(excerpt(value) for value in absent[:3])
        return Score(value=float(right), explanation=f"not found: {shown}" if absent else "found")

    def _declared(self) -> list[str]:
        return [self.value] if isinstance(self.value, str) else list(self.value or ())

    def _is_in(self, value: str, output: str) -> bool:
        if not self.normalise:
            return _holds(output.strip(), value.strip())
        if _AS_WRITTEN.fullmatch(fold(value)):
            return _holds(fold(output), fold(value))
        return any(
            _holds(normalise(reading, articles=True), normalise(wanted, articles=True))
            for wanted in readings(value)
            for reading in readings(output)
        )


_AS_WRITTEN = re.compile(r"[\W_]*|\([^\s,]*\)|\[[^\s,]*\]|\{[^\s,]*\}|<[^\s,]*>")
# Before a digit: no digit, no part of a number, and no minus but one that joins it to a letter or digit (E-10).
_NUMBER_BEFORE = re.compile(rf"(?<!\d)(?<!\b0[xbo])(?<!\d[.,/^])(?<!\de)(?<!±)(?<!\A-)(?<![\W_{CJK}{KANA}]-)")
_NUMBER_AFTER = re.compile(r"(?!\d|[.,]\d|e-?\d|[/^]-?\d)")
_ANYWHERE = re.compile("")
_DIGITS = re.compile(r"\d+")

_HAN_DIGITS = "〇零一二三四五六七八九十百千萬万億亿兆兩两"
_HAN_NUMBER = re.compile(f"[{_HAN_DIGITS}]+(?:[點点][{_HAN_DIGITS}]+)?")
_HAN_BEFORE = re.compile(rf"(?<![{_HAN_DIGITS}])(?<![{_HAN_DIGITS}][點点])")
_HAN_AFTER = re.compile(rf"(?![點点]?[{_HAN_DIGITS}])")
_MAY_BE_LEFT_OUT = re.compile("[\u0591-\u05c7\u064b-\u0652\u0670]")
"""Vowel points of Hebrew and Arabic, which most texts are written without."""


def _holds(output: str, value: str) -> bool:
    if not value:
        return not output
    before = _NUMBER_BEFORE if value[0].isdigit() else _ANYWHERE
    after = _NUMBER_AFTER if value[-1].isdigit() else _ANYWHERE
    if _HAN_NUMBER.fullmatch(value):
        before, after = _HAN_BEFORE, _HAN_AFTER
    at = output.find(value)
    while at >= 0:
        end = at + len(value)
        if before.match(output, at) and after.match(output, end) and not _is_mark(output[end : end + 1]):
            return True
        at = output.find(value, _next_start(output, at, is_number=value[0].isdigit()))
    return False


def _next_start(output: str, at: int, *, is_number: bool) -> int:
    """Where the value may begin next: a number begins behind the digits that stand here, not among them."""
    digits = _DIGITS.match(output, at) if is_number else None
    return at + 1 if digits is None else digits.end()


def _is_mark(character: str) -> bool:
    """Whether a character is a mark that makes another letter of the one before it."""
    marks = unicodedata.category(character or " ").startswith("M")
    return marks and _MAY_BE_LEFT_OUT.match(character) is None
