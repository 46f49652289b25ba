"""What a cache cannot use any more: renamed, kept for whoever wants to look, and said."""

from __future__ import annotations

import itertools
import os
import warnings
from contextlib import suppress
from pathlib import Path

from evalkit.errors import CacheWarning

_MARK = "damaged"


def set_aside(path: Path, title: str, why: object, *, alongside: tuple[str, ...] = ()) -> Path | None:
    """Rename a damaged part of a cache to ``NAME.damaged-N`` and say so; what it held is made or asked for again.

    Args:
        path: A file, a folder or a link.
        title: What it is, for the message: "the response cache".
        why: What is wrong with it.
        alongside: Endings of files that belong to it and go with it, such as ``-wal``.

    Returns:
        Where it is now; None where another process was quicker.

    Warns:
        CacheWarning: Says what was found, and where it is now.
    """
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}.{_MARK}-{number}")
        if not os.path.lexists(aside):
            break
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    for ending in alongside:
        with suppress(OSError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    warnings.warn(
        f"{path}: {title} is damaged ({why}). It is kept as {aside.name}; a new one is begun, and the run goes on",
        CacheWarning,
        stacklevel=2,
    )
    return aside
