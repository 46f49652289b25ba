"""Training rows as tokens, the order in which they are seen, and batches. Imports torch: load it only to train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evalkit.errors import TuningError
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.stop import StopRule
from evalkit.tuning.protocol import TrainingRow
from evalkit.tuning.schedule import batches_by_length


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row as tokens; loss falls on ``answer`` only, which ends with what ends an answer."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Prompt and answer."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the left, so that all answers end in the last column.

    Attributes:
        tokens: Shape (rows, longest row), as are ``mask`` (0 where padded) and ``positions``.
        labels: What the last columns but one must predict, -100 where nothing is asked; shape (rows, kept - 1).
        kept: Columns at the end whose scores are needed.
        answer_tokens: Labels that are asked for.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    kept: int
    answer_tokens: int


def tokenize(rows: Sequence[TrainingRow], chat: Chat, context_limit: int, stop: StopRule) -> list[TokenRow]:
    """Rows by the base model's own chat template, each answer up to an end by which the model's answers end too.

    Raises:
        TuningError: A row is longer than the model's context: cutting it would train on half an answer. Or nothing
            can end an answer.
    """
    token_rows = []
    for row in rows:
        token_row = token_row_of(row, chat, stop)
        if token_row.tokens > context_limit:
            question = row.messages[-2].content if len(row.messages) > 1 else ""
            raise TuningError(
                f"a training row has {token_row.tokens} tokens and the model takes {context_limit}; shorten it "
                f"or leave it out, since a cut row would teach half an answer: {question[:80]!r}"
            )
        token_rows.append(token_row)
    return token_rows


def token_row_of(row: TrainingRow, chat: Chat, stop: StopRule) -> TokenRow:
    """One row as tokens. Where what the template writes ends no answer, the model's end token is put behind it.

    Raises:
        TuningError: The template writes no end and the model has no end token.
    """
    prompt, answer = chat.training(row.messages)
    if stop.end_in(answer) is None:
        if stop.end_token is None:
            raise TuningError(
                "nothing ends an answer of the base model: its chat template writes no end of a turn, its settings "
                "name no end token, and no `stop` string stands behind a training answer. A model tuned so would write "
                "on to max_tokens. Set `eos_token` in the folder's tokenizer_config.json, or write the end in the "
                "chat template"
            )
        answer = [*answer, stop.end_token]
    return TokenRow(tuple(prompt), tuple(answer))


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
    together = batches_by_length(len(rows), size)
    waiting: list[int] = []
    done = 0
    while done < steps:
        while len(waiting) < size * together:
            waiting.extend(rng.permutation(len(rows)).tolist())
        window, waiting = waiting[: size * together], waiting[size * together :]
        window.sort(key=lambda index: int(lengths[index]))
        for batch in rng.permutation(together)[: steps - done]:
            yield [rows[index] for index in window[batch * size : (batch + 1) * size]]
            done += 1


def make_batch(rows: Sequence[TokenRow], device: torch.device) -> Batch:
    """Rows of one batch as tensors on ``device``."""
    longest = max(row.tokens for row in rows)
    # One column more than the longest answer: the token before an answer predicts its first.
    kept = max(len(row.answer) for row in rows) + 1
    tokens = torch.zeros((len(rows), longest), dtype=torch.long)
    labels = torch.full((len(rows), kept - 1), -100)
    for index, row in enumerate(rows):
        tokens[index, longest - row.tokens :] = torch.tensor((*row.prompt, *row.answer))
        labels[index, kept - 1 - len(row.answer) :] = torch.tensor(row.answer)
    real = torch.arange(longest) >= longest - torch.tensor([[row.tokens] for row in rows])
    return Batch(
        tokens=tokens.to(device),
        mask=real.long().to(device),
        positions=(real.cumsum(1) - 1).clamp(min=0).to(device),
        labels=labels.to(device),
        kept=kept,
        answer_tokens=sum(len(row.answer) for row in rows),
    )
