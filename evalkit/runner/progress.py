"""Callbacks for how far a run is. The command line shows it; Python callers may pass their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evalkit.secrets import Secrets


class Progress(Protocol):
    """Called at each stage and each finished cell; must return quickly."""

    def stage(self, name: str) -> None:
        """A stage starts: "tuning", "answering", "scoring", ..."""
        ...

    def start(self, task: str, total: int, done: int = 0) -> None:
        """A task of ``total`` cells starts, ``done`` of them finished in an earlier session."""
        ...

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """Some cells of a task ended."""
        ...

    def finish(self, task: str) -> None:
        """A task ended, whole or stopped."""
        ...

    def note(self, text: str) -> None:
        """One line for people."""
        ...


class Silent:
    """Shows nothing."""

    def stage(self, name: str) -> None:
        """Do nothing."""

    def start(self, task: str, total: int, done: int = 0) -> None:
        """Do nothing."""

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """Do nothing."""

    def finish(self, task: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


def notice_of(name: str, progress: Progress, secrets: Secrets) -> Callable[[str], None]:
    """What shows one line for people about a model or an embedder, as ``name: text``; no secret in it is shown."""
    return lambda text: progress.note(f"{name}: {secrets.hide(text)}")


class Renamed:
    """Passes calls on under longer task names, so that one arm's work on two task sets can be told apart.

    Args:
        progress: What is called.
        suffix: Put behind each task's name.
    """

    def __init__(self, progress: Progress, suffix: str) -> None:
        self._progress = progress
        self._suffix = suffix

    def stage(self, name: str) -> None:
        """Pass the call on unchanged."""
        self._progress.stage(name)

    def start(self, task: str, total: int, done: int = 0) -> None:
        """Pass the call on with the suffix behind the task's name."""
        self._progress.start(f"{task} {self._suffix}", total, done)

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """Pass the call on with the suffix behind the task's name."""
        self._progress.advance(f"{task} {self._suffix}", ok, errors)

    def finish(self, task: str) -> None:
        """Pass the call on with the suffix behind the task's name."""
        self._progress.finish(f"{task} {self._suffix}")

    def note(self, text: str) -> None:
        """Pass the call on unchanged."""
        self._progress.note(text)
