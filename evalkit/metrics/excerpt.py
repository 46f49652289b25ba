"""What of a long output is searched and shown."""

from __future__ import annotations

LONGEST_SEARCHED = 100_000
"""Characters of an output on which a suite's regular expression is run. Many patterns take time in
proportion to the square of the length; what takes too long is ended, see ``watched_process``."""

_SHOWN = 80


def excerpt(text: str) -> str:
    """A quoted piece of ``text`` for an explanation, on one line.

    >>> excerpt("no" * 100)
    "'nononononononononononononononononononononononononononononononononononononononono…'"
    """
    flat = " ".join(text[: 4 * _SHOWN].split())
    return repr(flat) if len(flat) <= _SHOWN and len(text) <= 4 * _SHOWN else repr(flat[:_SHOWN] + "…")
