"""Training processes side by side, one for each core, and the trainings that wait for them."""

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
from typing import IO, Self, cast

import msgspec

from evalkit.errors import InputError, InterruptedRunError, TuningError
from evalkit.models.local import EXTRA
from evalkit.optional import require
from evalkit.records.record import from_json, to_json
from evalkit.records.tuning import TuningRun
from evalkit.tuning.protocol import TrainingSpec, is_small
from evalkit.tuning.train_requests import PAUSE_LINE, TrainRequest, TrainResult

_LOG_TAIL = 2000
# A wait without end cannot be interrupted on every platform.
_WAIT_S = 0.5


def run_jobs(
    specs: Sequence[TrainingSpec],
    *,
    work_of: Callable[[TrainingSpec], float],
    on_done: Callable[[TrainingSpec, TuningRun], None],
    workers: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Train all ``specs``, the longest first. What finished before an error stays finished.

    Args:
        specs: ``threads`` of each is set here.
        work_of: How long a job takes compared with the others.
        on_done: Called in this thread after each job.
        workers: Processes; default: one for each core this process may use, and one for all where a base is not
            small: it is then loaded once.
        stopped: Whether to start no other job and let those under way keep a checkpoint; asked twice a second.

    Raises:
        InterruptedRunError: ``stopped`` said so before all jobs were done.
        TuningError: A job failed, or its process died; the others are stopped.
        InputError: A job says that its input is wrong; the others are stopped.
        KeyboardInterrupt: Passed on when all processes are stopped.
    """
    if workers is None and not all(is_small(spec.base_folder) for spec in specs):
        workers = 1
    processes, threads = share_cores(len(specs), [spec.device for spec in specs], workers)
    finished, pausing = 0, False
    with WorkerTeam(processes) as team:
        for spec in sorted(specs, key=work_of, reverse=True):
            team.submit(replace(spec, threads=threads))
        owed = len(specs)
        while owed:
            if not pausing and stopped():
                pausing = True
                owed -= len(team.pause())
                continue
            if (ended := team.finished(_WAIT_S)) is None:
                continue
            spec, result = ended
            owed -= 1
            if result.run is not None:
                finished += 1
                on_done(spec, result.run)
            elif not result.paused:
                kind = InputError if result.is_input_error else TuningError
                raise kind(
                    f"model {spec.model!r}, fraction {spec.fraction:g}, seed {spec.seed}: {result.error}"
                )
    if finished < len(specs):
        raise InterruptedRunError("tuning was stopped; it goes on from its last checkpoint")


def share_cores(trainings: int, devices: Sequence[str], workers: int | None = None) -> tuple[int, int]:
    """How many training processes to run at a time, and the CPU threads of each.

    Processes share the cores: small matrix products gain little from a second thread, and two processes on the same
    cores lose much. A single training gets all cores. On an accelerator trainings take turns, and so do those of a
    base that is not small, whose products fill all cores and whose weights are loaded once.

    Args:
        trainings: All that belong together, those done before too: the number of threads decides the low bits of a
            sum, so a run that goes on must use that of the first time.
        devices: Where they train.
        workers: Processes; default: one for each core this process may use.
    """
    cores = usable_cores()
    processes = 1 if any(map(_is_accelerator, devices)) else workers or cores
    return processes, max(1, cores // max(1, min(processes, trainings)))


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerTeam:
    """Training processes that take trainings from one queue, first come first served; all end with the block.

    Args:
        size: Processes; each is started when a training is submitted that it could take.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: queue.SimpleQueue[TrainingSpec | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[TrainingSpec, TrainResult]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        for _worker in self._workers:  # ends the threads that wait for a training
            self._waiting.put(None)

    def submit(self, spec: TrainingSpec) -> None:
        """Have a training made as soon as a process is free."""
        self._waiting.put(spec)
        if len(self._workers) < self._size:
            worker = self._running.enter_context(_Worker())
            self._workers.append(worker)
            threading.Thread(target=worker.serve, args=(self._waiting, self._ended), daemon=True).start()

    def finished(self, timeout_s: float) -> tuple[TrainingSpec, TrainResult] | None:
        """The next training that ended, in the order in which they end; None where none ends in that time."""
        try:
            return self._ended.get(timeout=timeout_s) if timeout_s > 0 else self._ended.get_nowait()
        except queue.Empty:
            return None

    def pause(self) -> list[TrainingSpec]:
        """Start no other training, and ask those under way to keep a checkpoint and end.

        Returns:
            Those that were not started.
        """
        taken_back = []
        with contextlib.suppress(queue.Empty):
            while (spec := self._waiting.get_nowait()) is not None:
                taken_back.append(spec)
        for worker in self._workers:
            worker.pause()
        return taken_back


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
            # -P: `-m` alone would import from the current folder first, which may be that of a stranger's suite.
            [sys.executable, "-P", "-m", "evalkit.tuning.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._results = cast(IO[bytes], self._process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._results, self._log):
            with contextlib.suppress(OSError):
                stream.close()

    def pause(self) -> None:
        """Ask it to keep a checkpoint of what it trains and stop; a third party's tuner may go on to its end."""
        with contextlib.suppress(OSError, ValueError):
            self._requests.write(PAUSE_LINE)
            self._requests.flush()

    def serve(
        self,
        waiting: queue.SimpleQueue[TrainingSpec | None],
        ended: queue.SimpleQueue[tuple[TrainingSpec, TrainResult]],
    ) -> None:
        """Hand trainings to the process until one does not succeed; runs in a daemon thread of its own."""
        while (spec := waiting.get()) is not None:
            result = self._train(spec)
            ended.put((spec, result))
            if result.run is None:
                return

    def _train(self, spec: TrainingSpec) -> TrainResult:
        try:
            self._requests.write(to_json(TrainRequest.of(spec)) + b"\n")
            self._requests.flush()
            line = self._results.readline()
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


def _is_accelerator(device: str) -> bool:
    if device == "auto":
        require("torch", EXTRA)
        from evalkit.models.engine.weights import resolve_device

        return resolve_device() != "cpu"
    return device != "cpu"
