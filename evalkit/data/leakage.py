"""Training questions that are also, or nearly, test questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.data.cases import Cases
from evalkit.data.duplicates import text_digest
from evalkit.data.near_duplicates import NearIndex
from evalkit.data.question_text import QuestionText
from evalkit.records.case import Example
from evalkit.records.profile import LeakedPair
from evalkit.text.normalise import normalise

_SHOWN = 200  # most characters of a question that a report shows


@dataclass(frozen=True, slots=True)
class Leakage:
    """The questions that one training or example file shares with the cases.

    Attributes:
        pairs: For each case whose question is also in some row, the row that matches best.
        same: Cases with an exact or normalised match: evidence that cannot carry a decision.
        near: Cases with a near match only.
    """

    pairs: tuple[LeakedPair, ...]
    same: int
    near: int


def find_leakage(cases: Cases, rows: Sequence[Example], question_text: QuestionText) -> Leakage:
    """Compare every case with every row, by question alone.

    Answers may be shared by design, and so may clusters: a paraphrase in the training rows is what the model is to
    learn from, as long as its wording is another one.

    Args:
        cases: The task set; streamed.
        rows: One training or example file.
        question_text: What belongs to a question.
    """
    shared = question_text.limited_to(rows)
    row_questions = [shared.of_example(row) for row in rows]
    finder = _Finder(row_questions)
    pairs = [
        LeakedPair(
            case_id=case.id,
            row_id=rows[match.position].id,
            match=match.kind,
            similarity=match.similarity,
            case_text=_shortened(question),
            row_text=_shortened(row_questions[match.position]),
        )
        for case in cases
        for question in (shared.of_case(case),)
        if (match := finder.find(question)) is not None
    ]
    near = sum(pair.match == "near" for pair in pairs)
    return Leakage(tuple(pairs), same=len(pairs) - near, near=near)


@dataclass(frozen=True, slots=True)
class _Match:
    position: int
    kind: str
    similarity: float


class _Finder:
    """Looks a question up among many; tries exact, then normalised, then near matches."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._exact: dict[str, int] = {}
        self._normalised: dict[str, int] = {}
        for position, question in enumerate(questions):
            self._exact.setdefault(text_digest(question), position)
            self._normalised.setdefault(text_digest(normalise(question)), position)
        self._near = NearIndex(questions)

    def find(self, question: str) -> _Match | None:
        """The best match of a question; None where nothing is near."""
        if (position := self._exact.get(text_digest(question))) is not None:
            return _Match(position, "exact", 1.0)
        if (position := self._normalised.get(text_digest(normalise(question)))) is not None:
            return _Match(position, "normalised", 1.0)
        near = self._near.nearest(question)
        return None if near is None else _Match(near.position, "near", near.similarity)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
