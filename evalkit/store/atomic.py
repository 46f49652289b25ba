"""Files that are whole or not there: written under another name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import NoReturn

from evalkit.errors import Problem, RunError

TEMPORARY = ".tmp"
"""Ending of files that are being written; their names begin with a dot."""


def write_atomic(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; what stood there stays when writing fails.

    Raises:
        RunError: The disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it cannot be there either where its folder is no folder
            temporary.unlink(missing_ok=True)
        raise_disk_error(path, error)


def raise_disk_error(path: Path, error: OSError) -> NoReturn:
    """Translate a failed write: say which file, why, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = "no space left on the disk; make space and resume the run: what is journaled is intact"
    else:
        message = f"cannot be written: {error.strerror or error}"
    raise RunError(Problem(str(path), None, "", message)) from error
