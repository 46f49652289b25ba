"""Rows side by side, as a model takes them. Imports torch at the top: load it only to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from evalkit.tuning.rows import TokenRow


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the left, so that all answers end in the last column.

    Attributes:
        tokens: Shape (rows, longest row); likewise ``mask`` (0 where padded) and ``positions``.
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


def make_batch(rows: Sequence[TokenRow], device: torch.device) -> Batch:
    """Rows side by side."""
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
