"""Whether a run on disk is what was written: checked before anything is read from it, decided on it, or added to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

from evalkit.errors import Problem, RunError
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.record import Record
from evalkit.records.sample import LatencyRow, Sample
from evalkit.records.score import ScoreRow
from evalkit.store.jsonl import JsonLines
from evalkit.store.run_folder import CASES_FILE, PromptRow, RunFolder, path_argument
from evalkit.store.seal import check_seal
from evalkit.suite.load import suite_of_run
from evalkit.suite.schema import IMPORTED_FROM

R = TypeVar("R", bound=Record)

_SCORES = "scores.jsonl"
_COMPARISON = "comparison.json"


def check_run(run: RunFolder, *, without: Collection[str] = (), resumes: bool = False) -> str | None:
    """Refuse a damaged run; what can be known of one that has not ended, or was made before runs were sealed, is less.

    The files of a sealed run are compared with what its manifest says of them. Of any other run each row must be one
    of this run, and what one file says of another must hold; a torn last line is owed again.

    Args:
        run: The run.
        without: Files that are not looked at, because they will be made anew.
        resumes: Answers that a run without a seal lacks are asked for again, so their absence is no damage.

    Returns:
        A sentence for a run that has not ended, or whose files cannot be compared with what was written; else None.

    Raises:
        RunError: The run is damaged; gives file and line.
    """
    manifest = run.manifest()
    answered = 0
    try:
        if manifest.files:
            check_seal(run, without=without)
        else:
            answered = _Rows(run, manifest).check(without, resumes=resumes)
    except RunError:
        if run.manifest() != manifest:  # another process wrote to the run just now
            return check_run(run, without=without, resumes=resumes)
        raise
    if manifest.files is None and manifest.finished_at is not None:
        return (
            f"Note: {run.path} was made by evalkit {manifest.evalkit_version}, before runs kept digests of their "
            f"files: its rows fit together, but whether a value was changed cannot be told. `evalkit score {run.path}` "
            "adds them."
        )
    cells = len(manifest.arms) * manifest.n_cases * manifest.repeats
    if manifest.finished_at is None and answered < cells:
        return (
            f"Note: {run.path} has not ended: {answered} of its {cells} answers are there and the others count as "
            f"missing. Resume it: evalkit run {path_argument(manifest.suite_path)} --resume {path_argument(run.path)}"
        )
    return None


def refuse_shard(run: RunFolder) -> None:
    """Refuse a run that is a shard, for commands that read figures, which it has none of.

    Raises:
        RunError: It is one.
    """
    if (shard := run.manifest().shard) is not None:
        message = (
            f"is shard {shard} of a run and has no figures of its own; bring all {shard.count} together: "
            "`evalkit merge SHARD_RUN...`"
        )
        raise RunError(Problem(str(run.path), None, "", message))


class _Rows:
    """The rows of a run without a seal, against its manifest and against each other.

    Memory: a hash of 8 bytes for each answer and each score.
    """

    def __init__(self, run: RunFolder, manifest: Manifest) -> None:
        self._run = run
        self._manifest = manifest
        self._arms = {arm.name for arm in manifest.arms}
        self._cases: set[str] = set()

    def check(self, without: Collection[str], *, resumes: bool) -> int:
        """How many cells have a row; raises ``RunError`` for the first row, or file, that cannot be the run's."""
        self._check_cases()
        answered = set()
        for line, sample in self._rows("samples.jsonl", Sample):
            self._check_cell("samples.jsonl", line, sample)
            answered.add(hash(sample.key))
        for line, timed in self._rows("latency.jsonl", LatencyRow):
            self._check_case("latency.jsonl", line, timed)
        for _ in self._rows("prompts.jsonl", PromptRow):
            pass
        if not resumes:
            self._check_all_answered(answered)
        if _SCORES not in without:
            self._check_scores(answered)
        return len(answered)

    def _check_cases(self) -> None:
        for line, case in self._rows(CASES_FILE, CaseFacts):
            if case.id in self._cases:
                raise self._error(CASES_FILE, line, f"holds case {case.id!r} a second time")
            self._cases.add(case.id)
        if len(self._cases) != self._manifest.n_cases:
            found, told = len(self._cases), self._manifest.n_cases
            raise self._error(CASES_FILE, max(1, found), f"holds {found} cases and the run has {told}")

    def _check_all_answered(self, answered: set[int]) -> None:
        """A run that has ended has a row of each cell, if only one that says why there is no answer."""
        manifest = self._manifest
        cells = len(self._arms) * len(self._cases) * manifest.repeats
        if manifest.finished_at is None or len(answered) == cells:
            return
        suite = suite_of_run(self._run.path, Path(manifest.suite_path))
        if suite.metadata.get(IMPORTED_FROM) is None or not answered:  # a table may lack some
            message = f"holds {len(answered)} of the {cells} answers of a run that has ended"
            raise self._error("samples.jsonl", max(1, len(answered)), message)

    def _check_scores(self, answered: set[int]) -> None:
        """Where arms were compared, each answer has a score by each metric, or the reason why there is none."""
        scored: set[int] = set()
        by_metric: Counter[str] = Counter()
        line = 0
        for line, score in self._rows(_SCORES, ScoreRow):
            self._check_cell(_SCORES, line, score)
            key = hash((score.case_id, score.arm, score.repeat))
            if self._run.has(_COMPARISON) and key not in answered:
                message = f"scores an answer to case {score.case_id!r} by arm {score.arm!r} that is not there"
                raise self._error(_SCORES, line, message)
            if (entry := hash((key, score.metric))) not in scored:
                scored.add(entry)
                by_metric[score.metric] += 1
        if not self._run.has(_COMPARISON):
            return
        fewest = min(by_metric.values(), default=0)
        if fewest < len(answered):
            message = f"holds scores of {fewest} of the {len(answered)} answers"
            raise self._error(
                _SCORES, max(1, line), message, f"`evalkit score {self._run.path}` scores them again"
            )

    def _rows(self, name: str, kind: type[R]) -> Iterator[tuple[int, R]]:
        return enumerate(JsonLines(self._run.file(name), kind), 1)

    def _check_cell(self, name: str, line: int, row: Sample | ScoreRow) -> None:
        self._check_case(name, line, row)
        if row.repeat >= self._manifest.repeats:
            message = f"is of repeat {row.repeat}, and the run has {self._manifest.repeats} repeats"
            raise self._error(name, line, message)

    def _check_case(self, name: str, line: int, row: Sample | ScoreRow | LatencyRow) -> None:
        if row.case_id not in self._cases:
            raise self._error(name, line, f"is of case {row.case_id!r}, which is none of this run")
        if row.arm not in self._arms:
            raise self._error(name, line, f"is of arm {row.arm!r}, which is none of this run")

    def _error(self, name: str, line: int, message: str, way_out: str = "") -> RunError:
        way_out = (
            way_out or "restore the file from a copy, or run the suite again: answers come from the cache"
        )
        return RunError(Problem(str(self._run.file(name)), line, "", f"{message}; {way_out}"))
