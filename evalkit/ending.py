"""Signals that ask a process to end: Ctrl-C, what ``kill`` and supervisors send, a terminal that is closed."""

from __future__ import annotations

import signal
from types import FrameType

ENDING_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class SignalInterrupt(KeyboardInterrupt):
    """An ending signal other than Ctrl-C, raised as Ctrl-C is, so that all is put away on the way out.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def interrupt(number: int, frame: FrameType | None) -> None:
    """The handler that raises ``KeyboardInterrupt`` after Ctrl-C and ``SignalInterrupt`` after another signal."""
    del frame
    raise KeyboardInterrupt if number == signal.SIGINT else SignalInterrupt(number)


def end_as_after_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP put all away as Ctrl-C does; one that is ignored (``nohup``) or handled stays so."""
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)
