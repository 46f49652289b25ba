"""The part of an output that is the answer."""

from __future__ import annotations

import re

from evalkit.metrics.excerpt import LONGEST_SEARCHED
from evalkit.metrics.watched_process import LIMIT_S, watched


def search(pattern: re.Pattern[str], output: str, *, full: bool = False) -> list[str | None] | None:
    """What a pattern matches and what its groups capture, None for a group that took no part; None without a match.

    Args:
        pattern: Of a suite.
        output: White space around it is left out; then the first 100,000 characters are searched.
        full: The whole output has to match.

    Raises:
        OverLimitError: It took more than 1 s of processor time.
    """
    request = {
        "pattern": pattern.pattern,
        "flags": pattern.flags,
        "full": full,
        "text": output.strip()[:LONGEST_SEARCHED],
    }
    groups: list[str | None] | None = watched.ask(request, LIMIT_S)
    return groups


def find_answer(output: str, pattern: re.Pattern[str] | None) -> str | None:
    """What the first match of ``pattern`` captured; None without a match.

    That is its first group that took part in the match, "" where none did, or the whole match where the pattern has no
    group. So each of several alternatives may have a group of its own.

    Args:
        output: What the arm wrote. White space around it is left out, so that a line break with which hosted models
            like to begin is no first line; then the first 100,000 characters are searched.
        pattern: None takes the whole output.

    Raises:
        OverLimitError: The pattern took more than 1 s of processor time.

    >>> find_answer("So 7", re.compile(r"(-?[0-9.]{2,})|(-?[0-9]+)"))
    '7'
    """
    if pattern is None:
        return output
    found = search(pattern, output)
    if found is None:
        return None
    return next((group for group in found[1:] or found if group is not None), "")
