"""How late our own event loop is: whether the client was the bottleneck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from evalkit.records.run_observations import EventLoopLag

_LATE_S = 0.01
_VERY_LATE_S = 0.05
_PATIENCE = 10


class EventLoopMonitor:
    """Beats on the running event loop and notes how many beats come late.

    Args:
        overloaded: Called when ten beats in a row came more than 50 ms late, and after each further ten.
        beat_s: Seconds between beats.
    """

    def __init__(self, overloaded: Callable[[], None], beat_s: float = 0.05) -> None:
        self._overloaded = overloaded
        self._beat_s = beat_s
        self._beats = self._late = self._in_a_row = 0
        self._handle: asyncio.TimerHandle | None = None

    @property
    def counted(self) -> EventLoopLag:
        """The beats so far, and those that came more than 10 ms late."""
        return EventLoopLag(beats=self._beats, late=self._late)

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._next()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _next(self) -> None:
        self._due = time.perf_counter() + self._beat_s
        self._handle = self._loop.call_later(self._beat_s, self._beat)

    def _beat(self) -> None:
        late_s = time.perf_counter() - self._due
        self._beats += 1
        self._late += late_s > _LATE_S
        self._in_a_row = self._in_a_row + 1 if late_s > _VERY_LATE_S else 0
        if self._in_a_row >= _PATIENCE:
            self._in_a_row = 0
            self._overloaded()
        self._next()
