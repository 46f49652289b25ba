"""One writer per run folder, which clears away what a killed one left half-written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from evalkit.errors import Problem, RunError
from evalkit.store.atomic import TEMPORARY, raise_disk_error


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder; the operating system gives it back when the process dies.

    Raises:
        RunError: Another process writes to this run, or the disk is full.
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
    except OSError as error:
        raise_disk_error(folder, error)
    try:
        for torn in folder.rglob(f".*{TEMPORARY}"):
            torn.unlink(missing_ok=True)
        yield
    finally:
        lock.release()
