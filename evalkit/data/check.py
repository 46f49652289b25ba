"""Every data file that a suite names, read and checked before anything is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from evalkit.data.cases import Cases, read_cases
from evalkit.data.corpus import read_suite_corpus
from evalkit.data.examples import read_example_file
from evalkit.data.input_files import corpus_files, example_files, recorded_files
from evalkit.data.reading import FileReading, case_reading, example_reading, recorded_reading
from evalkit.data.recorded import RecordedAnswers, read_recorded
from evalkit.errors import DataError, InputError, Problem, SuiteError
from evalkit.records.case import Passage
from evalkit.suite.gate_names import gate_case_problems
from evalkit.suite.schema import Suite
from evalkit.suite.yaml_data import Location

T = TypeVar("T")
_SHOWN = 5


def check_files(suite: Suite, on_read: Callable[[FileReading], None] | None = None) -> Cases:
    """Read and check every data file of a suite: cases, extra task sets, examples, corpora, recorded answers.

    Args:
        suite: As loaded.
        on_read: Called with how each file of rows is read: its columns, and what is doubtful.

    Returns:
        The cases.

    Raises:
        DataError: Problems of all files together: one is missing or unreadable, gold passages are in no
            corpus, or recorded answers belong to other cases.
    """
    check = _Check(suite)
    readings: list[FileReading] = []
    cases = check.read(suite.cases.path, ("cases", "path"), lambda _: read_cases(suite))
    if cases is not None:
        readings.append(case_reading(suite, suite.cases.path, cases))
    for path, location in example_files(suite).items():
        rows = check.read(path, location, lambda file: read_example_file(file, suite))
        if rows is not None:
            readings.append(example_reading(suite, path, rows))
    for name, extra in suite.extra_cases.items():
        extra_set = check.read(extra.path, ("extra_cases", name, "path"), partial(_read_extra, suite, name))
        if extra_set is not None:
            readings.append(case_reading(suite, extra.path, extra_set))
            extra_set.close()
    corpora = {
        path: {passage.id for passage in passages}
        for path, location in corpus_files(suite).items()
        if (passages := check.read(path, location, partial(_read_corpus, suite, path))) is not None
    }
    for path, location in recorded_files(suite).items():
        answers = check.read(path, location, read_recorded)
        if answers is not None:
            for message in _recorded_problems(suite, path, answers, cases):
                check.add(location, message)
            readings.append(recorded_reading(suite, path, answers, cases))
            answers.close()
    if cases is not None and suite.gate is not None:
        tags = {tag for case in cases for tag in case.tags} if suite.gate.rules else set()
        check.problems.extend(gate_case_problems(suite, cases.ids, sorted(tags)))
    if cases is not None and len(corpora) == len(corpus_files(suite)):
        check.problems.extend(_gold_problems(suite, cases, corpora))
    if check.problems or cases is None:
        if cases is not None:
            cases.close()
        raise DataError(*check.problems)
    if on_read is not None:
        for reading in readings:
            on_read(reading)
    return cases


def _recorded_problems(
    suite: Suite, path: str, answers: RecordedAnswers, cases: Cases | None
) -> Iterable[str]:
    """Recorded answers of other cases, and money in another currency than the suite counts in."""
    if cases is not None and len(answers.of_no_case(cases)) == len({case_id for case_id, _ in answers}):
        yield f"no case_id of {path} is the id of a case; the ids must be the same"
    currency = "USD" if suite.economics is None else suite.economics.currency
    for column in answers.mapping.columns.get("cost", ()):
        if column.strip().lower() == "cost_usd" and currency != "USD":
            yield f"{column} is in USD and the suite counts in {currency}: give the money in {currency}, as `cost`"


def _read_extra(suite: Suite, name: str, _: Path) -> Cases:
    return read_cases(suite, name)


def _read_corpus(suite: Suite, path: str, _: Path) -> list[Passage]:
    return read_suite_corpus(suite, path)


class _Check:
    """Reads files one after the other and collects what is wrong with them."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self.problems: list[Problem | str] = []

    def read(self, path: str, location: Location, reader: Callable[[Path], T]) -> T | None:
        """What ``reader`` makes of a file; None where the file cannot be used, which is then among the problems."""
        try:
            file = self._suite.path(path, location)
        except SuiteError as error:
            self.problems.extend(error.problems)
            return None
        if not os.path.exists(file):  # noqa: PTH110 - unlike pathlib's, False for a name that is too long
            self.add(location, f"no such file: {str(file)[:300]}")
            return None
        try:
            return reader(file)
        except InputError as error:
            self.problems.extend(self._placed(location, problem) for problem in error.problems)
            return None

    def _placed(self, location: Location, problem: Problem | str) -> Problem | str:
        """The problem with a line: where it has none in the data file, the line of the suite that names the file."""
        if isinstance(problem, str) or problem.line is not None:
            return problem
        return self._suite.source.problem(location, str(problem))

    def add(self, location: Location, message: str) -> None:
        """Add a problem that stands in the suite file."""
        self.problems.append(self._suite.source.problem(location, message))


def _gold_problems(suite: Suite, cases: Cases, corpora: dict[str, set[str]]) -> Iterable[Problem]:
    """Gold passages that no corpus has, and arms that need gold passages where there are none.

    Arms may cut one corpus in different ways, so a passage has to be in one of them, not in each; an arm that is
    given the gold passages needs them all in its own.
    """
    if not corpora:
        return
    named = {passage for case in cases for passage in case.gold_passages}
    everywhere: set[str] = set().union(*corpora.values())
    if lacking := named - everywhere:
        yield suite.source.problem(
            ("cases", "path"),
            f"{len(lacking)} gold passages of the cases are in no corpus, such as {_some(lacking)}. The corpora "
            f"hold {len(everywhere)} passages, such as {_some(everywhere)}",
        )
    for name, arm in suite.arms.items():
        if arm.retrieval is None or arm.retrieval.method != "gold":
            continue
        at = ("arms", name, "retrieval", "method")
        if not named:
            yield suite.source.problem(at, "gold needs cases with gold_passages, and none has any")
        elif own := (named & everywhere) - corpora[arm.retrieval.corpus]:
            yield suite.source.problem(
                at, f"{arm.retrieval.corpus} lacks gold passages, such as {_some(own)}"
            )


def _some(ids: set[str]) -> str:
    return ", ".join(repr(passage) for passage in sorted(ids)[:_SHOWN])
