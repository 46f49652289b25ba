"""A run on disk: the names of its files and how to read them."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from evalkit.errors import Problem, RunError
from evalkit.plain import is_plain
from evalkit.records.manifest import CaseFacts, Manifest
from evalkit.records.record import Record, from_json, to_pretty_json
from evalkit.records.sample import LatencyRow, Sample
from evalkit.records.score import ScoreRow
from evalkit.store.atomic import write_atomic
from evalkit.store.jsonl import JsonLines

R = TypeVar("R", bound=Record)

FORMAT_VERSION = 1
LATEST = "latest"
REPORTS = Path("reports")
"""Where runs are kept unless a user names another folder."""
CASES_FILE = "cases.jsonl"
DERIVED_FILES = ("report.html", "report.md", "report.json", "decision.json", "comparison.json")


class PromptRow(Record, frozen=True, kw_only=True):
    """One distinct prompt: a row of ``prompts.jsonl``."""

    digest: str
    messages: tuple[dict[str, str], ...]


class RunFolder:
    """``reports/<suite>/<run-id>/``.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def file(self, name: str) -> Path:
        """A file of the run."""
        return self.path / name

    @property
    def samples_file(self) -> Path:
        """The journal: append-only, one line per finished cell."""
        return self.file("samples.jsonl")

    @property
    def scores_file(self) -> Path:
        """The scores; each scoring writes the whole file again."""
        return self.file("scores.jsonl")

    @property
    def latency_file(self) -> Path:
        """Timings of the isolated pass: cases answered one at a time."""
        return self.file("latency.jsonl")

    @property
    def prompts_file(self) -> Path:
        """The prompts, each once under its digest."""
        return self.file("prompts.jsonl")

    def read(self, name: str, kind: type[R]) -> R:
        """One JSON file of the run, such as ``manifest.json``.

        Raises:
            RunError: It is missing, is not JSON of that shape, or a newer evalkit wrote it.
        """
        path = self.file(name)
        try:
            if path.exists() and not path.is_file():
                raise RunError(Problem(str(path), None, "", "is no regular file"))
            content = path.read_bytes()
        except FileNotFoundError:
            raise RunError(
                Problem(str(self.path), None, "", f"has no {name}; run that stage first, or resume the run")
            ) from None
        except OSError as error:
            raise RunError(Problem(str(path), None, "", f"cannot be read: {error.strerror}")) from error
        try:
            version = from_json(content, _Versioned).format_version
        except msgspec.MsgspecError as error:
            raise _unreadable(path, content, error) from error
        highest = _version_of(kind)
        if version > highest:
            raise RunError(
                Problem(
                    str(path),
                    None,
                    "",
                    f"was written by a newer evalkit (format {version}, this one reads up to "
                    f"{highest}); upgrade evalkit",
                )
            )
        try:
            return from_json(content, kind)
        except msgspec.MsgspecError as error:
            raise _unreadable(path, content, error) from error

    def has(self, name: str) -> bool:
        """Whether that file is there."""
        return self.file(name).exists()

    def write(self, name: str, record: Record) -> None:
        """Write one JSON file, whole or not at all."""
        write_atomic(self.file(name), to_pretty_json(record))

    def remove_derived_files(self) -> None:
        """Remove what rests on scores and prices that will change, so that a kill leaves none of it out of date."""
        for name in DERIVED_FILES:
            self.file(name).unlink(missing_ok=True)

    def manifest(self) -> Manifest:
        """What the run was made from: the content of ``manifest.json``."""
        return self.read("manifest.json", Manifest)

    def cases(self) -> Iterator[CaseFacts]:
        """Id, cluster and tags of each case, in the order of the suite."""
        return iter(JsonLines(self.file(CASES_FILE), CaseFacts))

    def samples(self) -> Iterator[Sample]:
        """Each cell's last row, in file order. Holds 8 bytes a row, not the rows."""
        rows = JsonLines(self.samples_file, Sample)
        last = last_rows(rows)
        for index, sample in enumerate(rows):
            if index < len(last) and last[index]:
                yield sample

    def scores(self) -> Iterator[ScoreRow]:
        """Rows of ``scores.jsonl``, in file order."""
        return iter(JsonLines(self.scores_file, ScoreRow))

    def latency(self) -> Iterator[LatencyRow]:
        """Rows of ``latency.jsonl``, in file order."""
        return iter(JsonLines(self.latency_file, LatencyRow))


_BYTE = re.compile(r"\(byte (\d+)\)")


def _unreadable(path: Path, content: bytes, error: msgspec.MsgspecError) -> RunError:
    """Names the line where that is known: the decoder tells the byte."""
    found = _BYTE.search(str(error))
    line = None if found is None else content.count(b"\n", 0, int(found[1])) + 1
    return RunError(Problem(str(path), line, "", f"is not readable: {error}"))


class _Versioned(msgspec.Struct):
    format_version: int = 1


@functools.cache
def _version_of(kind: type[Record]) -> int:
    """The format that records of a kind are written in; a file of a later one is not read."""
    versions = (field.default for field in msgspec.structs.fields(kind) if field.name == "format_version")
    return next((version for version in versions if isinstance(version, int)), FORMAT_VERSION)


def last_rows(samples: JsonLines[Sample]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Shape (n_rows,): True where no later row is of the same cell."""
    keys = np.fromiter((hash(sample.key) for sample in samples), dtype=np.int64)
    last = np.zeros(len(keys), dtype=bool)
    if len(keys):
        _, first_from_the_end = np.unique(keys[::-1], return_index=True)
        last[len(keys) - 1 - first_from_the_end] = True
    return last


def run_argument(run: Path, suite: str) -> str:
    """How a command names a run: by its id where commands look for runs by themselves, else by its folder.

    Args:
        run: The run's folder.
        suite: The suite's name.
    """
    usual = run.absolute().parent == REPORTS.absolute() / suite
    return path_argument(run.name) if usual else path_argument(run)


def path_argument(path: str | Path) -> str:
    r"""A path as one word of a shell in one line, which no command takes for an option.

    Signs that a terminal does not show as they are stand as escapes (``$'...'`` of bash, zsh and POSIX 2024).

    >>> path_argument("my suites"), path_argument("-suite"), path_argument("a\n'b'")
    ("'my suites'", './-suite', "$'a\\n\\'b\\''")
    """
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    return shlex.quote(text) if is_plain(text) else f"$'{''.join(map(_escaped, text))}'"


def _escaped(sign: str) -> str:
    """One character inside ``$'...'``; what is not ASCII or has a meaning in a log stands as its bytes."""
    if sign in "'\\":
        return f"\\{sign}"
    if sign == "\n":
        return "\\n"
    if " " <= sign <= "~" and sign != "#":
        return sign
    if sign.isalnum():
        return sign
    # A file name that is not UTF-8 holds its bytes as surrogates.
    errors = "surrogateescape" if "\udc80" <= sign <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", errors))


def find_run(run: str | Path, root: Path, *, suite: str = "*") -> RunFolder:
    """The run that a user names.

    Args:
        run: A run folder, a run id, or ``latest``: the run that began last by what its manifest says.
        root: Where runs are kept: ``./reports``.
        suite: Only runs of this suite.

    Raises:
        RunError: There is none, an id names several, or a manifest that has to be read for ``latest`` is damaged.
    """
    folder = Path(run)
    if (folder / "manifest.json").is_file():
        return RunFolder(folder)
    runs = sorted(path.parent for path in root.glob(f"{suite}/*/manifest.json"))
    if str(run) == LATEST:
        if not runs:
            raise RunError(Problem(str(root), None, "", "holds no run yet. `evalkit run SUITE` makes one."))
        return RunFolder(max(runs, key=_started))
    matches = [path for path in runs if path.name == str(run)]
    if len(matches) > 1:
        raise RunError(
            f"{len(matches)} runs are called {run!r}; name the folder: " + ", ".join(map(str, matches))
        )
    if not matches:
        known = sorted((path for path in runs if _says_when(path)), key=_started)
        recent = ", ".join(path.name for path in known[-3:]) or "none"
        raise RunError(
            f"no run {str(run)!r} under {root}. Name a run folder, a run id or 'latest'; newest runs: {recent}"
        )
    return RunFolder(matches[0])


class _Begun(msgspec.Struct):
    started_at: str


def _started(run: Path) -> tuple[datetime, list[tuple[int, str]]]:
    """When a run began; of those of one second, the folder that counts further (``-2``, ``-10``) is the later one."""
    manifest = run / "manifest.json"
    try:
        stamp = msgspec.json.decode(manifest.read_bytes(), type=_Begun).started_at
    except (OSError, msgspec.MsgspecError) as error:
        message = (
            f"does not say when the run began, so that no run can be called the latest; name one ({error})"
        )
        raise RunError(Problem(str(manifest), None, "", message)) from error
    try:
        begun = datetime.fromisoformat(stamp)
    except ValueError:  # no date: before all that have one
        begun = datetime.min
    counted = [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", run.name)]
    return begun if begun.tzinfo else begun.replace(tzinfo=UTC), counted


def _says_when(run: Path) -> bool:
    try:
        _started(run)
    except RunError:
        return False
    return True
