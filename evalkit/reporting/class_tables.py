"""How well the classes of a classification were recognised: figures per class, and confusion matrices."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.records.comparison import ClassFigures, Confusion
from evalkit.records.run import RunRecords
from evalkit.reporting.table import Row, Table, left, right
from evalkit.text.number_format import NOT_APPLICABLE, count, percent

WIDEST_MATRIX = 12
"""Labels up to which the whole matrix is shown; beyond, only the pairs that were confused most often."""
_MOST_PAIRS = 15
NO_LABEL = "no label"


def class_tables(records: RunRecords) -> list[Table]:
    """One table of all classes, then a matrix for each candidate; empty where no metric counts classes."""
    confusions = [
        (arm.name, arm.confusion)
        for arm in records.comparison.arms
        if arm.role == "candidate" and arm.confusion is not None
    ]
    if not confusions:
        return []
    matrices = (
        _matrix(number, arm, confusion) for number, (arm, confusion) in enumerate(confusions, start=1)
    )
    return [_classes(confusions), *matrices]


def _classes(confusions: list[tuple[str, Confusion]]) -> Table:
    rows = [
        Row((label, *(cell for _, confusion in confusions for cell in _figures(confusion.classes[position]))))
        for position, label in enumerate(confusions[0][1].labels)
    ]
    outside = [
        f"{arm} {count(answers)}" for arm, confusion in confusions if (answers := sum(confusion.outside))
    ]
    headings = ("n", "Precision", "Recall", "F1")
    return Table(
        name="classes",
        caption="Classes, arm by arm",
        columns=(left("Class"), *(right(heading, arm) for arm, _ in confusions for heading in headings)),
        rows=tuple(rows),
        note="n: answers to cases of the class. Precision: share of the answers naming a class that are right. Recall: "
        "share of its cases that were found. A class with few cases says little."
        + (f" Answers that are no label: {', '.join(outside)}." if outside else ""),
    )


def _figures(figures: ClassFigures) -> tuple[str, ...]:
    shares = (figures.precision, figures.recall, figures.f1)
    return (count(figures.n), *(NOT_APPLICABLE if share is None else percent(share, 0) for share in shares))


def _matrix(number: int, arm: str, confusion: Confusion) -> Table:
    if len(confusion.labels) > WIDEST_MATRIX:
        return _pairs(number, arm, confusion)
    rows = []
    for position, label in enumerate(confusion.labels):
        cells = [*confusion.counts[position], confusion.outside[position]]
        rows.append(Row((label, *map(_shown, cells))))
    return Table(
        name=f"confusion-{number}",
        caption=f"Confusion of {arm}",
        columns=(
            left("Class of the case"),
            *(right(label, "Answered as") for label in confusion.labels),
            right(NO_LABEL, "Answered as"),
        ),
        rows=tuple(rows),
        note="Counts of answers. The diagonal is right.",
    )


def _pairs(number: int, arm: str, confusion: Confusion) -> Table:
    mistakes = sorted(_mistakes(confusion), key=lambda mistake: -mistake[0])
    rows = [Row((case, answer, count(times))) for times, case, answer in mistakes[:_MOST_PAIRS]]
    return Table(
        name=f"confusion-{number}",
        caption=f"What {arm} confused most often",
        columns=(left("Class of the case"), left("Answered as"), right("Answers")),
        rows=tuple(rows),
        note=f"{count(len(mistakes))} pairs of classes were confused; the whole matrix is in report.json.",
    )


def _mistakes(confusion: Confusion) -> Iterator[tuple[int, str, str]]:
    for position, label in enumerate(confusion.labels):
        for named, times in zip(confusion.labels, confusion.counts[position], strict=True):
            if times and named != label:
                yield times, label, named
        if confusion.outside[position]:
            yield confusion.outside[position], label, NO_LABEL


def _shown(times: int) -> str:
    return count(times) if times else "·"
