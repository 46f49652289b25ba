"""What a gate reads: a finished run, the suite that it kept, its cases and its answers; and where the baseline is."""

from __future__ import annotations

from pathlib import Path

from evalkit.data.case_content import CaseContent
from evalkit.data.cases import Cases, read_cases
from evalkit.errors import IncompleteRunError, InputError, RunError, SuiteError
from evalkit.gating.measured_run import AnswerLog, MeasuredRun
from evalkit.pipeline.check_run import check_run, refuse_shard
from evalkit.pipeline.run_table import compared_table
from evalkit.pipeline.text_rule import text_rule_of
from evalkit.records.sample import Sample
from evalkit.records.tuning import TuningReport
from evalkit.store.jsonl import JsonLines
from evalkit.store.run_folder import LATEST, RunFolder, find_run, path_argument
from evalkit.suite.gate_names import gate_case_problems
from evalkit.suite.load import FILE_NAME, suite_of_run
from evalkit.suite.schema import Suite

BASELINE_FILE = "baseline.json"


def measure(run: RunFolder, suite: Suite) -> MeasuredRun:
    """A finished run as the gate looks at it.

    Raises:
        IncompleteRunError: Some cell has no answer, so nothing may be judged on it or kept of it.
        RunError: The run is damaged.
    """
    manifest, facts = run.manifest(), list(run.cases())
    log = AnswerLog([arm.name for arm in manifest.arms], [case.id for case in facts], manifest.repeats)
    table = compared_table(run, suite, log.add)
    if log.n_owed or manifest.finished_at is None:
        raise IncompleteRunError(_owed_words(run, log, manifest.suite_path), str(run.path))
    contents = {case.id: case.content for case in facts}
    if None in contents.values() and (cases := readable_cases(suite)) is not None:
        content = CaseContent.of(suite, cases.mapping)
        same = cases.digest == manifest.digests.cases
        contents = {case.id: content.digest(case) for case in cases} if same else contents
    return MeasuredRun(
        manifest=manifest,
        suite=suite,
        table=table,
        log=log,
        contents=contents,
        latency=tuple(run.latency()),
        tuning=run.read("tuning.json", TuningReport) if run.has("tuning.json") else None,
        text_rule=text_rule_of(run),
    )


def readable_cases(suite: Suite) -> Cases | None:
    """The cases of a suite; None where they are not there or may not be read."""
    try:
        return read_cases(suite)
    except InputError:
        return None


def baseline_file(suite_folder: str | Path, given: str | Path | None) -> Path:
    """Where the baseline is: as given, else ``baseline.json`` in the suite's folder."""
    return Path(suite_folder) / BASELINE_FILE if given is None else Path(given)


def names_suite(target: str | Path) -> bool:
    """Whether a name is that of a suite's folder or file, and not of a run."""
    path = Path(target)
    return not (path / "manifest.json").is_file() and (path.is_file() or (path / FILE_NAME).is_file())


def find_finished(name: str | Path, root: Path) -> tuple[RunFolder, str | None]:
    """The run that a user names, checked, and what is to be said about it.

    Raises:
        RunError: There is none, it is damaged, or it is one shard of a run.
    """
    try:
        run = find_run(name, root)
    except RunError as error:
        if str(name) == LATEST:
            raise
        raise RunError(f"{error}\nNor is it a suite: there is no {Path(name) / FILE_NAME}") from error
    refuse_shard(run)
    return run, check_run(run)


def kept_suite(run: RunFolder, *, allow_outside: bool = False) -> Suite:
    """The suite that a run kept when it began; its cases are read from where they were."""
    return suite_of_run(run.path, Path(run.manifest().suite_path), allow_outside=allow_outside)


def check_gate_names(run: MeasuredRun) -> None:
    """Check the case ids and tags that the gate names.

    Raises:
        SuiteError: No case has one of them.
    """
    ids = set(run.contents)
    if run.manifest.limit is not None:  # the others may be among the cases that were left out
        ids.update(run.gate.must_pass, run.gate.quarantine)
    if problems := list(gate_case_problems(run.suite, ids, run.table.tags)):
        raise SuiteError(*problems)


def first_answers(run: RunFolder, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What arms wrote first for cases, by arm and case id; of a cell with several rows the last counts."""
    return {
        (sample.arm, sample.case_id): sample.output or ""
        for sample in JsonLines(run.samples_file, Sample)
        if sample.repeat == 0 and (sample.arm, sample.case_id) in wanted
    }


def _owed_words(run: RunFolder, log: AnswerLog, suite_path: str) -> str:
    if not log.n_owed:
        return (
            f"{run.path} has not ended, so nothing was judged. Go on with it:\n"
            f"  evalkit run {path_argument(suite_path)} --resume {path_argument(run.path)}"
        )
    commonest = sorted(log.owed.items(), key=lambda item: -item[1])[:3]
    listed = "".join(f"; {reason} ({count})" for reason, count in commonest)
    n = log.n_owed
    cells = "answer is" if n == 1 else "answers are"
    return (
        f"{n:,} {cells} missing in {run.path}{listed}. Nothing was judged. Ask again:\n"
        f"  evalkit run {path_argument(suite_path)} --resume {path_argument(run.path)} --retry-errors"
    )
