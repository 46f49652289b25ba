"""What a call may cost at most, before it is made: what the cost limit sets aside."""

from __future__ import annotations

from decimal import Decimal

from evalkit.records.case import Message
from evalkit.records.sample import Usage
from evalkit.runner.pricing import Pricer

_TOKENS_PER_BYTE = 0.5
"""More than any tokenizer makes of prose, English (0.25) or Chinese (0.2 to 0.5)."""
_TOKENS_PER_MESSAGE = 8
_UNCAPPED_OUTPUT = 1024


class ExpectedCost:
    """An upper estimate for one arm, nearer with each answer.

    Args:
        price: The arm's.
        most_output: Tokens at which the provider stops; None where nothing is set, and then twice the longest answer
            so far is thought possible.
    """

    def __init__(self, price: Pricer, most_output: int | None) -> None:
        self._price = price
        self._most_output = most_output
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
        self._longest = max(self._longest, usage.output) if self._learned else usage.output
        self._learned = True


def _bytes(messages: tuple[Message, ...]) -> int:
    return sum(len(message.content.encode()) for message in messages)
