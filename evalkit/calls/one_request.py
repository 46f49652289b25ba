"""Where an unforeseen fault in the middle of one request ends: it is a fault of that request, not of the run.

A reply is written by somebody else, and a plugin's model too. What neither was meant to do must not take down a run
in which other requests are in flight, each of them paid for.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from evalkit.calls.endpoint import HaltedError
from evalkit.errors import EvalkitError, RetryableError

T = TypeVar("T")
_MOST_WORDS = 300  # characters


async def as_one_request(ask: Callable[[], Awaitable[T]]) -> T:
    """The result of ``ask``, where every fault is an error of evalkit's.

    Raises:
        RetryableError: Something that nobody foresaw. A reply may have come, so it counts as billed.
        EvalkitError: As it was raised, a full disk or a wrong setting among them: those are no faults of a request.
        HaltedError: The run stopped meanwhile.
    """
    try:
        return await ask()
    except (EvalkitError, HaltedError):
        raise
    except Exception as error:  # whatever a reply or a plugin's model brings about; said in the cell's row
        raise RetryableError(_words(error), billed=True) from error


def _words(error: Exception) -> str:
    """What happened and where, for a row of the journal: one line, of characters that every file can hold."""
    said = " ".join(str(error).split())[:_MOST_WORDS].encode("utf-8", "replace").decode()
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"something unforeseen: {type(error).__name__}: {said}{place}"
