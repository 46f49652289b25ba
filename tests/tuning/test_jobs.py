"""Trainings side by side, in processes that end when they should."""

import os
import signal
import subprocess
import sys
import time

import pytest

from evalkit.errors import InputError, InterruptedRunError, TuningError
from evalkit.records.record import to_json
from evalkit.tuning.jobs import run_jobs
from evalkit.tuning.train_requests import TrainRequest

# A third party's tuners, found by module path: cheap, and each with its own way to end.
TUNERS = """
import os, pathlib, time
from evalkit.errors import InputError, TuningError
from evalkit.records.tuning import TuningRun

def done(spec):
    return TuningRun(
        model=spec.model, method=spec.config.method, fraction=spec.fraction, seed=spec.seed, rows=len(spec.rows),
        validation_rows=0, steps=spec.threads, tokens=0, seconds=0.0, trainable_parameters=0, total_parameters=0,
        peak_memory_bytes=os.getpid(), losses=(), final_train_loss=0.0, final_validation_loss=None,
        adapter=spec.output.name,
    )

class Good:
    def tune(self, spec):
        print("chatter that is no answer")
        return done(spec)

class Broken:
    def tune(self, spec):
        raise ZeroDivisionError("a bug of theirs")

class Refusing:
    def tune(self, spec):
        raise TuningError("the loss ran away")

class Misled:
    def tune(self, spec):
        raise InputError("rows make no sense")

class Killed:
    def tune(self, spec):
        os.kill(os.getpid(), 9)

class Exiting:
    def tune(self, spec):
        os.write(2, b"out of luck")
        os._exit(3)

class Brief:
    def tune(self, spec):
        time.sleep(1)
        return done(spec)

class Slow:
    def tune(self, spec):
        spec.output.write_text(str(os.getpid()))
        time.sleep(60)
"""


@pytest.fixture
def order(tmp_path, monkeypatch, spec):
    """``order("Good", seed=2)`` is a job for one of the tuners above."""
    (tmp_path / "their_tuners.py").write_text(TUNERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda tuner, **changes: spec(method=f"their_tuners:{tuner}", **changes)


def run(specs, workers=None, on_done=None):
    ended = []
    run_jobs(
        specs,
        work_of=lambda spec: len(spec.rows),
        on_done=on_done or (lambda spec, run: ended.append((spec, run))),
        workers=workers,
    )
    return ended


def gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_the_longest_job_goes_first(order, rows):
    ended = run([order("Good", rows=rows[:count]) for count in (2, 8, 4)], workers=1)
    assert [len(spec.rows) for spec, _ in ended] == [8, 4, 2]
    assert [result.rows for _, result in ended] == [8, 4, 2]


def test_a_process_serves_several_jobs_with_one_thread_each(order):
    """Two processes for four jobs; a job alone gets every core there is."""
    ended = run([order("Good", seed=seed) for seed in (1, 2, 3, 4)], workers=2)
    assert sorted(result.seed for _, result in ended) == [1, 2, 3, 4]
    assert {result.steps for _, result in ended} == {1}
    assert len({result.peak_memory_bytes for _, result in ended}) <= 2
    ((_, alone),) = run([order("Good")])
    assert alone.steps == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("tuner", "error", "message"),
    [
        ("Broken", TuningError, "ZeroDivisionError: a bug of theirs"),
        ("Refusing", TuningError, "the loss ran away"),
        ("Misled", InputError, "rows make no sense"),
        ("Killed", TuningError, "killed, most likely because memory ran out"),
        ("Exiting", TuningError, "code 3(.|\n)*out of luck"),
        ("Absent", InputError, "their_tuners:Absent"),
    ],
)
def test_a_job_that_fails_says_which_and_why(order, tuner, error, message):
    with pytest.raises(error, match=rf"model 'tuned', fraction 0\.5, seed 2: (.|\n)*{message}"):
        run([order(tuner, fraction=0.5, seed=2)])


def test_what_finished_before_a_failure_is_told(order, rows):
    ended = []
    with pytest.raises(TuningError, match="ran away"):
        run(
            [order("Good"), order("Refusing", rows=rows[:2])],
            workers=1,
            on_done=lambda spec, run: ended.append(spec.config.method),
        )
    assert ended == ["their_tuners:Good"]


def test_an_interrupt_leaves_no_process_behind(tmp_path, order, rows):
    """Ctrl-C while another job trains: the interrupt is passed on and the training process is gone."""
    slow = order("Slow", name="pid", rows=rows)

    def interrupt(spec, run):
        while not (slow.output.exists() and slow.output.read_text()):
            time.sleep(0.02)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([slow, order("Good", rows=rows[:2])], workers=2, on_done=interrupt)
    assert gone(int(slow.output.read_text()))


def test_a_stop_begins_no_other_job_and_lets_the_present_one_end(order, rows):
    """A third party's tuner knows nothing of pauses: its job is finished and told, the waiting ones are not begun."""
    ended = []
    with pytest.raises(InterruptedRunError):
        run_jobs(
            [order("Brief", seed=seed, rows=rows) for seed in (1, 2, 3)],
            work_of=lambda spec: -spec.seed,
            on_done=lambda spec, run: ended.append(spec.seed),
            workers=1,
            stopped=lambda: True,
        )
    assert len(ended) <= 1


PARENT = """
import sys
from evalkit.tuning import jobs

with jobs._Worker() as worker:
    worker._requests.write(sys.stdin.buffer.readline())
    worker._requests.flush()
    worker._results.readline()
"""


def test_a_parent_that_is_killed_leaves_no_process_that_trains_on(tmp_path, order, rows):
    """SIGKILL cannot be caught: the training process sees that its input ended, whatever it is doing."""
    slow = order("Slow", name="pid", rows=rows)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with parent:
        parent.stdin.write(to_json(TrainRequest.of(slow)) + b"\n")
        parent.stdin.flush()
        while not (slow.output.exists() and slow.output.read_text()):
            assert parent.poll() is None
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    assert gone(int(slow.output.read_text()))
