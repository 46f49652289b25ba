"""Where an unforeseen fault in the middle of one request ends: it is a fault of that request, not of the run.

A reply is written by somebody else, and a plugin's model too. What neither was meant to do must not take down a run
in which other requests are in flight, each of them paid for.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

from evalkit.calls.endpoint import HaltedError
from evalkit.errors import EvalkitError, RetryableError

_MOST_WORDS = 300  # characters


class OneRequest:
    """A block in which every fault is an error of evalkit's: ``with ONE_REQUEST: ...``.

    What nobody foresaw leaves it as a ``RetryableError``; a reply may have come, so it counts as billed. Errors that
    evalkit raises pass as they are, a full disk or a wrong setting among them, which are no faults of a request; so do
    ``HaltedError`` and what is no fault at all, such as an interruption.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, EvalkitError | HaltedError):
            raise RetryableError(_words(error), billed=True) from error


ONE_REQUEST = OneRequest()
"""The block; it keeps nothing, so one is enough."""


def _words(error: Exception) -> str:
    """What happened and where, for a row of the journal: one line, of characters that every file can hold."""
    said = " ".join(str(error).split())[:_MOST_WORDS].encode("utf-8", "replace").decode()
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"something unforeseen: {type(error).__name__}: {said}{place}"
