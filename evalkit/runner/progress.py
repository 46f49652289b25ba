"""Who is told how far the work is. The command line shows it; Python callers may pass their own."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of each stage and each finished cell; must be quick."""

    def stage(self, name: str) -> None:
        """A stage begins: "tuning", "answering", "scoring", ..."""
        ...

    def start(self, task: str, total: int, done: int = 0) -> None:
        """A task of ``total`` cells begins, ``done`` of them finished in an earlier session."""
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
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def start(self, task: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """Nothing."""

    def finish(self, task: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class Renamed:
    """Tells another under longer task names, so that one arm's work on two task sets is told apart.

    Args:
        told: Who is told.
        suffix: Put behind each task's name.
    """

    def __init__(self, told: Progress, suffix: str) -> None:
        self._told = told
        self._suffix = suffix

    def stage(self, name: str) -> None:
        """As it is."""
        self._told.stage(name)

    def start(self, task: str, total: int, done: int = 0) -> None:
        """With the suffix."""
        self._told.start(f"{task} {self._suffix}", total, done)

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """With the suffix."""
        self._told.advance(f"{task} {self._suffix}", ok, errors)

    def finish(self, task: str) -> None:
        """With the suffix."""
        self._told.finish(f"{task} {self._suffix}")

    def note(self, text: str) -> None:
        """As it is."""
        self._told.note(text)
