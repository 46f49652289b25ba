"""Training rows as tokens, and the order in which they are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.errors import TuningError
from evalkit.models.engine.chat import Chat
from evalkit.tuning.protocol import TrainingRow

# Rows of similar length are put together within this many batches, so that little is padded and every row
# still meets many others.
_SORTED_BATCHES = 8


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row as tokens; loss falls on ``answer`` only, which ends with what ends an answer."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Prompt and answer."""
        return len(self.prompt) + len(self.answer)


def tokenize(rows: Sequence[TrainingRow], chat: Chat, context_limit: int) -> list[TokenRow]:
    """Rows by the base model's own chat template.

    Raises:
        TuningError: A row is longer than the model's context: cutting it would train on half an answer.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        prompt, answer = chat.training(row.messages)
        token_row = TokenRow(tuple(prompt), tuple(answer))
        if token_row.tokens > context_limit:
            question = row.messages[-2].content if len(row.messages) > 1 else ""
            raise TuningError(
                f"training row {number} has {token_row.tokens} tokens and the model takes {context_limit}; shorten it "
                f"or leave it out, since a cut row would teach half an answer: {question[:80]!r}"
            )
        found.append(token_row)
    return found


def batches(
    rows: Sequence[TokenRow], size: int, steps: int, rng: np.random.Generator
) -> Iterator[list[TokenRow]]:
    """``steps`` batches of ``size`` rows: whole passes over the rows in a new order each time, end to end.

    Args:
        rows: At least one.
        size: Rows a batch; with fewer rows than that, a batch holds some of them more than once.
        steps: Batches.
        rng: Decides the order.
    """
    lengths = np.array([row.tokens for row in rows])
    waiting: list[int] = []
    done = 0
    while done < steps:
        while len(waiting) < size * _SORTED_BATCHES:
            waiting.extend(rng.permutation(len(rows)).tolist())
        window, waiting = waiting[: size * _SORTED_BATCHES], waiting[size * _SORTED_BATCHES :]
        window.sort(key=lambda index: int(lengths[index]))
        for batch in rng.permutation(_SORTED_BATCHES)[: steps - done]:
            yield [rows[index] for index in window[batch * size : (batch + 1) * size]]
            done += 1
