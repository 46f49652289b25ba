"""Stopping a run without losing what is in flight."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import FrameType

from evalkit.calls.budget import Budget, Spending
from evalkit.ending import ENDING_SIGNALS, interrupt


class StopSignal:
    """Tells a run to take no new cell.

    Attributes:
        reason: "interrupted", "cost_limit" or "fault" once a stop was requested, else None.
        number: The signal that interrupted.
        budget: The money that may still be spent.
        spending: The same as the run's callers see it, with the stop when its limit is reached.
    """

    def __init__(self, cost_limit: Decimal | None = None) -> None:
        self.reason: str | None = None
        self.number: int = signal.SIGINT
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

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Finish the cells in flight, then stop."""
        if self.reason is None:
            self.reason, self.number = "interrupted", number

    def reach_limit(self) -> None:
        """Take no new cell, since the next one may pass the cost limit."""
        self.reason = self.reason or "cost_limit"

    def give_up(self) -> None:
        """Finish the cells in flight, then stop, since something failed that is no fault of a request."""
        self.reason = self.reason or "fault"


@contextmanager
def stop_on_interrupt(stop: StopSignal) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP asks ``stop`` and says so; the second one interrupts at once.

    Only the main thread receives signals; elsewhere (a notebook's worker, say) this does nothing. A SIGTERM or SIGHUP
    that the program ignores (``nohup``) or handles in its own way is left as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            interrupt(number, frame)
        stop.interrupt(number)
        again = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        # Not through a stream: the signal may have come in the middle of one that is writing.
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(2, f"Finishing what is in flight; {again} again stops at once.\n".encode())

    taken = [number for number in ENDING_SIGNALS if number == signal.SIGINT or _is_ours(number)]
    before = {number: signal.signal(number, ask) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_ours(number: int) -> bool:
    return signal.getsignal(number) in (signal.SIG_DFL, interrupt)
