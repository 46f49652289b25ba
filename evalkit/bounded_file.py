"""Files from elsewhere, read within bounds: regular files only, and none larger than its kind ever is.

A suite may name a pipe that nobody writes to, a device that never ends, or a file of any size. What is refused here is
an ``OSError`` whose ``strerror`` says why, so that a reader words it as it words a file without permission.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

SETTINGS_BYTES = 2_000_000
"""Most bytes of a file that people write: a suite, a price file, a schema, front matter, variables."""
DOCUMENT_BYTES = 256_000_000
"""Most bytes of a file that programs write and that is read whole: a document of a corpus, a tokenizer's vocabulary."""
ROW_BYTES = 64_000_000
"""Most bytes of one row of a data file; a file may have any number of rows."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(path: Path) -> IO[bytes]:
    """A regular file, opened for reading; links are followed. Never waits, as opening a pipe would.

    Raises:
        OSError: There is none, it is something else (``strerror`` says what), or it may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:  # how a socket answers
            raise OSError(errno.EINVAL, "it is a socket, not a regular file", str(path)) from None
        raise
    try:
        _check_regular(descriptor, path)
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file of at most ``most_bytes`` bytes.

    Raises:
        OSError: As for ``open_regular``, or the file is larger.
    """
    with open_regular(path) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(
            errno.EFBIG, f"it is larger than {most_bytes:,} bytes, the most that is read", str(path)
        )
    return content


def _check_regular(descriptor: int, path: Path) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
