"""Runs on disk: found by folder, id or `latest`, locked by one writer, readable across versions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evalkit.errors import RunError
from evalkit.plain import is_plain
from evalkit.records.profile import Profile
from evalkit.store.lock import sole_writer
from evalkit.store.run_folder import RunFolder, find_run, path_argument
from tests.builders.records import manifest


def make(root, suite: str, run_id: str) -> RunFolder:
    folder = root / suite / run_id
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.write("manifest.json", manifest(suite=suite, suite_path=".", run_id=run_id))
    return run


def test_a_run_is_found_by_folder_id_or_latest(tmp_path):
    make(tmp_path, "a", "20260101-000000")
    newest = make(tmp_path, "b", "20260301-000000")
    assert find_run(newest.path, tmp_path).path == newest.path
    assert find_run("20260101-000000", tmp_path).path.parent.name == "a"
    assert find_run("latest", tmp_path).path == newest.path


@pytest.mark.parametrize(
    "name",
    [
        "my suite",
        "-o",
        "it's",
        "a\n```\nb",
        "\x1b]0;t\x07\x9b2J",
        "\u202ereversed\u2066",
        "##vso[task.debug]1",
        "数据\n中",
        b"\xff\xfe0".decode("utf-8", "surrogateescape"),
        "back\\slash\t$HOME`id`\n",
    ],
)
def test_a_path_in_a_command_is_one_line_and_the_same_path_for_a_shell(name):
    """Bash gives back every byte; what is printed holds no sign that a terminal or a log obeys."""
    argument = path_argument(name)
    assert is_plain(argument)
    printed = subprocess.run(["bash", "-c", f"printf %s {argument}"], capture_output=True, check=True).stdout
    assert printed.removeprefix(b"./") == os.fsencode(name)


def begun(root, suite: str, run_id: str, started_at: str) -> RunFolder:
    run = make(root, suite, run_id)
    run.write("manifest.json", manifest(suite=suite, suite_path=".", run_id=run_id, started_at=started_at))
    return run


def test_the_latest_run_is_the_one_that_began_last_by_its_manifest(tmp_path):
    """Not by its folder's name, which an import chooses, nor by the time of a file; the zone counts."""
    begun(tmp_path, "a", "zzz", "2026-01-01T10:00:00+00:00")
    begun(tmp_path, "a", "20290101-000000", "2026-01-01T12:30:00+02:00")
    newest = begun(tmp_path, "b", "aaa", "2026-01-01T10:31:00+00:00")
    os.utime(tmp_path / "a" / "zzz" / "manifest.json", (4e9, 4e9))
    assert find_run("latest", tmp_path).path == newest.path
    with pytest.raises(RunError, match="newest runs: zzz, 20290101-000000, aaa"):
        find_run("none", tmp_path)


def test_of_runs_that_began_in_one_second_the_one_that_counts_furthest_is_the_latest(tmp_path):
    for count in ("", "-2", "-9", "-10"):
        run = begun(tmp_path, "a", f"20260101-100000{count}", "2026-01-01T10:00:00+00:00")
    assert find_run("latest", tmp_path).path == run.path


@pytest.mark.parametrize("content", ["", "{", "[]", '{"started_at": 5}', '{"run_id": "x"}', "\xff"])
def test_which_run_is_the_latest_is_not_guessed_beside_a_damaged_manifest(tmp_path, content):
    """It may be the one; every run is found by its name all the same."""
    fine = begun(tmp_path, "a", "1", "2026-01-01T10:00:00+00:00")
    damaged = make(tmp_path, "a", "2").file("manifest.json")
    damaged.write_text(content, encoding="latin-1")
    with pytest.raises(RunError, match=f"^{damaged}: does not say when the run began"):
        find_run("latest", tmp_path)
    assert find_run("1", tmp_path).path == fine.path
    with pytest.raises(RunError, match=r"newest runs: 1$"):
        find_run("3", tmp_path)


def test_what_is_not_there_is_told_with_the_newest_ids(tmp_path):
    with pytest.raises(RunError, match="holds no run yet"):
        find_run("latest", tmp_path)
    make(tmp_path, "a", "20260101-000000")
    with pytest.raises(RunError, match="newest runs: 20260101-000000"):
        find_run("2025", tmp_path)
    make(tmp_path, "b", "20260101-000000")
    with pytest.raises(RunError, match="2 runs are called"):
        find_run("20260101-000000", tmp_path)


def test_a_newer_format_is_refused_and_a_missing_stage_is_named(tmp_path):
    run = make(tmp_path, "a", "1")
    with pytest.raises(RunError, match=r"has no profile.json"):
        run.read("profile.json", Profile)
    run.file("profile.json").write_text('{"format_version": 99}')
    with pytest.raises(RunError, match="newer evalkit"):
        run.read("profile.json", Profile)
    run.file("profile.json").write_text('{"format_version": 1}')
    with pytest.raises(RunError, match="not readable"):
        run.read("profile.json", Profile)


def test_a_second_writer_is_kept_out(tmp_path):
    """Another process holds the run: this one stops with what to do, and may write once the other is gone."""
    program = (
        "import sys; from pathlib import Path; from evalkit.store.lock import sole_writer\n"
        "with sole_writer(Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process is writing"), sole_writer(tmp_path):
            pass
        other.kill()
        other.wait()
    with sole_writer(tmp_path):
        pass


def test_a_writer_clears_away_what_a_killed_one_left_half_written(tmp_path):
    (tmp_path / "known" / "tuned").mkdir(parents=True)
    for torn in (tmp_path / ".scores.jsonl.71.tmp", tmp_path / "known" / "tuned" / ".profile.json.71.tmp"):
        torn.write_text("half")
    (tmp_path / "notes.tmp").write_text("somebody's own")
    with sole_writer(tmp_path):
        assert sorted(path.name for path in tmp_path.rglob("*.tmp")) == ["notes.tmp"]
