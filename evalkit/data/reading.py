"""What ``validate`` says of each data file: how its columns are read, what nothing reads, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from evalkit.data.cases import Cases
from evalkit.data.columns import ColumnMapping, shown_columns
from evalkit.data.examples import ExampleFile
from evalkit.data.recorded import RecordedAnswers
from evalkit.records.record import Record
from evalkit.suite.schema import Suite

_MOST_NAMED = 10


class FileReading(Record, frozen=True, kw_only=True):
    """How one data file is read.

    Attributes:
        file: Its path as the suite writes it.
        rows: How many of its rows are used.
        columns: Field to the columns that are read for it.
        form: The published form of its rows ("Alpaca"), else "".
        not_read: Columns that no field takes and no prompt shows.
        unanswered: Of a file of answers: cases that it has no answer for.
        notes: What is doubtful, one sentence each.
    """

    file: str
    rows: int
    columns: dict[str, tuple[str, ...]]
    form: str = ""
    not_read: tuple[str, ...] = ()
    unanswered: int = 0
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """The reading in one line, without its notes."""
        columns = ColumnMapping(self.columns, self.form).words()
        unread = f"; not read: {_some(self.not_read)}" if self.not_read else ""
        unanswered = f"; cases without an answer in it: {self.unanswered:,}" if self.unanswered else ""
        return f"{self.file}: {columns}{unread}{unanswered}"


def case_reading(suite: Suite, path: str, cases: Cases) -> FileReading:
    """How a file of cases is read."""
    return _reading(path, len(cases), cases.mapping, shown_columns(suite))


def example_reading(suite: Suite, path: str, rows: ExampleFile) -> FileReading:
    """How a file of demonstrations or training rows is read."""
    notes = []
    if rows.left_out:
        notes.append(f"rows of weight 0 are neither trained on nor shown: {rows.left_out:,}")
    if rows.unweighed:
        notes.append(
            f"rows whose weight is neither 0 nor 1: {rows.unweighed:,}; evalkit weighs all rows alike"
        )
    return _reading(path, len(rows.examples), rows.mapping, shown_columns(suite), notes)


def recorded_reading(suite: Suite, path: str, answers: RecordedAnswers, cases: Cases | None) -> FileReading:
    """How a file of recorded answers is read, and which of its ids are no case's."""
    notes = [*answers.figures.doubts(answers.mapping)]
    if cases is not None:
        notes += _id_notes(suite, answers, cases)
    reading = _reading(path, len(answers), answers.mapping, frozenset(), notes)
    unanswered = 0 if cases is None else sum((case_id, 0) not in answers for case_id in cases.ids)
    return replace(reading, unanswered=unanswered)


def _id_notes(suite: Suite, answers: RecordedAnswers, cases: Cases) -> Iterator[str]:
    if strangers := answers.of_no_case(cases):
        yield (
            f"rows whose id is no case's are not used, {len(strangers):,} in all: "
            f"{_some([repr(case_id) for case_id in strangers])}"
        )
    repeats = suite.run.repeats
    if later := sum(repeat >= repeats for _, repeat in answers):
        yield f"rows of repeat {repeats} or later are not used, since run.repeats is {repeats}: {later:,} in all"


def _reading(
    path: str,
    rows: int,
    mapping: ColumnMapping,
    shown: frozenset[str],
    notes: Sequence[str] = (),
) -> FileReading:
    return FileReading(
        file=path,
        rows=rows,
        columns=dict(mapping.columns),
        form=mapping.form,
        not_read=tuple(column for column in mapping.other if column not in shown),
        notes=tuple(notes),
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
