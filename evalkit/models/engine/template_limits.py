"""What the chat template of a model folder may take: it is a stranger's program that runs in this process."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import Environment, TemplateError

TEMPLATE_LIMIT_S = 30.0
"""A template takes about a millisecond; a busy machine may take many times that, a loop without end never ends."""


class OutOfTimeError(Exception):
    """What runs inside ``at_most`` took too long."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Break off what runs inside, Python code in this thread, once it has taken that long.

    A timer's thread has the interpreter raise ``OutOfTimeError`` in this one. It does so between two steps of Python:
    one step that is itself endless, such as a power of huge numbers, is not broken off.

    Raises:
        OutOfTimeError: It took longer.
    """
    turn = threading.Lock()
    thread = threading.get_ident()
    over = False

    def end() -> None:
        with turn:
            if not over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(OutOfTimeError)
                )

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with turn:
            over = True
        timer.cancel()


def takes_powers(template: str) -> bool:
    """Whether a template has the operator ``**`` other than before the arguments of a call."""
    before = ""
    try:
        for _, kind, text in Environment().lex(template):  # noqa: S701 - nothing is rendered
            if kind == "operator" and text == "**" and before not in ("(", ","):
                return True
            if kind != "whitespace":
                before = text
    except TemplateError:  # transformers says so when it is first used
        pass
    return False
