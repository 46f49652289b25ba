"""A model folder in a zip file, unpacked without trusting the names and sizes in it."""

from __future__ import annotations

import contextlib
import lzma
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from evalkit.errors import InputError, Problem

# Weights hardly get smaller in a zip; what grows more than this is made to fill a disk.
_MOST_GROWTH = 10
_ALWAYS_ALLOWED_BYTES = 100 * 1024**2
_MOST_FILES = 10_000
_LONGEST_NAME = 255
_OF_A_DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


def unzip(file: Path, folder: Path) -> None:
    """Unpack a zip; one folder around all its files is left out.

    Raises:
        InputError: It is no zip, is damaged, names a place outside of the folder, holds a link, or would grow to more
            than ten times its size and 100 MB.
    """
    with _refusing_damage(file), zipfile.ZipFile(file) as archive:
        for path, entry in _entries(file, archive).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # zipfile reads no more bytes of an entry than were counted before.
            with archive.open(entry) as packed, target.open("xb") as stream:
                shutil.copyfileobj(packed, stream, 1 << 20)


def names_in_zip(file: Path) -> list[PurePosixPath]:
    """The files that ``unzip`` would write, from the zip's own list; nothing is unpacked.

    Raises:
        InputError: As ``unzip`` would, where the list alone shows it.
    """
    with _refusing_damage(file), zipfile.ZipFile(file) as archive:
        return list(_entries(file, archive))


def _entries(file: Path, archive: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files of a zip by their path in the folder that they become."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    for problem in _problems(file, entries):
        raise InputError(Problem(str(file), None, "", problem))
    around = _folder_around(entries)
    return {PurePosixPath(entry.filename).relative_to(around): entry for entry in entries}


@contextlib.contextmanager
def _refusing_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (*_OF_A_DAMAGED_ZIP, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's: what bz2 makes of a damaged stream has no number
        raise InputError(
            Problem(
                str(file),
                None,
                "",
                f"cannot be unpacked: {error}. It is damaged, cut short, or no plain zip; fetch it again, or reinstall "
                "the package that ships it",
            )
        ) from error


def _problems(file: Path, entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    if not entries:
        yield "is an empty zip"
    if len(entries) > _MOST_FILES:
        yield f"holds {len(entries):,} files, and {_MOST_FILES:,} at most are unpacked"
    names: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
            yield f"holds the name {entry.filename!r}, which leads out of the folder it is unpacked to"
        if not path.parts or max(map(len, map(os.fsencode, path.parts))) > _LONGEST_NAME:
            yield f"holds the name {entry.filename[:50]!r}, which no file can have"
        if stat.S_ISLNK(entry.external_attr >> 16):
            yield f"holds {entry.filename!r}, a link; a model is plain files"
        if str(path) in names:
            yield f"holds {entry.filename!r} twice"
        names.add(str(path))
        folders.update(map(str, path.parents))
    if both := sorted(names & folders):
        yield f"holds {both[0]!r} as a file and as a folder"
    packed = file.stat().st_size
    unpacked = sum(entry.file_size for entry in entries)
    allowed = max(_MOST_GROWTH * packed, _ALWAYS_ALLOWED_BYTES)
    if unpacked > allowed:
        yield f"would grow from {packed:,} to {unpacked:,} bytes, and {allowed:,} are allowed; weights do not shrink so"


def _folder_around(entries: list[zipfile.ZipInfo]) -> PurePosixPath:
    tops = {PurePosixPath(entry.filename).parts[0] for entry in entries}
    inside = all(len(PurePosixPath(entry.filename).parts) > 1 for entry in entries)
    return PurePosixPath(tops.pop()) if inside and len(tops) == 1 else PurePosixPath()
