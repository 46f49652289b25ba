"""A batch of rows behind what they share: what every decoder takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


class Rows(Protocol):
    """A batch in the middle of its answers."""

    @property
    def logits(self) -> torch.Tensor:
        """Scores of the next token, shape (rows, vocabulary)."""
        ...

    def step(self, tokens: torch.Tensor) -> None:
        """Append one token to each row, shape (rows,), and compute the next scores."""
        ...

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but those at these positions."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before a row's own tokens: part of the prefix, then tokens that several rows of a batch may share.

    Attributes:
        seen: Tokens of the prefix, counted from its beginning.
        tokens: Those behind them; run once for all rows of an equal head.
    """

    seen: int
    tokens: tuple[int, ...] = ()


class Start(Protocol):
    """The state after some tokens, from which any number of batches can go on."""

    def rows(self, rows: Sequence[Sequence[int]], room: int, heads: Sequence[Head] | None = None) -> Rows:
        """A batch behind those tokens.

        Args:
            rows: Tokens of each row, at least one each.
            room: New tokens that a row may get.
            heads: What comes before each row; None where all see the whole prefix and share nothing more.
        """
        ...


class Decoder(Protocol):
    """Computes what a model says next."""

    @property
    def shares_prefixes(self) -> bool:
        """Whether ``prefill`` takes any tokens."""
        ...

    def prefill(self, tokens: Sequence[int]) -> Start:
        """Run the model over what all rows of a batch begin with, which may be nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Split:
    """A batch as it is run: distinct heads first, then the rows behind theirs.

    Attributes:
        heads: Tokens of the distinct heads; None where the rows hold theirs.
        seen: Tokens of the prefix that each of these looks at, or each row where the rows hold theirs.
        of_row: Position in ``seen`` of each row's.
        rows: Tokens of each row.
    """

    heads: list[tuple[int, ...]] | None
    seen: list[int]
    of_row: list[int]
    rows: list[Sequence[int]]


def split_off_heads(rows: Sequence[Sequence[int]], heads: Sequence[Head]) -> Split:
    """The order in which a batch is run. Heads go first only where some rows share one that has tokens."""
    distinct = list(dict.fromkeys(heads))
    if len(distinct) == len(rows) or not any(head.tokens for head in distinct):
        whole: list[Sequence[int]] = [[*head.tokens, *row] for head, row in zip(heads, rows, strict=True)]
        return Split(None, [head.seen for head in heads], list(range(len(rows))), whole)
    places = {head: place for place, head in enumerate(distinct)}
    return Split(
        [head.tokens for head in distinct],
        [head.seen for head in distinct],
        [places[head] for head in heads],
        list(rows),
    )


def left_padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens with zeros before the shorter rows, and True where a token is real; shapes (rows, longest)."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    real = torch.arange(longest, device=device) >= (longest - lengths)[:, None]
    return tokens, real
