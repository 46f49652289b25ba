"""One endpoint and what everybody who asks it must heed: its gate, its pace, and whether it answers at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from evalkit.calls.adaptive_concurrency import AdaptiveConcurrency
from evalkit.calls.rate_limiter import RateLimiter, RateLimits
from evalkit.errors import AccessError, CallError, RetryableError

T = TypeVar("T")
_MOST_FAULTS = 10
_LOOK_UP_S = 0.2
_LONGEST_PAUSE_S = 300.0

Halted = Callable[[], bool]


class HaltedError(Exception):
    """The run was asked to stop while this request waited: it was not sent, and its cell is still owed."""


@dataclass(slots=True)
class Queued:
    """Seconds that one request has waited for its turns, over all its attempts."""

    seconds: float = 0.0


class Endpoint:
    """Lets requests through.

    Args:
        limits: The user's limits per minute.
        breaks: Whether faults in a row mean that the endpoint is down. Not so for recorded answers, whose missing
            rows are faults of single requests.
    """

    def __init__(self, limits: RateLimits = RateLimits(), *, breaks: bool = True) -> None:  # noqa: B008
        self._gate = AdaptiveConcurrency()
        self._pace = RateLimiter(limits)
        self._breaks = breaks
        self._faults = 0
        self._answers = False
        self._refused: AccessError | None = None

    @property
    def answered(self) -> bool:
        """Whether a request has been answered."""
        return self._answers

    @property
    def refused(self) -> AccessError | None:
        """Why nothing more is asked: access was refused, or ten requests in a row found no answer."""
        return self._refused

    async def attempt(
        self,
        ask: Callable[[], Awaitable[T]],
        halted: Halted,
        queued: Queued,
        tokens_of: Callable[[T], int | None],
    ) -> T:
        """One attempt, when its turn comes.

        Args:
            ask: Sends the request.
            halted: Whether the run was asked to stop.
            queued: The wait is added to it.
            tokens_of: How many tokens an answer took, for the limit of tokens per minute.

        Raises:
            CallError: As the model raised it, or the reason why nothing more is asked.
            HaltedError: The run stopped meanwhile.
        """
        arrived = time.perf_counter()
        gate, pace = self._gate, self._pace
        entered = await gate.enter()
        succeeded = throttled = False
        try:
            turn = pace.take_turn()
            await self._wait_for(lambda: pace.wait_s(turn), halted)
            queued.seconds += time.perf_counter() - arrived
            answer = await ask()
            succeeded = True
        except RetryableError as error:
            throttled = error.throttled
            if throttled and error.retry_after_s is not None:
                self._heed(error, error.retry_after_s)
            raise
        except AccessError as error:
            self._refuse(error)
            raise
        finally:
            gate.leave(entered, succeeded=succeeded, throttled=throttled)
        self._answers, self._faults = True, 0
        pace.answered(tokens_of(answer))
        return answer

    async def sleep(self, seconds: float, halted: Halted) -> None:
        """Wait between attempts, unless there is nothing left to wait for.

        Raises:
            AccessError: Nothing more is asked.
            HaltedError: The run stopped meanwhile.
        """
        until = time.monotonic() + seconds
        await self._wait_for(lambda: until - time.monotonic(), halted)

    def failed(self, error: CallError) -> None:
        """Count a request that is given up; too many in a row, and nothing more is asked.

        Refusals of single requests count until one request has succeeded: then the endpoint is alive.
        """
        if isinstance(error, AccessError) or not self._breaks:
            return
        if self._answers and not isinstance(error, RetryableError):
            return
        self._faults += 1
        if self._faults >= _MOST_FAULTS:
            self._refuse(AccessError(f"{_MOST_FAULTS} requests in a row failed, the last with: {error}"))

    def hear(self, headers: Mapping[str, str]) -> None:
        """Rate headers of a reply."""
        self._pace.hear(headers)

    def ease(self) -> None:
        """Our own event loop cannot keep up."""
        self._gate.ease()

    def _heed(self, error: RetryableError, seconds: float) -> None:
        """A pause that the provider asks for: taken, unless it is so long that the run had better end."""
        if seconds > _LONGEST_PAUSE_S:
            self._refuse(AccessError(f"{error} It asks to wait {seconds:.0f} s; resume the run then."))
        self._pace.pause(seconds)

    def _refuse(self, error: AccessError) -> None:
        self._refused = self._refused or error
        self._gate.release_all()

    def _check(self, halted: Halted) -> None:
        if self._refused is not None:
            raise self._refused
        if halted():
            raise HaltedError

    async def _wait_for(self, left_s: Callable[[], float], halted: Halted) -> None:
        """Sleep in short pieces: a stop or a refusal must not wait for a provider's minute."""
        self._check(halted)
        while (seconds := left_s()) > 0:
            await asyncio.sleep(min(seconds, _LOOK_UP_S))
            self._check(halted)
