"""Model folders made from one file, once: a GGUF file's weights as plain numbers, a zip's files.

    <cache>/models/<digest of how and of the file>/          appears whole or not at all
    <cache>/models/<digest of how and of the file>/.sizes    of its files: where one was cut or removed, the folder is
                                                             set aside and made again
    <cache>/models/.<digest>.lock                            held by the process that makes it

The digest is of the file's bytes, so a file that is moved or installed again is not unpacked again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from filelock import FileLock

from evalkit.digest import digest_of
from evalkit.models.fingerprint import digest_known_file
from evalkit.store.atomic import raise_disk_error
from evalkit.store.cache import cache_folder
from evalkit.store.set_aside import set_aside

_SIZES = ".sizes"


def made_once(file: Path, how: str, make: Callable[[Path, Path], None]) -> Path:
    """The folder made from ``file``, from the cache where it was made before.

    Args:
        file: What it is made from.
        how: A word that changes when ``make`` would make another folder of the same file.
        make: Fills a folder, its second argument, from a file, its first.

    Raises:
        InputError: ``file`` cannot be used.
        RunError: The disk is full or the cache cannot be written.
    """
    folder = cache_folder() / "models"
    target = folder / digest_of([how, digest_known_file(file)])
    if _is_whole(target):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two runs that start together would hold the weights of one model twice in memory.
        with FileLock(folder / f".{target.name}.lock"):
            if _is_whole(target):
                return target
            if os.path.lexists(target):
                set_aside(target, "a model's folder", "a file of it was cut or removed")
            prefix = f".making-{target.name}-"
            for left in folder.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)  # of a process that died: we hold the lock
            making = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
            try:
                make(file, making)
                for path in making.rglob("*"):
                    path.chmod(0o755 if path.is_dir() else 0o644)
                making.chmod(0o755)
                (making / _SIZES).write_bytes(msgspec.json.encode(_sizes(making)))
                making.rename(target)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise_disk_error(target, error)
    return target


def _is_whole(folder: Path) -> bool:
    """Whether a folder was made and nothing in it was removed or cut since."""
    try:
        return msgspec.json.decode((folder / _SIZES).read_bytes(), type=dict[str, int]) == _sizes(folder)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name != _SIZES
    }
