"""Qdrant on this machine: each index as vectors in a folder of evalkit's cache, searched by its local mode in memory.

    <cache>/indexes/<digest>/vectors.npy    one row a chunk, float32, as the embedder gave them
    <cache>/indexes/<digest>/evalkit.json   what they were made from, and the digest of that file; written last

Local mode can keep a folder of its own, but it keeps points pickled there: whoever can write such a folder can run code
where it is opened. So nothing of it is kept here, and a cache that was restored from elsewhere is data alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from filelock import FileLock

from evalkit.digest import digest_file
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
_VECTORS = "vectors.npy"


class _KeptMeta(IndexMeta, frozen=True, kw_only=True):
    vectors: str


class QdrantFolder:
    """A ``QdrantStore`` of folders on this machine. A folder appears under its digest only when it is whole.

    Args:
        folder: Holds one folder for each index; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, digest: str, chunks: int) -> OpenIndex | None:
        """The index of that digest; a folder that is not as it was written counts as none."""
        place = self._folder / digest
        try:
            meta = from_json((place / _META).read_bytes(), _KeptMeta)
            if (meta.digest, meta.chunks) != (digest, chunks) or digest_file(
                place / _VECTORS
            ) != meta.vectors:
                return None
            vectors = np.load(place / _VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, msgspec.MsgspecError):
            return None
        if vectors.dtype != np.float32 or vectors.shape != (meta.chunks, meta.dimensions):
            return None
        return _searched(vectors, meta)

    def build(self, vectors: Vectors, meta: IndexMeta, *, reuse: bool) -> OpenIndex:
        """Fill a folder next to the others and rename it when it is whole; a killed build leaves none under the digest.

        Raises:
            RunError: The folder cannot be written.
        """
        vectors = np.asarray(vectors, dtype=np.float32)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / f"{meta.digest}.lock"):
                if reuse and (ready := self.open(meta.digest, meta.chunks)) is not None:
                    return ready
                for left in self._folder.glob(f"{meta.digest}.building-*"):
                    shutil.rmtree(left, ignore_errors=True)  # of builds that died: we hold the lock
                building = Path(tempfile.mkdtemp(prefix=f"{meta.digest}.building-", dir=self._folder))
                _fill(building, vectors, meta)
                place = self._folder / meta.digest
                if place.exists():
                    old = Path(tempfile.mkdtemp(prefix=f"{meta.digest}.building-", dir=self._folder))
                    place.rename(old / "old")
                    building.rename(place)
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    building.rename(place)
        except OSError as error:
            message = f"the index cannot be written: {error}"
            raise RunError(Problem(str(self._folder), None, "", message)) from error
        return _searched(vectors, meta)


def _fill(building: Path, vectors: Vectors, meta: IndexMeta) -> None:
    with (building / _VECTORS).open("wb") as stream:
        np.save(stream, vectors, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    kept = _KeptMeta(**msgspec.structs.asdict(meta), vectors=digest_file(building / _VECTORS))
    write_atomic(building / _META, to_pretty_json(kept))


def _searched(vectors: Vectors, meta: IndexMeta) -> OpenIndex:
    """A collection of its own in memory, so that several processes may search one folder."""
    client = _client()
    create(client, _COLLECTION, meta)
    upload(client, _COLLECTION, vectors, meta)
    return OpenIndex(client, _COLLECTION, meta, always_exact=True)


def _client() -> QdrantClient:
    silence_telemetry()
    from qdrant_client import QdrantClient

    # The client says so above 20,000 points. The report gives the times, which show whether a server is needed.
    warnings.filterwarnings("ignore", message="Local mode is not recommended", category=UserWarning)
    return QdrantClient(":memory:", force_disable_check_same_thread=True)
