"""A training that is killed goes on where it was, to the same weights."""

import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from evalkit.records.record import to_json
from evalkit.registry import TUNERS
from evalkit.tuning import checkpoint
from evalkit.tuning.cache import training_lock
from evalkit.tuning.train_requests import TrainRequest
from evalkit.tuning.tuners import FullTuner, LoraTuner

METHODS = {
    "dropout": {"method": "lora", "lora_dropout": 0.2},
    "accumulation": {"method": "full", "batch_size": 2, "gradient_accumulation_steps": 2},
    # A rate at which the loss on rows of its own soon rises.
    "patience": {
        "method": "partial",
        "layers": {"last": 1},
        "modules": ["lm_head"],
        "evaluate_every": 2,
        "patience": 3,
        "learning_rate": 0.05,
        "epochs": 40,
    },
}
TRAIN = """
import sys
from evalkit.optional import silence_telemetry
silence_telemetry()
from evalkit.records.record import from_json
from evalkit.tuning.train_requests import TrainRequest
from evalkit.tuning.tuners import FullTuner
FullTuner().tune(from_json(sys.stdin.read(), TrainRequest).spec())
"""


def content(spec):
    return {file.name: file.read_bytes() for file in spec.output.iterdir() if file.name != "README.md"}


def what_came_of_it(run):
    return (run.losses, run.steps, run.tokens, run.best_step, run.kept_step, run.final_validation_loss)


@pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)
def test_going_on_from_a_checkpoint_gives_the_same_bytes(tmp_path, spec, rows, settings):
    """Checkpoints are of every seventh step; the second run makes again what came after the last one."""
    tune = TUNERS.load(settings["method"])().tune
    changes = {**settings, "rows": rows[:6], "validation": rows[6:], "checkpoint_every": {"steps": 7}}
    whole, first, second = (
        spec(name=name, checkpoints=folder, **changes)
        for name, folder in (("whole", None), ("first", tmp_path / "kept"), ("second", tmp_path / "kept"))
    )
    plain, begun = tune(whole), tune(first)
    kept = (tmp_path / "kept" / "checkpoint.safetensors").stat().st_mtime_ns
    resumed = tune(second)
    assert (tmp_path / "kept" / "checkpoint.safetensors").stat().st_mtime_ns == kept
    assert content(whole) == content(first) == content(second)
    assert what_came_of_it(plain) == what_came_of_it(begun) == what_came_of_it(resumed)
    assert (plain.attempts, begun.attempts, resumed.attempts) == (1, 1, 2)
    assert resumed.stopped_early == ("patience" in settings)


def test_a_killed_training_ends_as_if_it_had_not_been(tmp_path, spec):
    """SIGKILL somewhere behind the first checkpoint; its seconds count."""
    changes = {"method": "full", "epochs": 40, "checkpoint_every": {"steps": 2}}
    killed = spec(name="killed", checkpoints=tmp_path / "kept", **changes)
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        process.stdin.write(to_json(TrainRequest.of(killed)))
        process.stdin.close()
        while not (tmp_path / "kept" / "checkpoint.safetensors").exists():
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert not killed.output.exists()  # killed before its last step
    before = checkpoint.from_json((tmp_path / "kept" / "seconds.json").read_bytes(), checkpoint.TrainingTime)
    whole = spec(name="whole", **changes)
    plain, resumed = FullTuner().tune(whole), FullTuner().tune(killed)
    assert content(whole) == content(killed)
    assert what_came_of_it(plain) == what_came_of_it(resumed)
    assert resumed.attempts == 2 and resumed.seconds > before.seconds


def test_a_checkpoint_that_cannot_be_read_is_left_aside(tmp_path, spec):
    """So is one of other weights; what the earlier attempt took still counts, and torn files are cleared away."""
    kept = tmp_path / "kept"
    plain = spec(name="plain")
    LoraTuner().tune(plain)
    LoraTuner().tune(spec(name="other", rank=4, checkpoints=kept, checkpoint_every={"steps": 5}))
    again = spec(name="again", checkpoints=kept)
    LoraTuner().tune(again)
    (kept / "checkpoint.safetensors").write_bytes(b"torn")
    (kept / ".checkpoint.safetensors.1.tmp").write_bytes(b"torn")
    once_more = spec(name="once more", checkpoints=kept)
    run = LoraTuner().tune(once_more)
    assert content(plain) == content(again) == content(once_more)
    assert run.attempts == 3
    assert not list(kept.glob("*.tmp"))


def test_a_training_that_another_process_keeps_is_made_beside_it(tmp_path, spec, monkeypatch):
    monkeypatch.setattr(checkpoint, "_LOCK_WAIT_S", 0.1)
    kept = tmp_path / "kept"
    with FileLock(training_lock(kept)):
        run = LoraTuner().tune(spec(checkpoints=kept, checkpoint_every={"steps": 1}))
    assert run.attempts == 1
    assert not kept.exists()
    assert training_lock(kept).parent == kept.parent, "a lock in a folder that is removed locks nobody out"


def test_a_checkpoint_that_takes_long_is_written_less_often(tmp_path):
    """A checkpoint of 1 s is followed by 20 s of training, whatever shorter pause was asked for."""
    keeper = checkpoint.Checkpoints(tmp_path, checkpoint.Every(seconds=0.5))
    assert keeper._pause == 0.5
    keeper._set_pause(1.0)
    assert keeper._pause == 20.0
    keeper._set_pause(0.001)
    assert keeper._pause == 0.5
