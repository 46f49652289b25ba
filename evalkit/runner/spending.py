"""Asking within the cost limit: what a call may cost is set aside before it is made."""

from __future__ import annotations

from decimal import Decimal

from evalkit.calls.caller import CallResult, HaltedError
from evalkit.records.case import Message
from evalkit.records.sample import Request, Usage
from evalkit.runner.cells import ArmTask
from evalkit.runner.stop_signal import StopSignal

_TOKENS_PER_BYTE = 0.5
"""More than any tokenizer makes of prose, English (0.25) or Chinese (0.2 to 0.5)."""
_TOKENS_PER_MESSAGE = 8
_UNCAPPED_OUTPUT = 1024


class BudgetedCaller:
    """Asks for one arm, each call within what may still be spent.

    Args:
        work: The arm.
        stop: Holds the budget; asked to stop when the next call may pass its limit.
    """

    def __init__(self, work: ArmTask, stop: StopSignal) -> None:
        self._work = work
        self._stop = stop
        self._expected = ExpectedCost(work)

    async def ask(self, request: Request, key: str) -> CallResult:
        """One answer from the model.

        Args:
            request: What to ask.
            key: Its digest; the cache is known not to have it.

        Raises:
            CallError: No answer.
            HaltedError: The run stops, and this request was not sent.
        """
        stop, budget = self._stop, self._stop.budget
        may_cost = self._expected.of(request.messages) if budget.limited else Decimal(0)
        if not await budget.hold(may_cost):
            stop.reach_limit()
            raise HaltedError
        paid = False
        cost = None
        try:
            answered = await self._work.caller.ask(request, key, halted=lambda: stop.asked)
            if answered.replayed is None:  # else another cell asked the same, and paid
                paid = True
                priced = self._work.price(answered.completion.usage, answered.completion.timing)
                cost = None if priced is None else priced.model
                self._expected.learn(request.messages, answered.completion.usage)
        finally:
            budget.settle(may_cost, cost, answered=paid)
        return answered


class ExpectedCost:
    """An upper estimate of what one arm's calls cost, nearer with each answer.

    Args:
        work: The arm. Where nothing says at how many tokens its model stops, twice the longest answer so far is
            thought possible.
    """

    def __init__(self, work: ArmTask) -> None:
        self._price = work.price
        self._most_output = work.most_output
        self._longest = _UNCAPPED_OUTPUT // 2
        self._per_byte = _TOKENS_PER_BYTE
        self._learned = False

    def of(self, messages: tuple[Message, ...]) -> Decimal:
        """Money that a prompt may take; 0 where the price is not known."""
        prompt = round(_bytes(messages) * self._per_byte) + _TOKENS_PER_MESSAGE * len(messages)
        cost = self._price(Usage(input=prompt, output=self._most_output or 2 * self._longest), None)
        return Decimal(0) if cost is None or cost.model is None else cost.model

    def learn(self, messages: tuple[Message, ...], usage: Usage | None) -> None:
        """Take one answer's counts into account."""
        if usage is None:
            return
        per_byte = usage.prompt / max(1, _bytes(messages))
        self._per_byte = max(per_byte, self._per_byte) if self._learned else per_byte
        self._longest = max(usage.output, self._longest) if self._learned else usage.output
        self._learned = True


def _bytes(messages: tuple[Message, ...]) -> int:
    return sum(len(message.content.encode()) for message in messages)
