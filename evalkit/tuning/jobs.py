"""Runs trainings side by side, one process for each core."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import msgspec

from evalkit.errors import InputError, InterruptedRunError, TuningError
from evalkit.models.local import EXTRA
from evalkit.optional import require
from evalkit.records.record import from_json, to_json
from evalkit.records.tuning import TuningRun
from evalkit.tuning import pause
from evalkit.tuning.protocol import TuningSpec
from evalkit.tuning.train_requests import TrainRequest, TrainResult

_LOG_TAIL = 2000


def run_jobs(
    specs: Sequence[TuningSpec],
    *,
    work_of: Callable[[TuningSpec], float],
    on_done: Callable[[TuningSpec, TuningRun], None],
    workers: int | None = None,
    planned: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Train all ``specs``, the longest first.

    Processes share the cores: small matrix products gain little from a second thread, and two processes on the same
    cores lose much. A single job gets all cores. On an accelerator jobs take turns. What finished before an error
    stays finished.

    Args:
        specs: ``threads`` of each is set here.
        work_of: How long a job takes compared with the others.
        on_done: Called in this thread after each job.
        workers: Processes; default: one for each core this process may use.
        planned: Jobs that the cores are shared among; default: ``specs``. More where some were done before: the
            number of threads decides the low bits of a sum, so it must be that of the first time.
        stopped: Whether to begin no other job and let those under way keep a checkpoint; asked twice a second.

    Raises:
        InterruptedRunError: ``stopped`` said so before all jobs were done.
        TuningError: A job failed, or its process died; the others are stopped.
        InputError: A job says that its input is wrong; likewise.
        KeyboardInterrupt: Passed on when all processes are stopped.
    """
    if not specs:
        return
    cores = _cores()
    side_by_side = 1 if any(_on_accelerator(spec) for spec in specs) else workers or cores
    threads = max(1, cores // min(side_by_side, planned or len(specs)))
    count = min(side_by_side, len(specs))
    waiting: queue.SimpleQueue[TuningSpec] = queue.SimpleQueue()
    for spec in sorted(specs, key=work_of, reverse=True):
        waiting.put(replace(spec, threads=threads))
    done: queue.SimpleQueue[tuple[TuningSpec, TrainResult]] = queue.SimpleQueue()
    with contextlib.ExitStack() as stack:
        team = [stack.enter_context(_Worker()) for _ in range(count)]
        for worker in team:
            threading.Thread(target=worker.serve, args=(waiting, done), daemon=True).start()
        owed, finished, pausing = len(specs), 0, False
        while owed:
            if not pausing and stopped():
                pausing = True
                owed -= _take_back(waiting)
                for worker in team:
                    worker.pause()
            with contextlib.suppress(queue.Empty):
                # A wait without end cannot be interrupted on every platform.
                spec, outcome = done.get(timeout=0.5)
                owed -= 1
                if outcome.run is not None:
                    finished += 1
                    on_done(spec, outcome.run)
                elif not outcome.paused:
                    raise _failure(spec, outcome)
    if finished < len(specs):
        raise InterruptedRunError("tuning was stopped; it goes on from its last checkpoint")


def _take_back(waiting: queue.SimpleQueue[TuningSpec]) -> int:
    """Jobs that nobody has begun; they are not begun any more."""
    count = 0
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()
            count += 1
    return count


class _Worker:
    """A training process; stopped when the block ends, whatever it is doing."""

    def __enter__(self) -> _Worker:
        self._log: IO[bytes] = tempfile.TemporaryFile()
        # What this process can import, the worker can too.
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "evalkit.tuning.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._orders = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._orders, self._answers, self._log):
            with contextlib.suppress(OSError):
                stream.close()

    def pause(self) -> None:
        """Ask it to keep a checkpoint of what it trains and stop; a third party's tuner may go on to its end."""
        with contextlib.suppress(OSError, ValueError):
            self._orders.write(pause.WORD)
            self._orders.flush()

    def serve(
        self, waiting: queue.SimpleQueue[TuningSpec], done: queue.SimpleQueue[tuple[TuningSpec, TrainResult]]
    ) -> None:
        """Take specs until none is left or the process is gone; runs in a thread of its own."""
        while True:
            try:
                spec = waiting.get_nowait()
            except queue.Empty:
                return
            outcome = self._carry_out(spec)
            done.put((spec, outcome))
            if outcome.run is None:
                return

    def _carry_out(self, spec: TuningSpec) -> TrainResult:
        try:
            self._orders.write(to_json(TrainRequest.of(spec)) + b"\n")
            self._orders.flush()
            line = self._answers.readline()
        except (OSError, ValueError):
            # Broken off by the end of the process, or by ours: then nobody reads this.
            line = b""
        try:
            return from_json(line, TrainResult)
        except msgspec.MsgspecError:
            return TrainResult(error=self._how_it_ended())

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "its process was killed, most likely because memory ran out; lower batch_size"
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, self._log.tell() - _LOG_TAIL))
            if lines := self._log.read().decode(errors="replace").strip():
                return f"its process ended with code {code}. Its last words:\n{lines}"
        return f"its process ended with code {code}"


def _failure(spec: TuningSpec, outcome: TrainResult) -> TuningError | InputError:
    job = f"model {spec.model!r}, fraction {spec.fraction:g}, seed {spec.seed}"
    if outcome.is_input_error:
        return InputError(f"{job}: {outcome.error}")
    return TuningError(f"{job}: {outcome.error}")


def _on_accelerator(spec: TuningSpec) -> bool:
    if spec.device == "auto":
        require("torch", EXTRA)
        from evalkit.models.engine.weights import resolve_device

        return resolve_device() != "cpu"
    return spec.device != "cpu"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
