"""A baseline on disk: JSON made to be committed and reviewed.

The facts of the run come first, one key a line, then one case a line, sorted by id: a changed answer is one changed
line. A digest over all of it, and a short one in each case's line, tell a file that was edited, cut or merged by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from evalkit.bounded_file import DOCUMENT_BYTES, read_bounded
from evalkit.digest import digest_bytes, digest_of
from evalkit.errors import Problem, RunError
from evalkit.records.baseline import Baseline
from evalkit.records.record import from_json, to_json
from evalkit.store.atomic import write_atomic

_VERSION = 1
_CHECK_DIGITS = 6
_BYTE = re.compile(r"\(byte (\d+)\)")
_CASE_PLACE = re.compile(r"\$\.cases\[(\d+)\]")
_CONFLICT = (b"<<<<<<< ", b"=======\n", b">>>>>>> ")
_AGAIN = "`evalkit gate SUITE --update-baseline` writes it again; else restore it from a commit"


class _Versioned(msgspec.Struct):
    format_version: int
    suite: str = ""


def write_baseline(path: Path, baseline: Baseline) -> Baseline:
    """Write a baseline, whole or not at all; gives it as written, with its digests.

    Raises:
        RunError: The folder is not there or cannot be written.
    """
    if not path.absolute().parent.is_dir():
        message = "there is no such folder; make it first"
        raise RunError(Problem(str(path.absolute().parent), None, "", message))
    checked = replace(baseline, digest="", cases=tuple(replace(case, check="") for case in baseline.cases))
    cases = tuple(replace(case, check=_check(to_json(case))) for case in checked.cases)
    sealed = replace(checked, cases=cases)
    sealed = replace(sealed, digest=_digest(msgspec.json.decode(to_json(sealed))))
    write_atomic(path, b"".join(_lines(sealed)))
    return sealed


def read_baseline(path: Path) -> Baseline:
    """A baseline as it was written.

    Raises:
        RunError: It is missing, too large, torn, edited or of a newer format; gives file and line.
    """
    try:
        content = read_bounded(path, DOCUMENT_BYTES)
    except FileNotFoundError:
        message = "no such baseline. `evalkit gate SUITE --baseline FILE --update-baseline` writes one."
        raise RunError(Problem(str(path), None, "", message)) from None
    except OSError as error:
        raise RunError(Problem(str(path), None, "", f"cannot be read: {error.strerror or error}")) from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise _error(path, None, f"is empty; {_AGAIN}")
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.startswith(_CONFLICT):
            raise _error(path, number, f"holds a merge conflict; {_AGAIN}")
    try:
        version = from_json(content, _Versioned).format_version
    except msgspec.MsgspecError as error:
        raise _unreadable(path, content, error) from error
    if version != _VERSION:
        newer = f"was written by a newer evalkit (format {version}, this one reads format {_VERSION}); upgrade evalkit"
        older = f"has format {version}, and there is none such; {_AGAIN}"
        raise _error(path, None, newer if version > _VERSION else older)
    try:
        baseline = from_json(content, Baseline)
    except msgspec.MsgspecError as error:
        raise _unreadable(path, content, error) from error
    _check_unedited(path, content, baseline)
    return baseline


def _lines(baseline: Baseline) -> Iterator[bytes]:
    yield b"{\n"
    for name in baseline.__struct_fields__:
        if name in ("arms", "metrics"):
            items = [b"    " + to_json(item) for item in getattr(baseline, name)]
            yield b'  "%s": [\n%s\n  ],\n' % (name.encode(), b",\n".join(items))
        elif name != "cases":
            comma = b"" if name == "digest" else b","
            if name == "digest":  # the cases stand before it, so that the end of the file is sealed too
                yield b'  "cases": [\n'
                yield b",\n".join(b"    " + to_json(case) for case in baseline.cases)
                yield b"\n  ],\n" if baseline.cases else b"  ],\n"
            yield b'  "%s": %s%s\n' % (name.encode(), to_json(getattr(baseline, name)), comma)
    yield b"}\n"


def _check(line: bytes) -> str:
    return digest_bytes(line)[:_CHECK_DIGITS]


def _digest(content: Any) -> str:
    """Of what the JSON says, so that a formatter may lay it out otherwise."""
    return digest_of({key: value for key, value in content.items() if key != "digest"})


def _check_unedited(path: Path, content: bytes, baseline: Baseline) -> None:
    try:
        digest = _digest(msgspec.json.decode(content))
    except (msgspec.MsgspecError, RecursionError, OverflowError, UnicodeError) as error:
        raise _error(path, None, f"holds what no evalkit wrote ({error}); {_AGAIN}") from error
    if digest != baseline.digest:
        for place, case in enumerate(baseline.cases):
            if _check(to_json(replace(case, check=""))) != case.check:
                line = _line_of_case(content, place)
                raise _error(path, line, f"case {case.id!r} was changed by hand or by a merge; {_AGAIN}")
        message = (
            "was changed by hand or by a merge: no case, but other lines, or cases were added or removed"
        )
        raise _error(path, None, f"{message}; {_AGAIN}")
    ids = [case.id for case in baseline.cases]
    shapes = {(len(case.arms), *(len(each.scores) for each in case.arms if each)) for case in baseline.cases}
    n_arms, n_metrics = len(baseline.arms), len(baseline.metrics)
    if len(set(ids)) < len(ids) or any(
        shape[0] != n_arms or any(n != n_metrics for n in shape[1:]) for shape in shapes
    ):
        raise _error(
            path, None, f"names a case twice, or lacks scores that its first lines promise; {_AGAIN}"
        )


def _unreadable(path: Path, content: bytes, error: msgspec.MsgspecError) -> RunError:
    """Names the line: of the byte that the decoder tells, of the case that it names, or the last one of a torn file."""
    words = str(error)
    if (byte := _BYTE.search(words)) is not None:
        line: int | None = content.count(b"\n", 0, int(byte[1])) + 1
    elif (place := _CASE_PLACE.search(words)) is not None:
        line = _line_of_case(content, int(place[1]))
    elif "truncated" in words:
        line = content.count(b"\n") + (not content.endswith(b"\n"))
    else:
        line = None
    return _error(path, line, f"is no baseline, or a damaged one: {words}; {_AGAIN}")


def _line_of_case(content: bytes, place: int) -> int | None:
    """Where a case stands in a file that is laid out as it was written."""
    lines = content.split(b"\n")
    first = next((at for at, line in enumerate(lines) if line.startswith(b'  "cases": [')), None)
    return None if first is None or first + 1 + place >= len(lines) else first + 2 + place


def _error(path: Path, line: int | None, message: str) -> RunError:
    return RunError(Problem(str(path), line, "", message))
