"""Adapters by what they were made from, so that the same training is never done twice.

    <cache>/adapters/<key>/            settings and weights as evalkit.models.tuned_folder names them, tuning.json
    <cache>/adapters/<key>.damaged-<n>/     what was found in its place and could not be used
    <cache>/adapters/.checkpoints/<key>/    a training that is under way, or was killed and can go on
    <cache>/adapters/.checkpoints/<key>.lock    held while it is under way
    <cache>/adapters/.making-<random>/      adapters being written
    <cache>/adapters/.making-<random>.lock  held while they are
    <cache>/adapters/.jobs/                 jobs submitted, see evalkit.tuning.job_files

    <cache>/adapters/.lock                  held while an adapter is put in its place

The key is a digest of rows, base weights, settings, seed and fraction. A folder appears whole or not at all:
it is filled elsewhere and renamed. ``tuning.json`` holds the digests of the other files; a folder that does not match
is set aside and made again. No lock lies in a folder that anybody removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
from filelock import FileLock, Timeout

from evalkit.digest import digest_file
from evalkit.errors import InputError, Problem, RunError, TuningError
from evalkit.models.tuned_folder import tuned_files
from evalkit.records.record import Record, from_json, to_pretty_json
from evalkit.records.tuning import TuningRun
from evalkit.store.atomic import raise_disk_error, write_atomic
from evalkit.store.set_aside import set_aside
from evalkit.tuning.job_files import JobFiles

_FIGURES = "tuning.json"
_MAKING = ".making-"
# What a killed process of an older evalkit was writing; no adapter takes a week to write.
_ABANDONED_S = 7 * 24 * 3600


class _Kept(Record, frozen=True, kw_only=True):
    run: TuningRun
    files: dict[str, str]


class AdapterCache:
    """A folder of adapters.

    Args:
        folder: Made when the first adapter is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        """Where the adapter of ``key`` lies, or would."""
        return self._folder / key

    def get(self, key: str) -> TuningRun | None:
        """What training took the first time, marked as cached; None when there is no whole adapter."""
        folder = self.path(key)
        try:
            kept = from_json((folder / _FIGURES).read_bytes(), _Kept)
            whole = kept.files == _digests(folder)
        except (OSError, InputError, msgspec.MsgspecError):
            return None
        return msgspec.structs.replace(kept.run, cached=True) if whole else None

    def checkpoints(self, key: str) -> Path:
        """Where the training of ``key`` keeps what it needs to go on after a kill."""
        return self._folder / ".checkpoints" / key

    @property
    def jobs(self) -> JobFiles:
        """The jobs that make adapters, or models elsewhere in their place."""
        return JobFiles(self._folder / ".jobs")

    def set_damaged_aside(self, key: str) -> None:
        """Make room for an adapter where something lies in its place that is no whole one.

        Warns:
            CacheWarning: There was such a thing.
        """
        if self.path(key).exists():
            with self._placing():
                if self.get(key) is None:
                    self._clear(key)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder on the same disk for adapters in the making; gone afterwards.

        One that a killed process left is cleared away by the next: its lock is held by nobody.
        """
        workspace = self._folder / f"{_MAKING}{uuid4().hex[:12]}"
        lock = FileLock(_making_lock(workspace))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._clear_abandoned()
            lock.acquire()
            workspace.mkdir()
        except OSError as error:
            raise RunError(
                Problem(str(self._folder), None, "", f"adapters cannot be kept here: {error.strerror}")
            ) from error
        try:
            yield workspace
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
            lock.release()
            _making_lock(workspace).unlink(missing_ok=True)

    def _clear_abandoned(self) -> None:
        """Remove what killed processes were writing, and their checkpoints of adapters that others made since.

        A folder of before there were such locks is left for a week.
        """
        for checkpoints in (self._folder / ".checkpoints").glob("*/"):
            if self.path(checkpoints.name).exists():
                self._forget_training(checkpoints.name)
        for left in self._folder.glob(f"{_MAKING}*"):
            lock = _making_lock(left)
            with contextlib.suppress(
                OSError, Timeout
            ):  # another process ended, cleared it away, or writes there
                if left.suffix == ".lock":
                    left, lock = left.with_suffix(""), left
                elif not lock.exists() and time.time() - left.stat().st_mtime < _ABANDONED_S:
                    continue
                with FileLock(lock, timeout=0):
                    shutil.rmtree(left, ignore_errors=True)
                lock.unlink(missing_ok=True)

    def put(self, key: str, made: Path, run: TuningRun) -> Path:
        """Keep a finished adapter.

        Args:
            key: Its digest.
            made: The folder the tuner wrote, on the same disk; moved.
            run: What training took.

        Raises:
            TuningError: The tuner did not write an adapter.
            RunError: The disk is full.
        """
        try:
            kept = _Kept(run=run, files=_digests(made))
        except (OSError, InputError) as error:
            raise TuningError(f"model {run.model!r}: the tuner left no whole adapter: {error}") from error
        write_atomic(made / _FIGURES, to_pretty_json(kept))
        target = self.path(key)
        with self._placing():
            if (
                self.get(key) is None
            ):  # another process may have kept the same adapter in between; either is good
                self._clear(key)
                try:
                    made.rename(target)
                except OSError as error:
                    raise_disk_error(target, error)
        self._forget_training(key)
        return target

    @contextlib.contextmanager
    def _placing(self) -> Iterator[None]:
        """Be the only process that looks at what is in an adapter's place and changes it."""
        lock = FileLock(self._folder / ".lock")
        try:
            lock.acquire()
        except OSError as error:
            raise_disk_error(self._folder, error)
        try:
            yield
        finally:
            lock.release()

    def _clear(self, key: str) -> None:
        if os.path.lexists(self.path(key)):
            set_aside(self.path(key), "the adapter", "its files are not those that were written")

    def _forget_training(self, key: str) -> None:
        """Remove what a training kept, unless another process is at the same one: then that one does."""
        checkpoints = self.checkpoints(key)
        if checkpoints.exists():
            with contextlib.suppress(Timeout, OSError), FileLock(training_lock(checkpoints), timeout=0):
                shutil.rmtree(checkpoints, ignore_errors=True)


def _making_lock(workspace: Path) -> Path:
    return workspace.with_name(f"{workspace.name}.lock")


def training_lock(checkpoints: Path) -> Path:
    """The lock of a training: beside the folder of its checkpoints, so that it outlives the folder."""
    return checkpoints.with_name(f"{checkpoints.name}.lock")


def _digests(folder: Path) -> dict[str, str]:
    files = tuned_files(folder)
    return {file.name: digest_file(file) for file in (files.settings, files.weights)}
