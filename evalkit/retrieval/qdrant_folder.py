"""Qdrant's local mode: each index a folder of its own in evalkit's cache folder.

The folder is always the user's own and never one that a suite names: local mode keeps its points pickled, and whoever
can write such a folder can run code where it is opened.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock, Timeout

from evalkit.embeddings.protocol import Vectors
from evalkit.errors import Problem, RunError
from evalkit.optional import silence_telemetry
from evalkit.records.record import from_json, to_pretty_json
from evalkit.retrieval.qdrant_index import IndexMeta, OpenIndex, create, upload
from evalkit.store.atomic import write_atomic

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_COLLECTION = "chunks"
_META = "evalkit.json"
_BROKEN_FOLDER = (
    OSError,
    sqlite3.Error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    EOFError,
    ImportError,
    pickle.PickleError,
)
"""What JSON, SQLite, pydantic and pickle raise on a damaged file, and the client on a folder that it cannot take."""


class QdrantFolder:
    """A ``QdrantStore`` of folders on this machine. A folder appears under its digest only when it is whole.

    Args:
        folder: Holds one folder for each index; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, digest: str, chunks: int) -> OpenIndex | None:
        """The index of that digest; a folder that cannot be read counts as none."""
        place = self._folder / digest
        try:
            meta = from_json((place / _META).read_bytes(), IndexMeta)
        except (OSError, msgspec.MsgspecError):
            return None
        if (meta.digest, meta.chunks) != (digest, chunks):
            return None
        try:
            return self._opened(place, meta)
        except _BROKEN_FOLDER:
            return None

    def build(self, vectors: Vectors, meta: IndexMeta, *, reuse: bool) -> OpenIndex:
        """Fill a folder next to the others and rename it when it is whole; a killed build leaves none under the digest.

        Raises:
            RunError: The folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / f"{meta.digest}.lock"):
                if reuse and (ready := self.open(meta.digest, meta.chunks)) is not None:
                    return ready
                for left in self._folder.glob(f"{meta.digest}.building-*"):
                    shutil.rmtree(left, ignore_errors=True)  # of builds that died: we hold the lock
                building = Path(tempfile.mkdtemp(prefix=f"{meta.digest}.building-", dir=self._folder))
                self._filled(building, vectors, meta)
                place = self._folder / meta.digest
                if place.exists():
                    old = Path(tempfile.mkdtemp(prefix=f"{meta.digest}.building-", dir=self._folder))
                    place.rename(old / "old")
                    building.rename(place)
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    building.rename(place)
        except (OSError, sqlite3.Error) as error:
            message = f"the index cannot be written: {error}"
            raise RunError(Problem(str(self._folder), None, "", message)) from error
        return self._opened(self._folder / meta.digest, meta)

    @staticmethod
    def _filled(building: Path, vectors: Vectors, meta: IndexMeta) -> None:
        client = _client(building)
        try:
            create(client, _COLLECTION, meta)
            _without_sync(client)
            upload(client, _COLLECTION, vectors, meta)
        finally:
            client.close()
        for file in building.rglob("*"):
            if file.is_file():
                with file.open("rb+") as stream:
                    os.fsync(stream.fileno())
        write_atomic(building / _META, to_pretty_json(meta))

    @staticmethod
    def _opened(place: Path, meta: IndexMeta) -> OpenIndex:
        """Local mode lets one client in at a time; while another process has the folder, a copy of it is searched."""
        lock = FileLock(place.with_name(f"{place.name}.in_use"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            copy = Path(tempfile.mkdtemp(prefix="evalkit-index-"))
            closed: Callable[[], None] = partial(shutil.rmtree, copy, ignore_errors=True)
            shutil.copytree(place, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
            place = copy
        else:
            closed = lock.release
        with ExitStack() as on_failure:
            on_failure.callback(closed)
            index = OpenIndex(_client(place), _COLLECTION, meta, closed=closed, always_exact=True)
            on_failure.pop_all()
        return index


def _client(folder: Path) -> QdrantClient:
    silence_telemetry()
    from qdrant_client import QdrantClient

    # The client says so above 20,000 points. The report gives the times, which show whether a server is needed.
    warnings.filterwarnings("ignore", message="Local mode is not recommended", category=UserWarning)
    return QdrantClient(path=str(folder), force_disable_check_same_thread=True)


def _without_sync(client: QdrantClient) -> None:
    """Let the operating system write when it likes.

    Local mode commits every point by itself, 30 ms each on a slow disk: an hour for 100,000. The folder counts only
    once it is renamed, and its files are synchronised before. A client that keeps its database elsewhere is slower.
    """
    local = getattr(client, "_client", None)
    for collection in getattr(local, "collections", {}).values():
        database = getattr(getattr(collection, "storage", None), "storage", None)
        if isinstance(database, sqlite3.Connection):
            database.execute("PRAGMA synchronous=OFF")
            database.execute("PRAGMA journal_mode=MEMORY")
