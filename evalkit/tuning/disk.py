"""Weights that cannot be written: the same words as for every other file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from evalkit.store.atomic import raise_disk_error

_NUMBER = re.compile(r"os error (\d+)")


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Translate a failed write of weights.

    Args:
        path: What is being made, for the message.
        temporary: What is removed when that fails.

    Raises:
        RunError: The disk is full or gone.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise_disk_error(path, error)
        number = _NUMBER.search(str(error))
        raise_disk_error(path, OSError(int(number[1]) if number else 0, str(error)))
