"""Is the answer the reference?"""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar

from pydantic.dataclasses import dataclass

from evalkit.metrics.answer import find_answer
from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT, compiled
from evalkit.metrics.watched_process import missing_over_limit
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.normalise import normalise, readings


@dataclass(frozen=True, config=STRICT)
class ExactMatch:
    """1 when the answer equals one of the accepted answers, else 0.

    Attributes:
        extract: A regular expression that finds the answer in the output: the first of its groups that matched, or
            the whole match where it has no group. White space around the output is left out first, ``^`` and ``$``
            match at every line, and the first match counts. No match is an empty answer. Only the first 100,000
            characters are searched. An answer for which it takes more than 1 s of processor time has no score.
        normalise: Compare by the rule of ``evalkit.text.normalise``: case, width, punctuation and English articles do
            not count, signs of numbers, currencies, percent and comparisons do. Else only outer white space is ignored.
    """

    binary: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True

    extract: str | None = None
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse a pattern that does not compile."""
        _ = self._pattern

    @missing_over_limit
    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        if not case.reference:
            return Score.missing("no_reference")
        answer = find_answer(sample.output or "", self._pattern)
        if answer is None:
            return Score(value=0.0, explanation=f"the pattern {self.extract!r} finds no answer in the output")
        forms = self._forms(answer)
        right = any(forms & self._forms(accepted) for accepted in case.reference)
        sign = "is" if right else "is not"
        return Score(value=float(right), explanation=f"{excerpt(answer)} {sign} {excerpt(case.reference[0])}")

    def _forms(self, text: str) -> set[str]:
        return set(map(normalise, readings(text))) if self.normalise else {text.strip()}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return None if self.extract is None else compiled(self.extract, re.MULTILINE)
