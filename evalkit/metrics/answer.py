"""The part of an output that is the answer."""

from __future__ import annotations

import re

from evalkit.metrics.excerpt import LONGEST_SEARCHED


def find_answer(output: str, pattern: re.Pattern[str] | None) -> str | None:
    """What the first match of ``pattern`` captured; None without a match.

    That is its first group that took part in the match, "" where none did, or the whole match where the pattern has no
    group. So each of several alternatives may have a group of its own.

    Args:
        output: What the arm wrote. White space around it is left out, so that a line break with which hosted models
            like to begin is no first line; then the first 100,000 characters are searched.
        pattern: None takes the whole output.

    >>> find_answer("So 7", re.compile(r"(-?[0-9.]{2,})|(-?[0-9]+)"))
    '7'
    """
    if pattern is None:
        return output
    match = pattern.search(output.strip()[:LONGEST_SEARCHED])
    if match is None:
        return None
    if not pattern.groups:
        return match[0]
    return next((group for group in match.groups() if group is not None), "")
