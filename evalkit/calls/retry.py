"""Another attempt where it is worth one; the wait is kept apart from the service time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from evalkit.errors import RetryableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long.

    Attributes:
        attempts: In all, the first included.
        first_wait_s: Upper end of the first wait; doubles with each attempt, drawn uniformly from 0.
        longest_wait_s: No wait is longer, whatever the provider asks for.
    """

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Attempted:
    """How a call went, beside its result."""

    attempts: int
    backoff_s: float


async def with_retries(call: Callable[[], Awaitable[T]], policy: RetryPolicy) -> tuple[T, Attempted]:
    """Call until it succeeds.

    Returns:
        The result of the attempt that succeeded, and what it took.

    Raises:
        RetryableError: The last attempt failed too.
        CallError: A fault that is not worth another attempt.
    """
    jittered = wait_random_exponential(multiplier=policy.first_wait_s, max=policy.longest_wait_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, RetryableError) and error.retry_after_s is not None:
            return min(error.retry_after_s, policy.longest_wait_s)
        return jittered(state)

    retrying = AsyncRetrying(
        stop=stop_after_attempt(policy.attempts),
        wait=wait,
        retry=retry_if_exception_type(RetryableError),
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits coroutine functions only, not lambdas that give coroutines
        return await call()

    result: T = await retrying(attempt)
    statistics = retrying.statistics
    return result, Attempted(int(statistics["attempt_number"]), float(statistics.get("idle_for", 0.0)))
