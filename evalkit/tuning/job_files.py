"""Tuning jobs on disk, so that a run that was killed goes on polling what it submitted.

    <cache>/adapters/.jobs/<digest>.json    one job, replaced whole at each change
    <cache>/adapters/.jobs/lock             held while a job is looked up and submitted

The digest is that of the adapter. Jobs belong to the cache and not to a run: two runs of one suite want the same model,
and the second finds the job of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from evalkit.errors import Problem, RunError
from evalkit.records.record import from_json, to_pretty_json
from evalkit.records.tuning import TuningJob
from evalkit.store.atomic import write_atomic
from evalkit.store.set_aside import set_aside


class JobFiles:
    """A folder of tuning jobs, one file each.

    Args:
        folder: Made when the first job is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Look a job up and submit it without another process doing so in between: it would be paid twice.

        Raises:
            RunError: The folder cannot be written.
        """
        lock = FileLock(self._folder / "lock")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise RunError(
                Problem(str(self._folder), None, "", f"tuning jobs cannot be kept here: {error.strerror}")
            ) from error
        try:
            yield
        finally:
            lock.release()

    def read(self, digest: str) -> TuningJob | None:
        """The job that makes the model of ``digest``; None where none was submitted.

        Warns:
            CacheWarning: Its file cannot be read, and is set aside.
        """
        file = self._folder / f"{digest}.json"
        try:
            return from_json(file.read_bytes(), TuningJob)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            set_aside(file, "the file of a tuning job", error)
            return None

    def write(self, job: TuningJob) -> None:
        """Keep a job as it is now.

        Raises:
            RunError: The disk is full or the folder cannot be written.
        """
        write_atomic(self._folder / f"{job.spec_digest}.json", to_pretty_json(job))
