"""Make the run folders that the tests of the report read.

    python -m tests.builders.make_run_folder          runs suites/ticket-routing first, some minutes on two cores
    python -m tests.builders.make_run_folder RUN      takes a finished run of that suite instead

Run it from the root of the repository, so that a manifest names its suite by the path in the repository. Two folders
are written:

    tests/fixtures/ticket-routing    A tuned run with learning curves. The files are the product's, byte for byte, but
                                     samples and scores hold only the rows that the report quotes: whole, they are
                                     4 MB. That both give the same report is checked before anything is written.
    tests/fixtures/no-answers/run    A run of the suite beside it, whose model answers nothing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

from evalkit import api
from evalkit.errors import IncompleteRunWarning
from evalkit.pipeline.loaded_run import Run
from evalkit.records.record import Record, to_json
from evalkit.records.run import RunRecords
from evalkit.store.run_folder import RunFolder

TUNED_SUITE, TUNED_RUN = Path("suites/ticket-routing"), Path("tests/fixtures/ticket-routing")
EMPTY_SUITE, EMPTY_RUN = Path("tests/fixtures/no-answers/suite"), Path("tests/fixtures/no-answers/run")
DECIDED = ("manifest.json", "suite.yaml", "cases.jsonl", "profile.json", "comparison.json", "decision.json")


def write_rows(path: Path, rows: Iterable[Record]) -> None:
    """One JSON line for each record, as the product writes them."""
    path.write_bytes(b"".join(to_json(row) + b"\n" for row in rows))


def copy_files(run: Run, folder: Path, names: Iterable[str]) -> None:
    """These files of a run into a folder that is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in names:
        shutil.copyfile(run.folder.file(name), folder / name)


def trim(run: Run, records: RunRecords, folder: Path) -> Run:
    """The run in another folder, with the samples and primary scores of the quoted answers only."""
    copy_files(run, folder, [*DECIDED, "tuning.json"])
    primary = records.comparison.primary_metric
    quoted = {(excerpt.case_id, answer.arm) for excerpt in records.excerpts for answer in excerpt.answers}
    trimmed = RunFolder(folder)
    write_rows(
        trimmed.samples_file, (row for row in run.folder.samples() if (row.case_id, row.arm) in quoted)
    )
    write_rows(
        trimmed.scores_file,
        (row for row in run.folder.scores() if row.metric == primary and (row.case_id, row.arm) in quoted),
    )
    return Run(trimmed)


def make_tuned(given: str | None, scratch: Path) -> None:
    run = api.run(TUNED_SUITE, output=scratch) if given is None else api.load_run(given)
    records = run.records()
    if records.manifest.suite_path != str(TUNED_SUITE):
        sys.exit(f"{run.path} was not made of {TUNED_SUITE} from the root of the repository")
    trimmed = trim(run, records, scratch / "trimmed")
    if trimmed.records() != records:
        sys.exit("the report of the trimmed folder differs from that of the run")
    shutil.rmtree(TUNED_RUN, ignore_errors=True)
    shutil.copytree(trimmed.path, TUNED_RUN)


def make_empty(scratch: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteRunWarning)  # as meant: everything else is done
        run = api.run(EMPTY_SUITE, output=scratch, use_cache=False)
    if run.complete:
        sys.exit(f"{EMPTY_SUITE} was answered")
    copy_files(run, EMPTY_RUN, [*DECIDED, "samples.jsonl", "scores.jsonl", "prompts.jsonl"])


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        make_tuned(sys.argv[1] if len(sys.argv) > 1 else None, Path(scratch))
        make_empty(Path(scratch))
    for folder in (TUNED_RUN, EMPTY_RUN):
        print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()) / 1000:,.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
