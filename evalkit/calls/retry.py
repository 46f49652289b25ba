"""Another attempt where it is worth one; the wait is kept apart from the service time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from evalkit.errors import RetryableError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long.

    Attributes:
        attempts: In all, the first included. Attempts that the provider throttled do not count while their waits
            stay below ``patience_s``: a busy provider is waited for, a broken one is not.
        first_wait_s: Upper end of the first wait; doubles with each attempt, drawn uniformly from 0.
        longest_wait_s: No wait is longer, whatever the provider asks for.
        patience_s: Waits of one request for a provider that throttles, in all.
    """

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    patience_s: float = 300.0

    def wait_s(self, error: RetryableError, attempt: int) -> float:
        """Seconds before the attempt after this one, with jitter so that many do not come back at once."""
        if error.retry_after_s is not None:
            return min(error.retry_after_s * random.uniform(1.0, 1.1), self.longest_wait_s)
        doubled = self.first_wait_s * 2 ** min(attempt - 1, 30)
        return random.uniform(0.0, min(doubled, self.longest_wait_s))


@dataclass(frozen=True, slots=True)
class Attempted:
    """How many attempts a call took, and the seconds waited between them."""

    attempts: int
    backoff_s: float


async def with_retries(
    call: Callable[[], Awaitable[T]], policy: RetryPolicy, *, sleep: Sleep = asyncio.sleep
) -> tuple[T, Attempted]:
    """Call until it succeeds.

    Args:
        call: One attempt.
        policy: When to try again.
        sleep: Waits between attempts; may raise to give up.

    Returns:
        The result of the attempt that succeeded, and what it took.

    Raises:
        RetryableError: The last attempt failed too.
        CallError: A fault that is not worth another attempt.
    """
    attempts, counted, backoff_s = 0, 0, 0.0
    while True:
        attempts += 1
        try:
            return await call(), Attempted(attempts, backoff_s)
        except RetryableError as error:
            wait_s = policy.wait_s(error, attempts)
            waited_for = error.throttled and policy.attempts > 1 and backoff_s + wait_s <= policy.patience_s
            counted += not waited_for
            if counted >= policy.attempts:
                raise
        await sleep(wait_s)
        backoff_s += wait_s
