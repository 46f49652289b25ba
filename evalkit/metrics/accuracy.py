"""Is the answer the right label?"""

from __future__ import annotations

from typing import ClassVar

from pydantic.dataclasses import dataclass

from evalkit.metrics.class_counts import class_counts
from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.labels import LabelReader
from evalkit.metrics.options import STRICT
from evalkit.metrics.watched_process import missing_over_limit
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


@dataclass(frozen=True, config=STRICT)
class Accuracy(LabelReader):
    """1 when the answer is one of the accepted labels, else 0; its mean is accuracy.

    With ``labels`` declared, an answer that is none of them is wrong even where it is a reference's neighbour, and each
    score carries the counts of its class (see ``class_counts``), from which the confusion matrix is made. The options
    are those of ``LabelReader``.
    """

    binary: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True

    @missing_over_limit
    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        if not case.reference:
            return Score.missing("no_reference")
        if self.refuse(case):
            return Score.missing("reference_is_no_label")
        answer = self.answer(sample.output or "")
        if self.labels is None:
            return self._without_labels(case, answer)
        accepted = self.accepted(case)
        named = None if answer is None else self.label_of(answer)
        shown = excerpt(answer or "")
        reading = f"{shown} is none of the labels" if named is None else f"{shown} is read as {named!r}"
        return Score(
            value=float(named in accepted),
            stats=class_counts(named, accepted),
            explanation=f"{reading}, wanted {accepted[0]!r}",
        )

    def _without_labels(self, case: Case, answer: str | None) -> Score:
        if answer is None:
            return Score(value=0.0, explanation=f"the pattern {self.extract!r} finds no label in the output")
        right = self.form(answer) in map(self.form, case.reference)
        sign = "is" if right else "is not"
        return Score(value=float(right), explanation=f"{excerpt(answer)} {sign} {excerpt(case.reference[0])}")
