"""Another attempt where it is worth one; the wait is kept apart from the service time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from evalkit.errors import RetryableError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
_SHORTEST_SHARE = 0.05
_NOTICE_EVERY_S = 5.0
_TOLD_FROM_S = 1.0


def no_notice(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long, and who is told.

    A provider decides neither how often it is asked nor for how long: every wait has a floor, and one that throttles is
    asked again at most about thirty times for one request, whatever its ``Retry-After`` says.

    Attributes:
        attempts: In all, the first included. Attempts after which the provider named a wait of at least
            ``first_wait_s`` do not count: a busy provider is waited for until ``patience_s``, a broken one is not.
        first_wait_s: Upper end of the first wait; doubles with each attempt. A provider that throttles and names no
            wait, or a shorter one, is given at least as much, and four times as much with each further attempt.
        longest_wait_s: No wait is longer, whatever the provider asks for.
        patience_s: Waits of one request for a provider that throttles, in all.
        on_wait: Is told of waits in words for people, at once for a throttled request, at most every five seconds.
    """

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    patience_s: float = 300.0
    on_wait: Callable[[str], None] = no_notice

    def waits_as_asked(self, error: RetryableError) -> bool:
        """Whether the provider throttles and names a wait that is worth the name."""
        return error.throttled and (error.retry_after_s or 0.0) >= self.first_wait_s

    def wait_s(self, error: RetryableError, attempt: int) -> float:
        """Seconds before the attempt after this one, with jitter so that many do not come back at once."""
        asked = error.retry_after_s or 0.0
        if self.waits_as_asked(error):
            least = self.first_wait_s * attempt
            return min(max(asked * random.uniform(1.0, 1.1), least), self.longest_wait_s)
        if error.throttled:
            most = min(2 * self.first_wait_s * 4.0 ** min(attempt - 1, 30), self.longest_wait_s)
            own = random.uniform(0.5, 1.0) * most
        else:
            most = min(self.first_wait_s * 2.0 ** min(attempt - 1, 30), self.longest_wait_s)
            own = random.uniform(_SHORTEST_SHARE, 1.0) * most
        return max(own, min(asked * random.uniform(1.0, 1.1), self.longest_wait_s))


@dataclass(frozen=True, slots=True)
class Attempted:
    """How many attempts a call took, and the seconds waited between them."""

    attempts: int
    backoff_s: float


class WaitNotices:
    """Tells people what is waited for: the first wait at once, then at most one line every five seconds.

    Args:
        policy: Whose bounds are told, and to whom.
        clock: Monotonic seconds.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._next = float("-inf")

    def backing_off(self, error: RetryableError, attempt: int, wait_s: float) -> None:
        """Tell of the wait after a failed attempt; a short first one after a fault is not worth a line.

        Args:
            error: Why the attempt failed.
            attempt: Its number, from 1.
            wait_s: Seconds until the next one.
        """
        if not error.throttled and attempt == 1 and wait_s < _TOLD_FROM_S:
            return
        if error.throttled:
            status = "" if error.status is None else f" ({error.status})"
            why = f"{'overloaded' if error.status in (503, 529) else 'rate limited'}{status}"
        else:
            why = "no answer"
        policy = self._policy
        bound = f"{policy.attempts} tries"
        if policy.waits_as_asked(error):
            bound = f"{policy.patience_s:g} s of such waits"
        self._tell(f"{why}, waiting {wait_s:.1f} s before try {attempt + 1}; gives up after {bound}: {error}")

    def pausing(self, seconds: float) -> None:
        """Tell of a pause that the rate headers of a reply ask for."""
        if seconds >= _TOLD_FROM_S:
            self._tell(f"the endpoint's rate headers leave no request for now, waiting {seconds:.1f} s")

    def _tell(self, text: str) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + _NOTICE_EVERY_S
            self._policy.on_wait(text)


async def with_retries(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    sleep: Sleep = asyncio.sleep,
    notices: WaitNotices | None = None,
) -> tuple[T, Attempted]:
    """Call until it succeeds.

    Args:
        call: One attempt.
        policy: When to try again.
        sleep: Waits between attempts; may raise to give up.
        notices: Tells of the waits; default: those of this call alone.

    Returns:
        The result of the attempt that succeeded, and what it took.

    Raises:
        RetryableError: The last attempt failed too.
        CallError: A fault that is not worth another attempt.
    """
    notices = notices or WaitNotices(policy)
    attempts, counted, backoff_s = 0, 0, 0.0
    while True:
        attempts += 1
        try:
            return await call(), Attempted(attempts, backoff_s)
        except RetryableError as error:
            wait_s = policy.wait_s(error, attempts)
            counted += not (policy.waits_as_asked(error) and policy.attempts > 1)
            if counted >= policy.attempts or (error.throttled and backoff_s + wait_s > policy.patience_s):
                raise
            notices.backing_off(error, attempts, wait_s)
        await sleep(wait_s)
        backoff_s += wait_s
