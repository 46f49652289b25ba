"""Ctrl-C in every stage, and two processes on one run, as a terminal does it: real processes, real signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from evalkit.suite.starters import starters
from tests.builders.short_training import write_short_training

# A third party's metric: right answers, given slowly, and told to a file as they are given.
SLOW_METRIC = """
import pathlib, time
from evalkit.records.score import Score

class Slow:
    binary = True

    def __init__(self, **options):
        self.told = pathlib.Path(options.get("told", "marked.txt"))

    def score(self, case, sample):
        with self.told.open("a") as told:
            told.write(case.id + "\\n")
        time.sleep(float(pathlib.Path("pause.txt").read_text()))
        while pathlib.Path("hold").exists():
            time.sleep(0.005)
        return Score(value=float(sample.output in case.reference))
"""


@pytest.fixture
def home(tiny, tmp_path, monkeypatch):
    """``tiny`` with the slow metric; commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_metrics.py").write_text(SLOW_METRIC)
    text = (tiny / "suite.yaml").read_text()
    (tiny / "suite.yaml").write_text(
        text.replace("[exact_match, token_f1]", "[exact_match, {'their_metrics:Slow': {name: slow}}]")
    )
    (tmp_path / "pause.txt").write_text("0")
    return tmp_path


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "evalkit", *arguments],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(home), *filter(None, sys.path)])},
    )


def wait_for(process: subprocess.Popen[str], there) -> None:
    while not there():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)


def ended(process: subprocess.Popen[str]) -> str:
    """What it said on standard error, after it ended with 0."""
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return err


def resume_command(err: str) -> list[str]:
    command = err.strip().splitlines()[-1].split()
    assert command[:2] == ["evalkit", "run"]
    assert "--resume" in command
    return command[1:]


def run_of(home: Path) -> Path:
    (folder,) = (home / "reports" / "tiny").iterdir()
    return folder


def test_ctrl_c_while_scoring_ends_the_stage_and_says_how_to_go_on(home):
    """Exit 130; the scores are there, nothing that would rest on them is, and the command finishes the run."""
    (home / "pause.txt").write_text("0.005")
    process = start(home, "run", "tiny", "--allow-plugins")
    wait_for(process, (home / "marked.txt").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Ctrl-C again stops at once" in err
    folder = run_of(home)
    assert len((folder / "scores.jsonl").read_text().splitlines()) == 120 * 3 * 2
    assert not (folder / "report.html").exists()
    ended(start(home, *resume_command(err)))
    assert json.loads((folder / "manifest.json").read_text())["finished_at"]


def test_a_second_ctrl_c_while_scoring_stops_at_once(home):
    """The metric would take an hour; the message still holds the command that goes on."""
    (home / "pause.txt").write_text("10")
    process = start(home, "run", "tiny", "--allow-plugins")
    wait_for(process, (home / "marked.txt").exists)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    before = time.monotonic()
    _, err = process.communicate(timeout=300)
    assert time.monotonic() - before < 9
    assert process.returncode == 130
    assert not (run_of(home) / "scores.jsonl").exists()
    assert not list(run_of(home).rglob("*.tmp"))
    (home / "pause.txt").write_text("0")
    ended(start(home, *resume_command(err)))


def test_a_second_process_on_a_run_is_refused_and_harms_nothing(home):
    """It ends with 2 and says why; the first one ends as if it had been alone."""
    (home / "hold").touch()
    first = start(home, "run", "tiny", "--allow-plugins")
    wait_for(first, (home / "marked.txt").exists)
    folder = run_of(home)
    before = {path.name: path.read_bytes() for path in folder.glob("[a-z]*.json*")}
    for command in (
        ["run", "tiny", "--resume", "latest", "--allow-plugins"],
        ["score", "latest", "--allow-plugins"],
    ):
        second = start(home, *command)
        _, err = second.communicate(timeout=300)
        assert second.returncode == 2
        assert "another process is writing to this run" in err
        assert first.poll() is None
        assert {name: (folder / name).read_bytes() for name in before} == before
    (home / "hold").unlink()
    ended(first)
    assert json.loads((folder / "decision.json").read_text())["verdict"]


def test_two_runs_that_begin_in_the_same_second_get_folders_of_their_own(home):
    processes = [start(home, "run", "tiny", "--allow-plugins") for _ in range(3)]
    for process in processes:
        ended(process)
    assert len(list((home / "reports" / "tiny").iterdir())) == 3


@pytest.mark.slow
def test_ctrl_c_while_tuning_keeps_a_checkpoint_and_the_resumed_training_ends_the_same(tmp_path):
    """Exit 130 within seconds, no process left; resumed, it has the losses of a training that nobody stopped."""
    write_short_training(tmp_path / "desk", rows=60, steps=40, checkpoint_every={"seconds": 1000})

    def losses(name: str, *, stop: bool) -> list[object]:
        os.environ["EVALKIT_CACHE_DIR"] = str(tmp_path / name / "cache")
        arguments = ["run", "desk", "-o", str(tmp_path / name / "reports"), "--no-cache", "--limit", "4"]
        process = start(tmp_path, *arguments)
        if stop:
            spent = tmp_path / name / "cache" / "adapters" / ".checkpoints"
            wait_for(process, lambda: list(spent.glob("*/seconds.json")))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=300)
            assert process.returncode == 130
            assert list(spent.glob("*/checkpoint.safetensors"))
            process = start(tmp_path, *resume_command(err))
        ended(process)
        (report,) = (tmp_path / name / "reports").glob("*/*/tuning.json")
        (run,) = json.loads(report.read_text())["runs"]
        assert (run["attempts"] > 1) == stop
        return [run["losses"], run["final_train_loss"], run["final_validation_loss"]]

    assert losses("stopped", stop=True) == losses("whole", stop=False)


@pytest.mark.slow
def test_ctrl_c_while_a_local_model_answers_keeps_what_was_answered(tmp_path):
    """Exit 130; the command that is printed finishes the run and asks no answered cell again."""
    folder = tmp_path / "desk"
    shutil.copytree(starters()["support-desk"], folder)
    data = yaml.safe_load((folder / "suite.yaml").read_text(encoding="utf-8"))
    data["models"] = {"base": data["models"]["base"] | {"max_batch": 4}}
    data["arms"] = {"few_shot": {"model": "base", "prompt": "house"}, "rag": data["arms"]["rag"]}
    data["run"]["latency"] = {"isolated": 2}
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    process = start(tmp_path, "run", "desk", "--no-cache", "--limit", "16")
    samples = tmp_path / "none"

    def answered() -> list[str]:
        nonlocal samples
        samples = next(iter(tmp_path.glob("reports/*/*/samples.jsonl")), samples)
        return samples.read_text(encoding="utf-8").splitlines() if samples.exists() else []

    wait_for(process, answered)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    kept = answered()
    assert 0 < len(kept) < 32
    ended(start(tmp_path, *resume_command(err), "--no-cache"))
    assert answered()[: len(kept)] == kept
    assert len(answered()) == 32
