"""What a call may cost, thought of before it is made and thought high enough."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from evalkit.records.case import Message
from evalkit.records.sample import Completion, Cost, Timing, Usage

TOKENS_PER_BYTE = 0.5
"""More than any tokenizer makes of prose, English (0.25) or Chinese (0.2 to 0.5)."""
_TOKENS_PER_MESSAGE = 8
_UNCAPPED_OUTPUT = 1024

AnswerPrice = Callable[[Usage | None, Timing | None], Cost | None]
"""What one answer costs, from its usage and timing; None where that is not known."""


class ExpectedCost:
    """An upper estimate of what the calls to one model cost, nearer with each answer.

    Args:
        price: What one answer costs.
        most_output: Tokens at which the model stops. None where nothing says so: then twice the longest answer so
            far is thought possible.
    """

    def __init__(self, price: AnswerPrice, most_output: int | None = None) -> None:
        self.price = price
        self._most_output = most_output
        self._longest = _UNCAPPED_OUTPUT // 2
        self._per_byte = TOKENS_PER_BYTE
        self._learned = False

    def of(self, messages: tuple[Message, ...]) -> Decimal:
        """Money that a prompt and its answer may take at most; 0 where the price is not known.

        The whole prompt may be billed as written to a cache, the whole answer as reasoning, at prices of their own.
        """
        prompt = round(_bytes(messages) * self._per_byte) + _TOKENS_PER_MESSAGE * len(messages)
        output = self._most_output or 2 * self._longest
        billed = (
            Usage(input=prompt, output=output),
            Usage(input=0, cache_write=prompt, output=output),
            Usage(input=prompt, output=output, reasoning=output),
            Usage(input=0, cache_write=prompt, output=output, reasoning=output),
        )
        costs = [self.price(usage, None) for usage in billed]
        return max(
            (cost.model for cost in costs if cost is not None and cost.model is not None), default=Decimal(0)
        )

    def paid(self, completion: Completion) -> Decimal | None:
        """Money that an answer did take; None where usage, timing or price is not known."""
        cost = self.price(completion.usage, completion.timing)
        return None if cost is None else cost.model

    def learn(self, messages: tuple[Message, ...], usage: Usage | None) -> None:
        """Take one answer's token counts into account; None changes nothing."""
        if usage is None:
            return
        per_byte = usage.prompt / max(1, _bytes(messages))
        self._per_byte = max(per_byte, self._per_byte) if self._learned else per_byte
        self._longest = max(usage.output, self._longest) if self._learned else usage.output
        self._learned = True


def _bytes(messages: tuple[Message, ...]) -> int:
    return sum(len(message.content.encode()) for message in messages)
