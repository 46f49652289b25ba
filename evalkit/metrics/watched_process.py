"""Patterns and schemas of a suite, run on answers within a limit of time and memory for each answer.

Python's ``re`` backtracks: 61 characters can take longer than anybody waits, and nothing inside a process can stop it
for certain. So both run in a process of their own, which the kernel ends after one second of processor time for one
answer; the score is then missing, with that reason, and the next answer gets a new process. Compared with the
alternatives: ``google-re2`` never backtracks, and has neither lookaround nor references to groups, which suites use;
``regex`` has a timeout, looks at it rarely in long runs of one character, and takes more characters for letters than
``re`` does, so that scores would change. A request to the process takes about 20 microseconds, its start 50 ms.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from evalkit.errors import EvalkitError
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score

LIMIT_S = 1.0
"""Seconds of processor time that a pattern or a schema may take for one answer."""
CHECK_LIMIT_S = 10.0
"""Seconds of processor time that it may take to check a schema itself, before anything is asked."""

M = TypeVar("M")
_WORKER = Path(__file__).with_name("watched_worker.py")
_WORDS = {
    "time_limit": "took longer than its limit of processor time",
    "memory_limit": "took more memory than its limit",
    "process_ended": "ended the process in which it ran",
}


class OverLimitError(Exception):
    """A pattern or a schema was not done with an answer within its limit; ``reason`` is that of the missing score."""

    def __init__(self, reason: str, limit_s: float) -> None:
        self.reason = reason
        seconds = f" ({limit_s:g} s)" if reason == "time_limit" else ""
        super().__init__(f"{_WORDS[reason]}{seconds}")


def missing_over_limit(score: Callable[[M, Case, Sample], Score]) -> Callable[[M, Case, Sample], Score]:
    """A metric's ``score`` for which an answer over the limit has no value, and the reason."""

    @functools.wraps(score)
    def limited(metric: M, case: Case, sample: Sample) -> Score:
        try:
            return score(metric, case, sample)
        except OverLimitError as error:
            return Score(value=None, reason=error.reason, explanation=str(error))

    return limited


class WatchedProcess:
    """Runs requests one after the other in a process that is started with the first, and again after each that ends it.

    Safe to use from several threads, and in a process that was forked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._knows: set[str] = set()

    def ask(self, request: Mapping[str, Any], limit_s: float) -> Any:
        """The reply to one request; see ``watched_worker``.

        Raises:
            OverLimitError: It was not done in time, or took too much memory.
        """
        with self._lock:
            reply = self._exchange({**request, "limit_s": limit_s}, limit_s)
        if isinstance(reply, dict) and "over" in reply:
            raise OverLimitError(reply["over"], limit_s)
        return reply

    def ask_schema(self, key: str, schema: Any, text: str | None, limit_s: float) -> dict[str, Any]:
        """What a schema says of a text; the schema itself is sent to each process once.

        Args:
            key: Stands for the schema.
            schema: A JSON value.
            text: What is to be judged; None only checks the schema.
            limit_s: Seconds of processor time.

        Raises:
            OverLimitError: As for ``ask``.
        """
        with self._lock:
            self._running()
            request: dict[str, Any] = {"key": key, "text": text, "limit_s": limit_s}
            if key not in self._knows:
                request |= {"schema": schema, "sys_path": [path or str(Path.cwd()) for path in sys.path]}
            reply: dict[str, Any] = self._exchange(request, limit_s)
            if "refused" not in reply and self._process is not None:
                self._knows.add(key)
        if "over" in reply:
            raise OverLimitError(reply["over"], limit_s)
        return reply

    def _exchange(self, request: Mapping[str, Any], limit_s: float) -> Any:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
        payload = json.dumps(request).encode()
        is_done = False
        try:
            with contextlib.suppress(BrokenPipeError):  # the read below finds out why
                process.stdin.write(len(payload).to_bytes(4, "big") + payload)
                process.stdin.flush()
            head = process.stdout.read(4)
            body = process.stdout.read(int.from_bytes(head, "big"))
            is_done = True
        finally:
            if not is_done:  # Ctrl-C, say: what is left in the pipe answers no other request
                self._end()
        if len(head) < 4:
            raise OverLimitError(self._how_it_ended(process), limit_s)
        return json.loads(body)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid():
            return self._process
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise EvalkitError(
                f"the process in which patterns and schemas run could not be started: {error}"
            ) from error
        self._process, self._owner, self._knows = process, os.getpid(), set()
        self._finalizer = weakref.finalize(self, _end, process, self._owner)
        return process

    def _how_it_ended(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait()
        self._end()
        if not hasattr(signal, "SIGPROF") or code == -signal.SIGPROF:
            return "time_limit"
        return "memory_limit" if code == -signal.SIGKILL else "process_ended"

    def _end(self) -> None:
        self._process = None
        self._finalizer()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner != os.getpid():
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


watched = WatchedProcess()
"""The process that all metrics of this one share."""
