"""How many requests one endpoint has in flight: as many as it answers without throttling.

The first request goes alone, so that a wrong key costs one call. Once one has succeeded there is no limit. A throttled
answer lowers the limit by a third; successes add one per round back: the rule by which TCP shares a line.
"""

from __future__ import annotations

import asyncio
from collections import deque

_LESS = 2 / 3
_LESS_FOR_LAG = 0.9


class AdaptiveConcurrency:
    """Counts requests in flight and makes the others wait, in the order in which they came."""

    def __init__(self) -> None:
        self._limit = 1.0
        self._open = False
        self._in_flight = 0
        self._peak = 1
        self._round = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> float:
        """Requests that may be in flight now; infinite until the endpoint throttles."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight

    async def enter(self) -> int:
        """Wait until one more request may be in flight.

        Returns:
            The round in which it was let in, for ``leave``.
        """
        if self._waiting or self._in_flight >= self._places:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place  # the one who leaves takes the place for us
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._in_flight -= 1
                self._admit()
                raise
        else:
            self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        return self._round

    def leave(self, entered: int, *, succeeded: bool, throttled: bool = False) -> None:
        """Count a request as ended and let the next one in.

        Args:
            entered: What ``enter`` gave.
            succeeded: The request was answered.
            throttled: The endpoint asked for less.
        """
        if succeeded:
            if not self._open:
                self._open, self._limit = True, float("inf")
            elif entered == self._round:  # those sent before the last change tell nothing of it
                self._limit += 1 / max(self._limit, 1.0)
        elif throttled and entered == self._round:
            self._round += 1
            self._limit = max(1.0, min(self._limit, self._in_flight) * _LESS)
        self._in_flight -= 1
        self._admit()

    def reduce(self) -> None:
        """Lower the limit by a tenth, because our own event loop cannot keep up.

        Never more than half of the most there were: where a slow retriever holds the loop up, fewer requests would
        not help it.
        """
        if self._open:
            self._limit = max(min(self._limit, self._in_flight) * _LESS_FOR_LAG, self._peak / 2)

    def release_all(self) -> None:
        """End all waiting: nothing is sent any more, and the requests that wait have to find that out."""
        self._open, self._limit = True, float("inf")
        self._admit()

    @property
    def _places(self) -> float:
        return max(1.0, self._limit)

    def _admit(self) -> None:
        while self._waiting and self._in_flight + 1 <= self._places:
            place = self._waiting.popleft()
            if not place.done():
                self._in_flight += 1
                place.set_result(None)
