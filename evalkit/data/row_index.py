"""Random access to the rows of a data file, at a few bytes of memory a row."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from evalkit.bounded_file import open_regular
from evalkit.data.protocol import Reader, Row
from evalkit.data.readers import read_rows
from evalkit.errors import DataError, Problem

_decode = msgspec.json.Decoder(type=dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class RowIndex:
    """Remembers where each kept row stands, and reads it again on demand.

    Rows of a JSONL file are read again from that file, which stays open: replacing it on disk does no harm, and
    a change in place is noticed. Rows of other formats are written once to an unnamed temporary JSONL file that
    goes away with this object. Safe to use from several threads.

    Args:
        path: The data file.
        shown_as: How messages name it.
        format: A reader, or its name; None goes by the file's ending.
    """

    def __init__(self, path: Path, *, shown_as: str, format: str | Reader | None = None) -> None:
        self.shown_as = shown_as
        self._path = path
        self._format = format
        self._offsets = array("Q")
        self._lines = array("Q")
        self._lock = threading.Lock()
        self._stream: IO[bytes] | None = None
        self._state: tuple[int, int] | None = None  # size and modification time; None for a temporary file

    def scan(self) -> Iterator[Row]:
        """The rows of the file, one at a time; ``keep`` adds the one given last to the index."""
        return read_rows(self._path, shown_as=self.shown_as, format=self._format)

    def keep(self, row: Row) -> None:
        """Give the row that ``scan`` gave last the next index."""
        if self._stream is None:
            self._open(temporary=row.offset is None)
        if row.offset is not None:
            self._offsets.append(row.offset)
        else:
            assert self._stream is not None  # noqa: S101 - opened above
            self._offsets.append(self._stream.tell())
            self._stream.write(_encode(row.values) + b"\n")
        self._lines.append(row.line)

    def __len__(self) -> int:
        """The number of rows kept."""
        return len(self._offsets)

    def line(self, index: int) -> int:
        """The 1-based line of a kept row in the user's file."""
        return self._lines[index]

    def values(self, index: int) -> dict[str, Any]:
        """Column name to value of a kept row, read from the file.

        Raises:
            DataError: The file was changed since it was scanned.
        """
        with self._lock:
            if self._stream is None:
                raise ValueError(f"the rows of {self.shown_as} were closed")
            if self._state is not None and _state(self._stream) != self._state:
                raise DataError(Problem(self.shown_as, None, "", "was changed during the run; start again"))
            self._stream.seek(self._offsets[index])
            raw = self._stream.readline()
        return _decode(raw)

    def close(self) -> None:
        """Close the file; a temporary one is deleted."""
        with self._lock:
            if self._stream is not None:
                self._finalizer()
                self._stream = None

    def _open(self, *, temporary: bool) -> None:
        if temporary:
            self._stream = tempfile.TemporaryFile(prefix="evalkit-rows-")  # noqa: SIM115 - closed below
        else:
            self._stream = open_regular(self._path)
            self._state = _state(self._stream)
        self._finalizer = weakref.finalize(self, self._stream.close)


def _state(stream: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns
