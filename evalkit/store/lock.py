"""One writer per run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from evalkit.errors import Problem, RunError


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder; the operating system gives it back when the process dies.

    Raises:
        RunError: Another process writes to this run.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            Problem(
                str(folder),
                None,
                "",
                "another process is writing to this run; wait for it, or start a run of your own",
            )
        ) from None
    try:
        yield
    finally:
        lock.release()
