"""Append-only files of records: one JSON object a line.

A process that is killed can leave a torn last line. Readers drop it, and a writer cuts it off before it
appends, so the cell it belonged to is owed again and no other line is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from evalkit.errors import Problem, RunError
from evalkit.records.record import decoder_of, to_json
from evalkit.store.atomic import TEMPORARY, raise_disk_error

R = TypeVar("R", bound=msgspec.Struct)

_BLOCK = 1 << 16


class JsonLines(Generic[R]):
    """Reads the records of one file.

    Args:
        path: May be missing, which reads as empty.
        kind: The record's class.
    """

    def __init__(self, path: Path, kind: type[R]) -> None:
        self.path = path
        self._decode = decoder_of(kind)

    def __iter__(self) -> Iterator[R]:
        """Records in file order.

        Raises:
            RunError: The file cannot be read, or a line that is not the last one; gives the line.
        """
        try:
            if not self.path.exists():
                return
            if not self.path.is_file():
                raise RunError(Problem(str(self.path), None, "", "is no regular file"))
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if not line.endswith(b"\n"):
                        return  # torn: the writer was killed inside this line
                    yield self._record(number, line)
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise RunError(Problem(str(self.path), None, "", message)) from error

    def _record(self, number: int, line: bytes) -> R:
        try:
            return self._decode(line)
        except msgspec.MsgspecError as error:
            message = (
                f"is not a row of this file: {error}. Was it edited? Restore it, or remove this line "
                "and run with --resume."
            )
            raise RunError(Problem(str(self.path), number, "", message)) from error


class Appender:
    """Appends records; each call is one write, so a kill tears at most the last line.

    Args:
        path: Created when missing. A torn last line is cut off first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise_disk_error(path, error)
        self._end = _whole_lines(self._file)
        os.ftruncate(self._file, self._end)

    def append(self, records: Iterable[msgspec.Struct]) -> None:
        """Write records as lines in one go.

        Raises:
            RunError: The disk is full or gone. What was there before is left as it was.
        """
        content = b"".join(to_json(record) + b"\n" for record in records)
        written = 0
        try:
            while written < len(content):
                written += os.pwrite(self._file, content[written:], self._end + written)
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise_disk_error(self.path, error)
        self._end += written

    def close(self) -> None:
        """Flush to disk and close."""
        try:
            os.fsync(self._file)
        except OSError as error:  # a network disk may find out only here that it is full
            raise_disk_error(self.path, error)
        finally:
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rewrite(
    path: Path, records: Iterable[msgspec.Struct], *, before: Callable[[], None] = lambda: None
) -> int:
    """Replace a file by these records, streamed; what stood there stays when writing fails.

    Args:
        path: The file.
        records: Its new rows.
        before: Called when all rows are on the disk and the old file is about to go.

    Returns:
        How many were written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    count = 0
    try:
        with temporary.open("wb") as stream:
            for record in records:
                stream.write(to_json(record) + b"\n")
                count += 1
            stream.flush()
            os.fsync(stream.fileno())
        before()
        temporary.replace(path)
    except OSError as error:
        raise_disk_error(path, error)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _whole_lines(file: int) -> int:
    """Bytes up to and including the last newline."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        position = os.pread(file, end - start, start).rfind(b"\n")
        if position >= 0:
            return start + position + 1
        end = start
    return 0
