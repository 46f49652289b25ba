"""How fast one endpoint is asked: limits per minute, and pauses that it asks for itself.

A provider says how much is left in ``x-ratelimit-*`` headers, and how long to wait in ``Retry-After``; both hold
for every request to it, not only for the one that it answers.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_LONGEST_PAUSE_S = 60.0
_LONGEST = (
    100  # characters of a header that says a duration; the search for one looks at digits again and again
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How often a user lets an endpoint be asked, and for how many tokens; None for no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class RateLimiter:
    """Says when the next request may be sent.

    Requests are spread evenly over the minute, since providers measure in shorter windows too. Tokens are counted
    with what answers have taken so far and corrected by what each took.

    Args:
        limits: The user's limits per minute.
        clock: Monotonic seconds.
    """

    def __init__(
        self, limits: RateLimits = RateLimits(), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._request_s = 60 / limits.requests_per_minute if limits.requests_per_minute else 0.0
        self._token_s = 60 / limits.tokens_per_minute if limits.tokens_per_minute else 0.0
        self._next_request = self._next_token = 0.0
        self._held_until = 0.0
        self._usual_tokens = 0.0

    def take_turn(self) -> float:
        """Take the next turn: the moment of ``clock``, in seconds, from which the request may be sent."""
        now = self._clock()
        start = now
        if self._request_s:
            start = max(start, self._next_request)
            self._next_request = start + self._request_s
        if self._token_s:
            start = max(start, self._next_token)
            self._next_token = max(now, self._next_token) + self._usual_tokens * self._token_s
        return start

    def wait_s(self, turn: float) -> float:
        """Seconds until the request of a turn may be sent; ask again after waiting, since a pause may have begun."""
        return max(turn, self._held_until) - self._clock()

    def answered(self, tokens: int | None) -> None:
        """Learn from one answer how many tokens an answer takes, prompt included."""
        if tokens is None:
            return
        if self._token_s:
            self._next_token += (tokens - self._usual_tokens) * self._token_s
        self._usual_tokens += (tokens - self._usual_tokens) * (0.1 if self._usual_tokens else 1.0)

    def pause(self, seconds: float) -> float:
        """Send nothing for so many seconds, at most 60.

        Returns:
            Seconds until a request may be sent.
        """
        now = self._clock()
        self._held_until = max(self._held_until, now + min(seconds, _LONGEST_PAUSE_S))
        return self._held_until - now

    def on_headers(self, headers: Mapping[str, str]) -> float:
        """Read the rate headers of a reply: pause where nothing is left for one more request.

        Returns:
            Seconds of the pause that they ask for; 0 where they ask for none.
        """
        pause_s = 0.0
        for kind, needed in (("requests", 1.0), ("tokens", self._usual_tokens)):
            left = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
            if left is None or left >= needed:
                continue
            whole_s = duration_s(headers.get(f"x-ratelimit-reset-{kind}"))
            if whole_s is None:
                continue
            limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
            # The reset is when all of the limit is there again; it comes back evenly.
            share = min(1.0, (needed - left) / (limit - left)) if limit and limit > left else 1.0
            pause_s = max(pause_s, self.pause(whole_s * share))
        return pause_s


def duration_s(text: str | None) -> float | None:
    """Seconds of a duration as providers write it: ``6m0s``, ``20ms``, ``7.66s``, ``12``; None for anything else.

    >>> duration_s("1m30.5s"), duration_s("20ms"), duration_s("2")
    (90.5, 0.02, 2.0)
    """
    if text is None:
        return None
    text = text.strip()
    if (plain := _number(text)) is not None:
        return plain
    if not text or len(text) > _LONGEST or _DURATION.sub("", text):
        return None
    return sum(float(amount) * _UNIT_S[unit] for amount, unit in _DURATION.findall(text))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
