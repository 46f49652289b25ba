"""How long a subsequence of words do answer and reference share?"""

from __future__ import annotations

from typing import ClassVar

from pydantic.dataclasses import dataclass
from rapidfuzz.distance import LCSseq

from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.normalise import readings
from evalkit.text.words import words

MOST_WORDS = 50_000
"""Words of an answer or a reference that are compared."""


@dataclass(frozen=True, config=STRICT)
class RougeL:
    """F-measure of ROUGE-L (Lin 2004) over our words, best over the accepted answers; without stemming.

    On plain English words the value is that of Google's rouge-score, with which the tests compare it; signs of numbers,
    currencies, percent and comparisons count here (see ``evalkit.text.normalise``). That package drops Chinese, fills a
    table of answer x reference words in Python (2 s at 2,000 words each) and imports nltk; the longest common
    subsequence comes from rapidfuzz instead.

    The time is in proportion to words of the answer x words of the reference, so that a text of more than 50,000 words
    (70 ms a pair) has no score; the reason is ``too_long``.
    """

    binary: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        if not case.reference:
            return Score.missing("no_reference")
        answers = list(map(words, readings(sample.output or "")))
        accepted_words = [
            (accepted, words(reading)) for accepted in case.reference for reading in readings(accepted)
        ]
        longest = max(map(len, [*answers, *(reading for _, reading in accepted_words)]))
        if longest > MOST_WORDS:
            told = f"a text of {longest:,} words; up to {MOST_WORDS:,} are compared"
            return Score(value=None, reason="too_long", explanation=told)
        value, reference = max(
            (
                (_rouge_l(reading, answer), accepted)
                for accepted, reading in accepted_words
                for answer in answers
            ),
            key=lambda pair: pair[0],
        )
        return Score(value=value, explanation=f"nearest accepted answer: {excerpt(reference)}")


def _rouge_l(reference: list[str], answer: list[str]) -> float:
    if not reference or not answer:
        return 0.0
    return 2 * LCSseq.similarity(reference, answer) / (len(reference) + len(answer))
