"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is in flight is kept, the exit code says which it was."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

import evalkit
from evalkit.ending import ENDING_SIGNALS, SignalInterrupt, end_as_after_ctrl_c
from evalkit.errors import InterruptedRunError
from evalkit.runner.stop_signal import StopSignal, stop_on_interrupt
from tests.builders.chat_server import completion
from tests.builders.short_training import write_short_training
from tests.cli.test_terminal import hosted

EXIT = {"SIGTERM": 143, "SIGHUP": 129}


@pytest.fixture(autouse=True)
def _hang_ups_end():
    """What ignores hang-ups, as nohup does, hands that on to what it starts; here they are at their default."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(folder: Path, *arguments: str, **options) -> subprocess.Popen:
    settings = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "evalkit", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENAI_API_KEY": "k" * 20},
        **settings,
    )


def wait_for(process: subprocess.Popen, there) -> None:
    while not there():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)


_SIGNALLED = """
import os, signal, sys

def at(event, arguments):
    if event == "open" and str(arguments[0]).endswith("suite.yaml"):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))

sys.addaudithook(at)
from evalkit.cli.main import main
main(["validate", "suite"])
"""


@pytest.mark.parametrize("name", EXIT)
def test_a_command_outside_a_run_ends_with_the_code_of_the_signal(tmp_path, name):
    """The signal comes in the moment in which the suite is opened."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "suite.yaml").write_text("name: x")
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED, name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == EXIT[name]
    assert done.stderr.decode().strip() == f"Interrupted by {name}."


def test_under_nohup_a_closed_terminal_ends_nothing():
    """A hang-up that was ignored when the command began stays ignored, also while it answers."""
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_as_after_ctrl_c()
        stop = StopSignal()
        with stop_on_interrupt(stop):
            signal.raise_signal(signal.SIGHUP)
            assert stop.reason is None
            signal.raise_signal(signal.SIGTERM)
            assert stop.reason == "interrupted"
        with pytest.raises(SignalInterrupt, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def answered(folder: Path) -> list[str]:
    (journal,) = folder.glob("reports/hosted/*/samples.jsonl")
    return [json.loads(line)["case_id"] for line in journal.read_text().splitlines()]


@pytest.mark.parametrize("name", EXIT)
def test_a_run_keeps_what_is_in_flight_and_says_how_to_go_on(chat_server, tmp_path, name):
    """SIGTERM from a supervisor; SIGHUP from a terminal that is closed, to which nothing can be written any more.

    The provider holds its answers back until the signal was taken; all of them are then in the journal.
    """
    hosted(tmp_path / "suite", chat_server.url, "m")
    taken, asked = threading.Event(), threading.Event()

    def answer(request):
        asked.set()
        assert taken.wait(60)
        return completion("yes")

    chat_server.answer = answer
    arguments = ("run", "suite", "--no-cache", "-j", "1")
    if name == "SIGTERM":
        process = start(tmp_path, *arguments)
        assert asked.wait(60)
        process.send_signal(signal.SIGTERM)
        err = _until(process, b"SIGTERM again stops at once")
        taken.set()
        err += process.communicate(timeout=60)[1]
        assert b"Interrupted by SIGTERM; what was done is kept. Resume:\n  evalkit run suite --resume " in err
    else:
        ours, theirs = pty.openpty()
        process = start(
            tmp_path, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_of_this_terminal
        )
        os.close(theirs)
        assert asked.wait(60)
        os.close(ours)  # the window is closed
        taken.set()
        process.wait(timeout=60)
    assert process.returncode == EXIT[name]
    assert answered(tmp_path) == ["c0"]


def _until(process: subprocess.Popen, words: bytes) -> bytes:
    """What it says, up to these words."""
    said = b""
    while words not in said:
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, said
        said += piece
    return said


def _of_this_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_program_that_handles_a_signal_itself_keeps_its_handler():
    """Of a library call; one that left the default in place is stopped as after Ctrl-C, and has it back behind."""
    stop = StopSignal()
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with stop_on_interrupt(stop):
            signal.raise_signal(signal.SIGTERM)
        assert (seen, stop.reason) == ([signal.SIGTERM], None)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with stop_on_interrupt(stop):
            signal.raise_signal(signal.SIGTERM)
            assert (stop.reason, stop.number) == ("interrupted", signal.SIGTERM)
            with pytest.raises(SignalInterrupt, match="SIGTERM"):
                signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_ctrl_c_in_a_notebook_stops_at_once(chat_server, tmp_path, monkeypatch):
    """An event loop is running there already; a provider that never answers is not waited for."""
    monkeypatch.setenv("OPENAI_API_KEY", "k" * 20)
    suite = hosted(tmp_path / "suite", chat_server.url, "m")
    ended, waited = threading.Event(), []

    def interrupt_twice():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)  # two at a time would be one
        os.kill(os.getpid(), signal.SIGINT)

    def answer(request):
        if not waited:
            threading.Thread(target=interrupt_twice).start()
        waited.append(ended.wait(30))
        return completion("yes")

    async def cell():
        with pytest.raises(InterruptedRunError, match="Resume:"):
            evalkit.run(suite, output=tmp_path / "reports", use_cache=False, max_concurrency=1)

    chat_server.answer = answer
    asyncio.run(cell())
    assert waited == []
    ended.set()


@pytest.mark.slow
def test_a_signal_to_all_processes_ends_the_training_ones_too_and_keeps_a_checkpoint(tmp_path):
    """As a supervisor or a closed terminal sends it: to parent and children at once."""
    write_short_training(tmp_path / "desk", rows=60, steps=400, checkpoint_every={"seconds": 1000})
    os.environ["EVALKIT_CACHE_DIR"] = str(tmp_path / "cache")
    process = start(tmp_path, "run", "desk", "--no-cache", "--limit", "4", start_new_session=True)
    spent = tmp_path / "cache" / "adapters" / ".checkpoints"
    wait_for(process, lambda: list(spent.glob("*/seconds.json")))
    os.killpg(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 143, err.decode()
    assert list(spent.glob("*/checkpoint.safetensors"))
    with pytest.raises(ProcessLookupError):  # nobody of the group is left
        os.killpg(process.pid, 0)
