"""Adapters by what they were made from, so that the same training is never done twice.

    <cache>/adapters/<key>/            settings and weights as evalkit.models.tuned_folder names them, tuning.json
    <cache>/adapters/.checkpoints/<key>/    a training that is under way, or was killed and can go on
    <cache>/adapters/.making-<random>/      adapters being written
    <cache>/adapters/.jobs/                 jobs submitted, see evalkit.tuning.job_files

The key is a digest of rows, base weights, settings, seed and fraction. A folder appears whole or not at all:
it is filled elsewhere and renamed. ``tuning.json`` holds the digests of the other files, and a folder that
does not match is made again.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evalkit.digest import digest_file
from evalkit.errors import InputError, Problem, RunError, TuningError
from evalkit.models.tuned_folder import tuned_files
from evalkit.records.record import Record, from_json, to_pretty_json
from evalkit.records.tuning import TuningRun
from evalkit.store.atomic import write_atomic
from evalkit.tuning.job_files import JobFiles

_FIGURES = "tuning.json"
_MAKING = ".making-"
# What a killed process was writing; no adapter takes a week to write.
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

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder on the same disk for adapters in the making; gone afterwards."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob(f"{_MAKING}*"):
                if time.time() - left.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
            workspace = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self._folder))
        except OSError as error:
            raise RunError(
                Problem(str(self._folder), None, "", f"adapters cannot be kept here: {error.strerror}")
            ) from error
        try:
            yield workspace
        finally:
            shutil.rmtree(workspace, ignore_errors=True)

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
        if self.get(key) is None:
            shutil.rmtree(target, ignore_errors=True)
            # Another process may have kept the same adapter in between; either is good.
            with contextlib.suppress(OSError):
                made.rename(target)
        shutil.rmtree(self.checkpoints(key), ignore_errors=True)
        return target


def _digests(folder: Path) -> dict[str, str]:
    files = tuned_files(folder)
    return {file.name: digest_file(file) for file in (files.settings, files.weights)}
