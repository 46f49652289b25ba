"""The gate's files in the run folder, and what a CI system is told: by which files and streams it reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from evalkit.plain import in_encoding
from evalkit.records.gate import GateResult
from evalkit.records.record import to_pretty_json
from evalkit.reporting.gate import github
from evalkit.reporting.gate.gate_markdown import render_comment, render_refusal, render_summary
from evalkit.reporting.gate.junit import render_junit
from evalkit.store.atomic import raise_disk_error, write_atomic


def write_gate_reports(result: GateResult, folder: Path) -> list[Path]:
    """Write ``gate.json``, ``gate.md`` and ``junit.xml``, each whole or not at all.

    Args:
        result: What the gate says.
        folder: Usually the run's; made where it is missing.

    Returns:
        The files, ``gate.json`` first.
    """
    pages = {
        "gate.json": to_pretty_json(result),
        "gate.md": render_comment(result).encode(),
        "junit.xml": render_junit(result).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise_disk_error(folder, error)
    for name, content in pages.items():
        write_atomic(folder / name, content)
    return [folder / name for name in pages]


def tell_ci(result: GateResult, environ: Mapping[str, str], stream: TextIO) -> list[str]:
    """Tell GitHub Actions, where it runs this, what the gate says: annotations, the step's outputs and its summary.

    Elsewhere nothing is done: other systems read ``junit.xml`` and the exit code.

    Args:
        result: What the gate says.
        environ: Environment variables; ``GITHUB_ACTIONS`` says whether it is GitHub's runner.
        stream: Where annotations go: standard output itself, or standard error where that holds a JSON document. What
            was shown before has to be flushed.

    Returns:
        Sentences about what could not be written; the verdict does not depend on it.
    """
    if not on_github(environ):
        return []
    _write(stream, github.gate_annotations(result))
    return [
        *_append(environ, "GITHUB_OUTPUT", _lines(github.outputs(result))),
        *_append_summary(result, environ),
    ]


def tell_ci_refusal(message: str, exit_code: int, environ: Mapping[str, str], stream: TextIO) -> list[str]:
    """Tell GitHub Actions, where it runs this, why nothing was judged.

    Args:
        message: What the user is told.
        exit_code: 102 not comparable, 103 cost limit, 104 owed cells, 2 unusable.
        environ: Environment variables.
        stream: Where the annotation goes.

    Returns:
        Sentences about what could not be written.
    """
    if not on_github(environ):
        return []
    _write(stream, github.refusal_annotation(message))
    return [
        *_append(environ, "GITHUB_OUTPUT", _lines(github.refusal_outputs(exit_code))),
        *_append(environ, "GITHUB_STEP_SUMMARY", render_refusal(message, exit_code)),
    ]


@contextlib.contextmanager
def commands_stopped(environ: Mapping[str, str], stream: TextIO) -> Iterator[None]:
    """While what strangers wrote is shown on this stream, GitHub's runner takes nothing in it for a command."""
    if not on_github(environ):
        yield
        return
    stop, go_on = github.stop_commands()
    _write(stream, stop)
    try:
        yield
    finally:
        _write(stream, go_on)


def on_github(environ: Mapping[str, str]) -> bool:
    """Whether GitHub's runner, or one that behaves like it, runs this."""
    return environ.get("GITHUB_ACTIONS") == "true"


def _write(stream: TextIO, text: str) -> None:
    """Write past whatever cleans the stream, since these commands are ours; nobody need read them."""
    with contextlib.suppress(OSError, ValueError):
        stream.write(in_encoding(text, getattr(stream, "encoding", None) or "utf-8"))
        stream.flush()


def _lines(outputs: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in outputs.items())


def _append_summary(result: GateResult, environ: Mapping[str, str]) -> list[str]:
    """As long a summary as the step still has room for."""
    path = environ.get("GITHUB_STEP_SUMMARY", "")
    used = 0
    with contextlib.suppress(OSError):
        used = Path(path).stat().st_size if path else 0
    text = render_summary(result, github.SUMMARY_BYTES - used - 1)
    if not text:
        return [f"The step's summary is full ({used:,} bytes are written): the gate is not in it."]
    return _append(environ, "GITHUB_STEP_SUMMARY", f"\n{text}" if used else text)


def _append(environ: Mapping[str, str], variable: str, text: str) -> list[str]:
    path = environ.get(variable)
    if not path:
        return []
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except (OSError, ValueError) as error:
        return [f"{variable}: the file it names cannot be written: {error}"]
    return []
