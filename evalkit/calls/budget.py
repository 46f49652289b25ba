"""Money that may still be spent, counting what is in flight: a limit is kept before it is passed."""

from __future__ import annotations

import asyncio
from decimal import Decimal


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

    def spend(self, cost: Decimal | None) -> None:
        """Count money; an unknown cost counts nothing."""
        self._spent += cost or 0
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)
