"""The part of an output that is the answer."""

from __future__ import annotations

import re

from evalkit.metrics.excerpt import LONGEST_SEARCHED


def find_answer(output: str, pattern: re.Pattern[str] | None) -> str | None:
    """Group 1 of the first match of ``pattern``, or the whole match where it has no group; None without a match.

    Args:
        output: What the arm wrote; only the first 100,000 characters are searched.
        pattern: None takes the whole output.
    """
    if pattern is None:
        return output
    match = pattern.search(output[:LONGEST_SEARCHED])
    if match is None:
        return None
    return match[1] or "" if pattern.groups else match[0]
