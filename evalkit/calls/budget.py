"""Money that may still be spent, counting what is in flight: a limit is kept before it is passed.

A ``Caller`` and an ``EmbeddingCaller`` cannot be built without a ``Spending``, so that whoever asks a model, an arm, a
judge or a generator, asks within the run's limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from evalkit.calls.endpoint import Halted, HaltedError

T = TypeVar("T")


class Budget:
    """What a run may spend.

    Args:
        limit: None for no limit.
    """

    def __init__(self, limit: Decimal | None = None) -> None:
        self._limit = limit
        self._spent = self._held = self._unknown = Decimal(0)
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def limit(self) -> Decimal | None:
        """Money that may be spent, or None for no limit."""
        return self._limit

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._limit is not None

    @property
    def spent(self) -> Decimal:
        """Money of the calls made now, where it is known."""
        return self._spent

    @property
    def used_up(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self._spent + self._unknown >= self._limit

    @property
    def overdrawn(self) -> bool:
        """Whether what was spent, may have been spent and is set aside has passed the limit: no further attempt."""
        return self._limit is not None and self._spent + self._unknown + self._held > self._limit

    async def hold(self, amount: Decimal) -> bool:
        """Set aside what a call may cost. Waits for calls in flight where they may turn out cheaper than thought.

        Returns:
            Whether it is set aside; False when it may pass the limit and nothing is in flight that could change it.
        """
        if self._limit is None:
            return True
        while self._spent + self._unknown + self._held + amount > self._limit or self.used_up:
            if not self._held:
                return False
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change
        self._held += amount
        return True

    def settle(self, held: Decimal, cost: Decimal | None, *, answered: bool = True) -> None:
        """End a call.

        Args:
            held: What was set aside for it.
            cost: What it did cost; None when that is not known.
            answered: Whether there was an answer. One of unknown cost counts what was set aside.
        """
        if self._limit is not None:
            self._held -= held
            if answered and cost is None:
                self._unknown += held
        self.spend(cost)

    def count_unknown(self, most: Decimal) -> None:
        """Count what an attempt may have cost at most that gave no answer and may be billed all the same."""
        if self._limit is not None:
            self._unknown += most

    def spend(self, cost: Decimal | None) -> None:
        """Count money; an unknown cost counts nothing."""
        self._spent += cost or 0
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)


def _never() -> bool:
    return False


def _nobody_to_stop() -> None:
    """Nothing else of the run needs to end."""


@dataclass(frozen=True, slots=True)
class Spending:
    """A run's money and its stop, as its calls see them. ``Spending()`` has no limit and is never halted.

    Attributes:
        budget: What the run may still spend, shared by all its callers.
        reach_limit: Called when the next call may pass the limit, so that the run takes no new work.
        halted: Whether the run was asked to stop.
    """

    budget: Budget = field(default_factory=Budget)
    reach_limit: Callable[[], None] = _nobody_to_stop
    halted: Halted = _never

    async def within_limit(
        self,
        expected_cost: Callable[[], Decimal],
        ask: Callable[[], Awaitable[T]],
        cost_of: Callable[[T], Decimal | None],
    ) -> T:
        """One call, made only once what it may cost is set aside.

        Args:
            expected_cost: What the call may cost at most; computed only where there is a limit.
            ask: Makes the call.
            cost_of: What an answer did cost; None when that is not known.

        Raises:
            HaltedError: The call may pass the limit; it was not made.
        """
        expected = expected_cost() if self.budget.limited else Decimal(0)
        if not await self.budget.hold(expected):
            self.reach_limit()
            raise HaltedError
        answered, cost = False, None
        try:
            answer = await ask()
            answered, cost = True, cost_of(answer)
        finally:
            self.budget.settle(expected, cost, answered=answered)
        return answer

    def spend(self, cost: Decimal | None) -> None:
        """Count work whose cost is known only after it was done; None counts nothing."""
        self.budget.spend(cost)
        if self.budget.used_up:
            self.reach_limit()
