"""How many words do answer and reference share?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from pydantic.dataclasses import dataclass

from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.normalise import readings
from evalkit.text.words import answer_words


@dataclass(frozen=True, config=STRICT)
class TokenF1:
    """The harmonic mean of precision and recall over normalised words, best over the accepted answers.

    As in SQuAD (Rajpurkar et al. 2016), with Chinese cut into words. Where either side has no word, the value is
    1 only if both have none.
    """

    binary: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        if not case.reference:
            return Score.missing("no_reference")
        answers = [Counter(answer_words(reading)) for reading in readings(sample.output or "")]
        value, reference = max(
            (
                (_f1(answer, Counter(answer_words(reading))), accepted)
                for accepted in case.reference
                for reading in readings(accepted)
                for answer in answers
            ),
            key=lambda pair: pair[0],
        )
        return Score(value=value, explanation=f"nearest accepted answer: {excerpt(reference)}")


def _f1(answer: Counter[str], reference: Counter[str]) -> float:
    total = answer.total() + reference.total()
    if not answer or not reference:
        return float(total == 0)
    return 2 * (answer & reference).total() / total
