"""What a run's figures rest on, noted in its manifest when the run ends: a file that is changed, cut or lost is found.

A stage that writes into a finished run takes the seal off before its first file and puts it on after its last, so that
a kill in between leaves a run that is known to be unfinished, and none that looks damaged.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from evalkit.digest import digest_of
from evalkit.errors import Problem, RunError
from evalkit.records.manifest import FileFacts, Manifest
from evalkit.store.run_folder import RunFolder

MANIFEST = "manifest.json"
REMADE = ("scores.jsonl", "negative_control.json", "comparison.json", "decision.json")
"""What scoring a run again makes anew."""
_ROWS = ("samples.jsonl", "prompts.jsonl", "latency.jsonl", "cases.jsonl")
_RECORDS = ("profile.json", "tuning.json", "retrieval.json", "answering.json")
_SETTINGS = ("suite.yaml", "prices.yaml", "optimised_prompts.json")
_INNER = ("extra", "known")
_PARTS = 128
_DIGITS = 6
_UNSEALED = ("seal", "suite_path")  # a suite may be moved, and its run with it


def seal(run: RunFolder, **changes: Any) -> None:
    """Note in the manifest what the run's files are now.

    Args:
        run: All its files are written.
        changes: Further fields of the manifest.

    Raises:
        RunError: A file cannot be read, or the manifest not written.
    """
    files = {name: facts_of(run.file(name)) for name in _files_of(run)}
    manifest = replace(run.manifest(), files=files, seal=None, **changes)
    run.write(MANIFEST, replace(manifest, seal=_seal_of(msgspec.to_builtins(manifest))))


def unseal(run: RunFolder, **changes: Any) -> Manifest:
    """Take the seal off before a stage writes; gives the manifest as it is now."""
    before = run.manifest()
    after = replace(before, files={}, seal=None, **changes)
    if after != before:
        run.write(MANIFEST, after)
    return after


@contextmanager
def resealed(run: RunFolder) -> Iterator[None]:
    """Change files of a finished run: without its seal meanwhile, and for good where that is broken off."""
    manifest = unseal(run)
    yield
    if manifest.finished_at is not None:
        seal(run)


def check_seal(run: RunFolder, *, without: Collection[str] = ()) -> None:
    """Compare a finished run's files with what its manifest says of them.

    Args:
        run: Its manifest is sealed.
        without: Files that are not looked at, because they will be made anew.

    Raises:
        RunError: A file was changed, cut, lost or added; says which, and in which line.
    """
    manifest = run.manifest()
    files = manifest.files or {}
    problems = [
        problem
        for name in files
        if name not in without and (problem := _difference(run, name, files[name])) is not None
    ]
    problems += [
        Problem(str(run.file(name)), None, "", "was added after the run had ended; remove it")
        for name in _files_of(run)
        if name not in files and name not in without
    ]
    content = msgspec.json.decode(run.file(MANIFEST).read_bytes())
    if manifest.seal != _seal_of(content):
        message = "was changed after the run had ended; restore it from a copy, or run the suite again"
        problems.append(Problem(str(run.file(MANIFEST)), None, "", message))
    if problems:
        raise RunError(*problems)


def facts_of(path: Path) -> FileFacts:
    """The facts of a file as it is now.

    Raises:
        OSError: It cannot be read.
    """
    digest, sums = _read(path)
    return FileFacts(rows=len(sums), digest=digest, marks="".join(_marks(sums, len(sums))))


def _difference(run: RunFolder, name: str, facts: FileFacts) -> Problem | None:
    path = run.file(name)
    try:
        if not path.is_file():
            return Problem(str(path), None, "", f"is no file any more; {_way_out(run, name)}")
        digest, sums = _read(path)
    except OSError as error:
        return Problem(str(path), None, "", f"cannot be read: {error.strerror}")
    if digest == facts.digest:
        return None
    size = _lines_a_part(facts.rows)
    marks = [facts.marks[at : at + _DIGITS] for at in range(0, len(facts.marks), _DIGITS)]
    now = list(_marks(sums, facts.rows))
    both = zip(marks, now, strict=False)
    part = next((at for at, (was, here) in enumerate(both) if was != here), min(len(marks), len(now)))
    line = max(1, min(part * size + 1, len(sums)))
    until = min((part + 1) * size, len(sums))
    place = f" between this line and line {until}" if until > line else ""
    counted = "" if len(sums) == facts.rows else f" (it had {facts.rows} lines and has {len(sums)})"
    message = f"was changed after the run had ended{place}{counted}; {_way_out(run, name)}"
    return Problem(str(path), line, "", message)


def _way_out(run: RunFolder, name: str) -> str:
    if name in REMADE:
        return f"`evalkit score {run.path}` makes it again; the table of an imported run has to be imported again"
    return "restore it from a copy, or run the suite again: answers that are in the cache are not paid twice"


def _files_of(run: RunFolder) -> list[str]:
    """The files that figures rest on, of those that are there."""
    names = [name for name in (*_ROWS, *_RECORDS, *_SETTINGS, *REMADE) if run.has(name)]
    for group in _INNER:
        for folder in sorted(run.file(group).glob("*/")):
            names += [
                f"{group}/{folder.name}/{name}"
                for name in (*_ROWS, "scores.jsonl")
                if (folder / name).exists()
            ]
    return names


def _read(path: Path) -> tuple[str, array[int]]:
    """The digest of a file's bytes, and a checksum of each of its lines."""
    digest, sums = hashlib.blake2b(digest_size=16), array("I")
    with path.open("rb") as stream:
        for line in stream:
            digest.update(line)
            sums.append(zlib.crc32(line))
    return digest.hexdigest(), sums


def _marks(sums: array[int], rows: int) -> Iterator[str]:
    """A mark of each part of the lines, in parts as a file of ``rows`` lines has them."""
    size = _lines_a_part(rows)
    for start in range(0, len(sums), size):
        yield hashlib.blake2b(sums[start : start + size].tobytes(), digest_size=_DIGITS // 2).hexdigest()


def _lines_a_part(rows: int) -> int:
    return max(1, -(-rows // _PARTS))


def _seal_of(content: Any) -> str:
    return digest_of({key: value for key, value in content.items() if key not in _UNSEALED})
