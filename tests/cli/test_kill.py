"""kill -9 while a real local model answers: nothing lost, nothing asked twice, the same scores."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from evalkit.suite.starters import starters

KILLS = 5
LIMIT = 24


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """support-desk without its tuned arms: the embedded model is prompted and given passages."""
    folder = tmp_path / "desk"
    shutil.copytree(starters()["support-desk"], folder)
    data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    data["models"] = {"base": data["models"]["base"]}
    data["arms"] = {name: data["arms"][name] for name in ("few_shot", "rag")}
    data["arms"]["few_shot"]["shot_curve"] = [0, 2]
    data["run"]["latency"] = {"isolated": 3}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def command(suite: Path, output: Path, *more: str) -> list[str]:
    arguments = ["run", str(suite), "-o", str(output), "--no-cache", "--limit", str(LIMIT), *more]
    return [sys.executable, "-m", "evalkit", *arguments]


def run_folder(output: Path) -> Path:
    (folder,) = (output / "support-desk").iterdir()
    return folder


def lines(file: Path) -> list[str]:
    """Whole lines only: the last one may be torn."""
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []


def scores(folder: Path) -> list[str]:
    return sorted(lines(folder / "scores.jsonl"))


def start_and_kill(arguments: list[str], samples: Path | None, output: Path, at_lines: int) -> None:
    """Start a run and kill it as soon as its journal has that many lines."""
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if samples is None:
                samples = next(iter(output.glob("*/*/samples.jsonl")), None)
            if samples is not None and len(lines(samples)) >= at_lines:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)


@pytest.mark.slow
def test_killed_runs_resume_to_the_same_scores(suite, tmp_path):
    """Five kills at random points of one run; then it is finished and equals the undisturbed run."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(suite, whole), check=True, capture_output=True)
    n_cells = len(lines(run_folder(whole) / "samples.jsonl"))
    assert n_cells == LIMIT * 4

    points = sorted(random.Random().sample(range(1, n_cells), KILLS))
    start_and_kill(command(suite, broken), None, broken, points[0])
    folder = run_folder(broken)
    samples = folder / "samples.jsonl"
    for point in points[1:]:
        kept = lines(samples)
        start_and_kill(
            command(suite, broken, "--resume", folder.name), samples, broken, max(point, len(kept) + 1)
        )
        assert lines(samples)[: len(kept)] == kept  # what is journaled is never touched

    subprocess.run(command(suite, broken, "--resume", folder.name), check=True, capture_output=True)
    cells = Counter((row["case_id"], row["arm"], row["repeat"]) for row in map(json.loads, lines(samples)))
    assert len(cells) == n_cells, points
    assert set(cells.values()) == {1}, points  # no cell journaled ok was asked again
    assert scores(folder) == scores(run_folder(whole)), points
    assert {path.name for path in folder.iterdir()} >= {
        "report.html",
        "report.md",
        "report.json",
        "decision.json",
    }


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_answered_and_says_how_to_go_on(suite, tmp_path):
    """The first Ctrl-C ends with 130 and the resume command, and that command finishes the run."""
    output = tmp_path / "reports"
    with subprocess.Popen(
        command(suite, output), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while not lines(next(iter(output.glob("*/*/samples.jsonl")), tmp_path / "none")):
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    resume = err.strip().splitlines()[-1].split()
    assert resume[:2] == ["evalkit", "run"]
    done = subprocess.run(
        [sys.executable, "-m", *resume, "-o", str(output), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(lines(run_folder(output) / "samples.jsonl")) == LIMIT * 4
