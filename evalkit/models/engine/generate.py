"""The decoding loop: greedy or sampled, each row until its own end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from evalkit.models.engine.rows import Head, Start
from evalkit.models.engine.stop import StopRule

# Finished rows are carried along until they are this share of the batch: dropping rows copies all others.
_DROP_SHARE = 0.25


@dataclass(slots=True)
class Row:
    """One answer in the making.

    Attributes:
        tokens: Prompt tokens after those that it shares.
        room: New tokens it may get, at least 1.
        noise: Where its random numbers come from; its own, so that the other rows of a batch do not matter.
        generated: What the model wrote, the token that ended it included.
    """

    tokens: Sequence[int]
    room: int
    noise: np.random.Generator | None
    generated: list[int] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] | None = None


def generate(
    start: Start,
    rows: Sequence[Row],
    heads: Sequence[Head],
    *,
    temperature: float,
    stop: StopRule,
    on_first_token: Callable[[], None],
) -> None:
    """Fill in ``generated`` and ``finish_reason`` of each row.

    Args:
        start: The state that every row goes on from.
        rows: The batch.
        heads: What comes before each row.
        temperature: 0 takes the most likely token, the first of equals.
        stop: Says where an answer ends.
        on_first_token: Called once, when every row has its first token.
    """
    batch = start.rows([row.tokens for row in rows], max(row.room for row in rows), heads)
    held = list(rows)
    first = True
    while True:
        chosen = _choose(batch.logits, held, temperature)
        if first:
            on_first_token()
            first = False
        for row, token in zip(held, chosen.tolist(), strict=True):
            if row.finish_reason is None:
                row.generated.append(token)
                if stop.ends(row.generated):
                    row.finish_reason = "stop"
                elif len(row.generated) >= row.room:
                    row.finish_reason = "length"
        going = [index for index, row in enumerate(held) if row.finish_reason is None]
        if not going:
            return
        if len(held) - len(going) >= _DROP_SHARE * len(held):
            index = torch.tensor(going, device=chosen.device)
            batch.keep(index)
            chosen = chosen.index_select(0, index)
            held = [held[position] for position in going]
        batch.step(chosen)


def _choose(logits: torch.Tensor, rows: Sequence[Row], temperature: float) -> torch.Tensor:
    """The next token of each row, shape (rows,)."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    # One uniform number per row and step, turned into a token by the inverse of the distribution function:
    # in float64, since a float32 sum over a large vocabulary may end below 1.
    steps = torch.cumsum(torch.softmax(logits.double().cpu() / temperature, dim=-1), dim=-1)
    draws = torch.tensor([[row.noise.random() if row.noise is not None else 0.5] for row in rows])
    chosen = torch.searchsorted(steps, draws.double() * steps[:, -1:], right=True).squeeze(1)
    return chosen.clamp(max=logits.shape[-1] - 1).to(logits.device)
