"""How long a subsequence of words do answer and reference share?"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.words import words


@dataclass(frozen=True, config=STRICT)
class RougeL:
    """F-measure of ROUGE-L (Lin 2004), best over the accepted answers.

    Computed by Google's rouge-score over our words, so that Chinese counts; without stemming.
    """

    binary: ClassVar[bool] = False

    def score(self, case: Case, sample: Sample) -> Score:
        """See ``Metric``."""
        if not case.reference:
            return Score.missing("no_reference")
        value, reference = max(
            ((_rouge_l(accepted, sample.output or ""), accepted) for accepted in case.reference),
            key=lambda pair: pair[0],
        )
        return Score(value=value, explanation=f"nearest accepted answer: {excerpt(reference)}")


def _rouge_l(reference: str, answer: str) -> float:
    return float(_scorer().score(reference, answer)["rougeL"].fmeasure)


class _Words:
    """The interface that rouge-score asks of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@functools.cache
def _scorer() -> Any:
    from rouge_score import rouge_scorer  # brings nltk: a second that only this metric should pay

    return rouge_scorer.RougeScorer(["rougeL"], tokenizer=_Words())
