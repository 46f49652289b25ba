"""One endpoint and what all requests to it share: its concurrency, its rate limits, and whether it answers at all."""

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
_MOST_THROTTLED = 2
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
        on_pause: Is told the seconds of a pause that rate headers ask for.
    """

    def __init__(
        self,
        limits: RateLimits = RateLimits(),  # noqa: B008
        *,
        breaks: bool = True,
        on_pause: Callable[[float], None] | None = None,
    ) -> None:
        self._concurrency = AdaptiveConcurrency()
        self._rate = RateLimiter(limits)
        self._breaks = breaks
        self._on_pause = on_pause
        self._faults = 0
        self._answered = False
        self._blocked_by: AccessError | None = None

    @property
    def answered(self) -> bool:
        """Whether a request has been answered."""
        return self._answered

    @property
    def blocked_by(self) -> AccessError | None:
        """Why nothing more is sent: access was refused, or ten requests in a row failed. None until then."""
        return self._blocked_by

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
        concurrency, rate = self._concurrency, self._rate
        entered = await concurrency.enter()
        succeeded = throttled = False
        try:
            turn = rate.take_turn()
            await self._wait_for(lambda: rate.wait_s(turn), halted)
            queued.seconds += time.perf_counter() - arrived
            answer = await ask()
            succeeded = True
        except RetryableError as error:
            throttled = error.throttled
            if throttled and error.retry_after_s is not None:
                self._pause_as_asked(error, error.retry_after_s)
            raise
        except AccessError as error:
            self._block(error)
            raise
        finally:
            concurrency.leave(entered, succeeded=succeeded, throttled=throttled)
        self._answered, self._faults = True, 0
        rate.answered(tokens_of(answer))
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

        Refusals of single requests count until one request has succeeded: then the endpoint is alive. One that has
        throttled everything so far is believed after two requests, each of which was tried to the end.
        """
        if isinstance(error, AccessError) or not self._breaks:
            return
        if self._answered and not isinstance(error, RetryableError):
            return
        self._faults += 1
        throttled = isinstance(error, RetryableError) and error.throttled and not self._answered
        if self._faults >= (_MOST_THROTTLED if throttled else _MOST_FAULTS):
            self._block(AccessError(f"{self._faults} requests in a row failed, the last with: {error}"))

    def on_headers(self, headers: Mapping[str, str]) -> None:
        """Pause where the rate headers of a reply say that nothing is left for another request."""
        pause_s = self._rate.on_headers(headers)
        if pause_s > 0 and self._on_pause is not None:
            self._on_pause(pause_s)

    def reduce_concurrency(self) -> None:
        """Have a tenth fewer requests in flight, because our own event loop cannot keep up."""
        self._concurrency.reduce()

    def _pause_as_asked(self, error: RetryableError, seconds: float) -> None:
        """A pause that the provider asks for: taken, unless it is so long that the run had better end."""
        if seconds > _LONGEST_PAUSE_S:
            self._block(AccessError(f"{error} It asks to wait {seconds:.0f} s; resume the run then."))
        self._rate.pause(seconds)

    def _block(self, error: AccessError) -> None:
        self._blocked_by = self._blocked_by or error
        self._concurrency.release_all()

    def _check(self, halted: Halted) -> None:
        if self._blocked_by is not None:
            raise self._blocked_by
        if halted():
            raise HaltedError

    async def _wait_for(self, left_s: Callable[[], float], halted: Halted) -> None:
        """Sleep in short pieces: a stop or a refusal must not wait for a provider's minute."""
        self._check(halted)
        while (seconds := left_s()) > 0:
            await asyncio.sleep(min(seconds, _LOOK_UP_S))
            self._check(halted)
