"""A disk that fills up in the middle of a run: a clear message, nothing torn, and after making space the same end.

The disk is a small tmpfs, so these tests need the right to mount one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.short_training import write_short_training

ROOM_MB = 400


class Disk:
    """A tmpfs that holds suite, reports, cache and temporary files of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, kilobytes: int) -> None:
        """Let only so much more fit."""
        used = os.statvfs(self.folder)
        taken = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
        self._size(f"{taken + kilobytes}k")

    def make_space(self) -> None:
        self._size(f"{ROOM_MB}m")

    def _size(self, size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True)

    def evalkit(self, *arguments: object, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "evalkit", *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "TMPDIR": str(temporary),
                "EVALKIT_CACHE_DIR": str(cache or self.folder / "cache"),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {made.stderr.decode().strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def long_answers(tiny, disk, rows):
    """``tiny`` on the small disk, with answers of 5 kB, so that the journal is what grows; gives the suite's folder."""
    for file in ("shown", "looked_up", "taught"):
        answers = [json.loads(line) for line in (tiny / f"{file}.jsonl").read_text().splitlines()]
        rows(tiny / f"{file}.jsonl", [{**row, "output": row["output"] + " " + "x" * 5000} for row in answers])
    text = (tiny / "suite.yaml").read_text()
    (tiny / "suite.yaml").write_text(
        text.replace("[exact_match", "[{exact_match: {extract: '^(City \\d+|No)'}}")
    )
    folder = disk.folder / "tiny"
    shutil.copytree(tiny, folder)
    return folder


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def run_of(disk: Disk, root: str = "reports") -> Path:
    (folder,) = (disk.folder / root).glob("*/*")
    return folder


def refused(done: subprocess.CompletedProcess[str]) -> None:
    """Exit 2, which file, why and what to do; no traceback."""
    assert done.returncode == 2, done.stderr
    assert "no space left on the disk; make space and resume the run" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_journal_stays_whole_and_the_run_goes_on_when_there_is_space(disk, long_answers):
    whole = disk.evalkit("run", "tiny", "-o", "whole")
    assert whole.returncode == 0, whole.stderr
    disk.leave(1200)
    stopped = disk.evalkit("run", "tiny")
    refused(stopped)
    assert "samples.jsonl" in stopped.stderr
    folder = run_of(disk)
    kept = lines(folder / "samples.jsonl")
    assert kept
    assert all(json.loads(line) for line in kept)
    disk.make_space()
    done = disk.evalkit("run", "tiny", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert lines(folder / "samples.jsonl")[: len(kept)] == kept
    assert sorted(lines(folder / "scores.jsonl")) == sorted(lines(run_of(disk, "whole") / "scores.jsonl"))


def test_reports_that_do_not_fit_leave_no_half_page(disk, long_answers):
    """Answers, scores, comparison and decision are there; the pages are written when there is space."""
    assert disk.evalkit("run", "tiny").returncode == 0
    folder = run_of(disk)
    page = (folder / "report.html").stat().st_size
    for name in ("report.html", "report.md", "report.json"):
        (folder / name).unlink()
    disk.leave(page // 2 // 1024)
    refused(disk.evalkit("report", "latest"))
    assert not (folder / "report.html").exists()
    assert not list(folder.rglob("*.tmp"))
    disk.make_space()
    assert disk.evalkit("run", "tiny", "--resume", "latest").returncode == 0
    assert (folder / "report.html").stat().st_size == page


def test_a_disk_that_is_full_from_the_start_is_told(disk, long_answers):
    disk.leave(0)
    refused(disk.evalkit("run", "tiny"))
    disk.make_space()
    assert disk.evalkit("run", "tiny").returncode == 0


HOSTED = """\
name: hosted
use_case: {{primary_metric: exact_match}}
cases: {{path: tiny/cases.jsonl, fields: {{input: question, reference: answer, cluster: fact}}}}
models: {{served: {{type: openai, model: m, base_url: "{url}"}}}}
arms: {{zero_shot: {{model: served, prompt: plain}}, again: {{model: served, prompt: terse}}}}
prompts: {{plain: {{user: "{{{{input}}}}"}}, terse: {{user: "{{{{input}}}} Be brief."}}}}
metrics: [exact_match]
run: {{latency: {{isolated: 0}}}}
decision: {{reference_arm: zero_shot}}
"""


def test_a_response_cache_that_is_full_stops_keeping_and_the_run_ends(
    disk, tiny, chat_server, replies, monkeypatch
):
    """Only the cache lies on the small disk. All answers are scored; a later run asks again what was not kept."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    chat_server.answer = lambda request: replies.completion("City 1" + " x" * 2000)
    home = tiny.parent
    (home / "suite.yaml").write_text(HOSTED.format(url=chat_server.url))
    disk.leave(600)
    full = disk.evalkit("run", home / "suite.yaml", "-o", home / "one")
    assert full.returncode == 0, full.stderr
    assert "the response cache takes no more answers" in full.stderr
    asked = len(chat_server.requests)
    assert asked == 240
    disk.make_space()
    again = disk.evalkit("run", home / "suite.yaml", "-o", home / "two")
    assert again.returncode == 0, again.stderr
    assert 0 < len(chat_server.requests) - asked < 240
    (first,), (second,) = ((home / name).glob("*/*/scores.jsonl") for name in ("one", "two"))
    assert sorted(lines(first)) == sorted(lines(second))


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_is_told_and_the_training_ends_the_same_when_there_is_space(disk):
    write_short_training(disk.folder / "desk", rows=40, steps=12, checkpoint_every={"steps": 3})
    disk.leave(300)
    stopped = disk.evalkit("run", "desk", "--no-cache", "--limit", 4)
    refused(stopped)
    assert "checkpoint.safetensors" in stopped.stderr
    disk.make_space()
    done = disk.evalkit("run", "desk", "--no-cache", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    whole = disk.evalkit(
        "run", "desk", "--no-cache", "--limit", 4, "-o", "whole", cache=disk.folder / "other"
    )
    assert whole.returncode == 0, whole.stderr
    one, two = (
        json.loads((run_of(disk, root) / "tuning.json").read_text())["runs"][0]["losses"]
        for root in ("reports", "whole")
    )
    assert one == two
    first, second = (sorted(lines(run_of(disk, root) / "scores.jsonl")) for root in ("reports", "whole"))
    assert first == second
