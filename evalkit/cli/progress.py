"""Progress on standard error: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalkit.cli.screen import console, tell
from evalkit.plain import plain
from evalkit.runner.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_LINE_EVERY_S = 5.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Bars when standard error is a terminal, else a line every few seconds."""
    if sys.stderr.isatty():
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[errors]}", style="red"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=console(stderr=True), transient=False) as bars:
            yield _TerminalProgress(bars)
    else:
        yield _LineProgress()


class _TerminalProgress:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._errors: dict[str, int] = {}
        self._began: dict[str, tuple[float, int]] = {}

    def stage(self, name: str) -> None:
        self._bars.console.print(plain(name), style="bold")

    def start(self, task: str, total: int, done: int = 0) -> None:
        self._errors[task] = 0
        self._began[task] = (time.monotonic(), 0)
        self._tasks[task] = self._bars.add_task(plain(task), total=total, completed=done, errors="", rate="")

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        self._errors[task] += errors
        began, count = self._began[task]
        self._began[task] = (began, count + ok + errors)
        elapsed = time.monotonic() - began
        rate = f"{(count + ok + errors) / elapsed:.1f}/s" if elapsed > 0.5 else ""
        shown = f"{self._errors[task]} errors" if self._errors[task] else ""
        self._bars.update(self._tasks[task], advance=ok + errors, errors=shown, rate=rate)

    def finish(self, task: str) -> None:
        self._bars.stop_task(self._tasks[task])

    def note(self, text: str) -> None:
        self._bars.console.print(plain(text))


class _LineProgress:
    def __init__(self) -> None:
        self._state: dict[str, _Task] = {}

    def stage(self, name: str) -> None:
        self._write(name)

    def start(self, task: str, total: int, done: int = 0) -> None:
        self._state[task] = _Task(total, done)

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        state = self._state[task]
        state.advance(ok, errors)
        if time.monotonic() - state.shown >= _LINE_EVERY_S:
            state.shown = time.monotonic()
            self._write(f"  {task}: {state.line()}")

    def finish(self, task: str) -> None:
        self._write(f"  {task}: {self._state[task].line()}")

    def note(self, text: str) -> None:
        self._write(text)

    @staticmethod
    def _write(text: str) -> None:
        tell(text)


class _Task:
    def __init__(self, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self.errors = 0
        self.began = self.shown = time.monotonic()
        self._before = done

    def advance(self, ok: int, errors: int) -> None:
        self.done += ok + errors
        self.errors += errors

    def line(self) -> str:
        elapsed = max(time.monotonic() - self.began, 1e-9)
        rate = (self.done - self._before) / elapsed
        parts = [f"{self.done}/{self.total}"]
        if self.errors:
            parts.append(f"{self.errors} errors")
        parts.append(f"{rate:.1f}/s")
        if self.done < self.total and rate > 0:
            parts.append(f"{(self.total - self.done) / rate:.0f} s left")
        return ", ".join(parts)
