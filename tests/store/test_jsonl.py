"""The append-only files: a torn line costs itself only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import RunError
from evalkit.records.record import from_json, to_json
from evalkit.records.sample import Sample, Status
from evalkit.store.atomic import write_atomic
from evalkit.store.jsonl import Appender, JsonLines, rewrite
from evalkit.store.run_folder import RunFolder


def sample(case_id: str, output: str | None = "x", status: Status = Status.OK) -> Sample:
    return Sample(
        case_id=case_id, arm="a", status=status, prompt_digest="p", request_digest="r", output=output
    )


texts = st.text(max_size=40)


@given(case_id=texts, output=texts)
def test_records_survive_a_round_trip(case_id, output):
    """Any text, line breaks and surrogate-free Unicode included, is one line of JSON and comes back equal."""
    row = sample(case_id, output)
    line = to_json(row)
    assert b"\n" not in line
    assert from_json(line, Sample) == row


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=1, max_value=400))
def test_a_torn_line_loses_only_that_row(tmp_path_factory, cut):
    """Cut the file anywhere: the whole lines before the cut are read, and appending goes on from there."""
    path = tmp_path_factory.mktemp("journal") / "samples.jsonl"
    rows = [sample(f"case {number}", "é" * number) for number in range(6)]
    with Appender(path) as file:
        file.append(rows)
    content = path.read_bytes()
    cut = min(cut, len(content))
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    assert list(JsonLines(path, Sample)) == rows[:whole]
    with Appender(path) as file:
        file.append([sample("next")])
    assert list(JsonLines(path, Sample)) == [*rows[:whole], sample("next")]


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_bytes(to_json(sample("a")) + b"\n{broken\n" + to_json(sample("b")) + b"\n")
    with pytest.raises(RunError, match=r"samples.jsonl:2: is not a row"):
        list(JsonLines(path, Sample))


def test_a_missing_file_reads_as_empty(tmp_path):
    assert list(JsonLines(tmp_path / "none.jsonl", Sample)) == []


def test_a_cells_last_row_counts(tmp_path):
    """A failed cell that was asked again has two rows; the later one is the cell's."""
    run = RunFolder(tmp_path)
    with Appender(run.samples_file) as file:
        file.append([sample("a", None, Status.ERROR), sample("b"), sample("a", "second")])
    assert [(row.case_id, row.output) for row in run.samples()] == [("b", "x"), ("a", "second")]


def test_rewriting_replaces_the_whole_file_or_nothing(tmp_path):
    path = tmp_path / "scores.jsonl"
    assert rewrite(path, [sample("a"), sample("b")]) == 2

    def failing():
        yield sample("c")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        rewrite(path, failing())
    assert [row.case_id for row in JsonLines(path, Sample)] == ["a", "b"]
    assert [file.name for file in tmp_path.iterdir()] == ["scores.jsonl"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, where the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        # Without the right to mount, a limit on file size stops writes the same way.
        yield None
        return
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_journal_as_it_was(small_disk, tmp_path):
    """The write that does not fit is undone and told; after making space the journal goes on."""
    folder: Path = small_disk or tmp_path
    path = folder / "samples.jsonl"
    ballast = folder / "ballast"
    with Appender(path) as file:
        file.append([sample("first")])
        if small_disk:
            ballast.write_bytes(b"0" * 40_000)
            with pytest.raises(RunError, match="no space left"):
                file.append([sample("big", "x" * 60_000)])
            with pytest.raises(RunError, match="no space left"):
                write_atomic(folder / "report.json", b"0" * 60_000)
            ballast.unlink()
        file.append([sample("second")])
    assert [row.case_id for row in JsonLines(path, Sample)] == ["first", "second"]
    assert not (folder / "report.json").exists()


def test_an_unwritable_folder_is_told(tmp_path):
    with pytest.raises(RunError, match="cannot be written"):
        write_atomic(tmp_path / "none" / "file.json", b"{}")
    with pytest.raises(RunError, match="cannot be written"):
        Appender(tmp_path / "none" / "file.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_what_rests_on_a_file_goes_when_its_new_rows_are_on_the_disk_and_not_before(tmp_path):
    """A row that cannot be made leaves the old file and the findings; else the findings go before the file changes."""
    run = RunFolder(tmp_path)
    run.file("report.html").write_text("old")
    rewrite(run.scores_file, [sample("first")])

    def broken():
        yield sample("second")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rewrite(run.scores_file, broken(), before=run.remove_derived_files)
    assert run.file("report.html").exists()
    seen = []

    def before():
        run.remove_derived_files()
        seen.extend(JsonLines(run.scores_file, Sample))

    rewrite(run.scores_file, [sample("third")], before=before)
    assert [row.case_id for row in seen] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["scores.jsonl"]
