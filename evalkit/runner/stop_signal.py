"""Stopping a run without losing what is in flight."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import FrameType

from evalkit.calls.budget import Budget, Spending

_STOPPING = b"Finishing what is in flight; Ctrl-C again stops at once.\n"


class StopSignal:
    """Tells a run to take no new cell.

    Attributes:
        reason: "interrupted" or "cost_limit" once a stop was requested, else None.
        budget: The money that may still be spent.
        spending: The same as the run's callers see it, with the stop when its limit is reached.
    """

    def __init__(self, cost_limit: Decimal | None = None) -> None:
        self.reason: str | None = None
        self.budget = Budget(cost_limit)
        self.spending = Spending(self.budget, self.reach_limit, lambda: self.requested)

    @property
    def requested(self) -> bool:
        """Whether to take no new cell."""
        return self.reason is not None

    @property
    def spent(self) -> Decimal:
        """Money of the calls made now; answers from the cache cost nothing again."""
        return self.budget.spent

    def interrupt(self) -> None:
        """Finish the cells in flight, then stop."""
        self.reason = self.reason or "interrupted"

    def reach_limit(self) -> None:
        """Take no new cell, since the next one may pass the cost limit."""
        self.reason = self.reason or "cost_limit"


@contextmanager
def stop_on_interrupt(stop: StopSignal) -> Iterator[None]:
    """The first Ctrl-C asks ``stop`` and says so; the second one interrupts at once.

    Only the main thread receives signals; elsewhere (a notebook's worker, say) this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.interrupt()
        # Not through a stream: the signal may have come in the middle of one that is writing.
        os.write(2, _STOPPING)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
