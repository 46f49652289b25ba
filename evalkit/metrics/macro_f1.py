"""How well is each class told apart, every class counting the same?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic.dataclasses import dataclass

from evalkit.metrics.class_counts import class_counts, macro_f1
from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.labels import LabelReader
from evalkit.metrics.options import STRICT
from evalkit.metrics.watched_process import missing_over_limit
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


@dataclass(frozen=True, config=STRICT)
class MacroF1(LabelReader):
    """The mean over classes of F1: a metric of the whole corpus, made from counts that are summed first.

    No single answer has a value. ``labels`` must be declared; the options are those of ``LabelReader``. Of several
    accepted labels the one that was named counts as the case's, else the first.
    """

    binary: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse to guess what the classes are."""
        if self.labels is None:
            raise ValueError(
                "labels is missing: list all labels, so that other answers can be told from classes"
            )
        super().__post_init__()

    @missing_over_limit
    def score(self, case: Case, sample: Sample) -> Score:
        """Counts of one answer; see ``Metric``."""
        if not case.reference:
            return Score.missing("no_reference")
        if self.refuse(case):
            return Score.missing("reference_is_no_label")
        answer = self.answer(sample.output or "")
        named = None if answer is None else self.label_of(answer)
        accepted = self.accepted(case)
        return Score(
            value=None,
            stats=class_counts(named, accepted),
            explanation=f"{excerpt(answer or '')} counts as {named or 'no label'}, wanted {accepted[0]}",
        )

    def aggregate(self, stats: Mapping[str, float]) -> float:
        """Macro F1 of summed counts; see ``CorpusMetric``."""
        return macro_f1(stats)
