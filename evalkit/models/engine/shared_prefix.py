"""Attention for a batch whose rows all start with the same tokens, or with some of them.

The prefix's keys and values are held once, whatever the batch size. Every row's queries meet them in one
matrix product, then the row's own keys; one softmax runs over both. A decoding step therefore reads the
prefix once instead of once per row, and nothing is copied when a batch starts. A row whose prompt leaves the
prefix early does not look at what comes after that place.

transformers lets a caller register an attention function and hands it the keyword arguments it does not know;
``shared_prefix`` travels that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.cache_utils import Cache

NAME = "evalkit_shared_prefix"

_SCORE_ELEMENTS = 1 << 26  # 256 MB of float32


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of a prefix, one pair per layer, each of shape (heads, tokens, head size).

    Attributes:
        score_elements: Attention scores that may be held at once. They are computed for blocks of queries, so that a
            long question after a long prefix does not need batch x heads x questions x prefix numbers.
        seen: Tokens of the prefix that each row looks at, shape (rows,); None where every row looks at all.
    """

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]
    score_elements: int = _SCORE_ELEMENTS
    seen: torch.Tensor | None = None

    @property
    def tokens(self) -> int:
        """Length of the prefix."""
        return int(self.keys[0].shape[1])

    def cut(self, tokens: int) -> Prefix:
        """Its first tokens."""
        return replace(
            self,
            keys=tuple(keys[:, :tokens] for keys in self.keys),
            values=tuple(values[:, :tokens] for values in self.values),
        )

    def seen_by(self, seen: Sequence[int], device: torch.device) -> Prefix:
        """The same for rows of which each looks at so many of its tokens."""
        if all(tokens == self.tokens for tokens in seen):
            return self
        return replace(self, seen=torch.tensor(seen, device=device))

    def keep(self, rows: torch.Tensor) -> Prefix:
        """The same for these of the rows; one may be named several times."""
        return self if self.seen is None else replace(self, seen=self.seen.index_select(0, rows))


class OwnTokens(Cache):  # type: ignore[misc]
    """Keys and values of the tokens behind the prefix, row by row, in buffers of full length from the start.

    transformers' own cache concatenates at every step, which copies everything once per token.

    Args:
        capacity: Tokens per row that will ever be held.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(layers=[])
        self._capacity = capacity
        self._buffers: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._lengths: list[int] = []

    @classmethod
    def after(cls, prefix: Prefix, capacity: int) -> OwnTokens:
        """The buffers of a single row that holds the prefix itself."""
        own = cls(capacity)
        for layer, (keys, values) in enumerate(zip(prefix.keys, prefix.values, strict=True)):
            own.update(keys[None], values[None], layer)
        return own

    @classmethod
    def behind(cls, heads: Sequence[Prefix | None], capacity: int) -> tuple[OwnTokens, torch.Tensor]:
        """Rows that begin with tokens of different numbers, and True where a token is real, shape (rows, longest).

        Args:
            heads: What each row holds, at the end of the longest; None for nothing. Some hold something.
            capacity: Further tokens per row.
        """
        held = [0 if head is None else head.tokens for head in heads]
        longest = max(held)
        (first, *_) = (head for head in heads if head is not None)
        own = cls(longest + capacity)
        for layer, (keys, values) in enumerate(zip(first.keys, first.values, strict=True)):
            # Zeros, as a weight of zero times what is not a number would not be zero.
            padded_keys = keys.new_zeros((len(heads), keys.shape[0], longest, keys.shape[2]))
            padded_values = values.new_zeros((len(heads), values.shape[0], longest, values.shape[2]))
            for row, head in enumerate(heads):
                if head is not None:
                    padded_keys[row, :, longest - head.tokens :] = head.keys[layer]
                    padded_values[row, :, longest - head.tokens :] = head.values[layer]
            own.update(padded_keys, padded_values, layer)
        device = first.keys[0].device
        real = torch.arange(longest, device=device) >= longest - torch.tensor(held, device=device)[:, None]
        return own, real

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add new tokens of a layer and give back all it holds. Layers come in order."""
        rows, heads, new, size = key_states.shape
        if layer_idx == len(self._buffers):
            keys = key_states.new_empty((rows, heads, self._capacity, size))
            values = value_states.new_empty((rows, heads, self._capacity, value_states.shape[-1]))
            self._buffers.append((keys, values))
            self._lengths.append(0)
        keys, values = self._buffers[layer_idx]
        start, end = self._lengths[layer_idx], self._lengths[layer_idx] + new
        keys[:, :, start:end] = key_states
        values[:, :, start:end] = value_states
        self._lengths[layer_idx] = end
        return keys[:, :, :end], values[:, :, :end]

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows; one may be named several times."""
        self._buffers = [(keys[rows], values[rows]) for keys, values in self._buffers]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens held."""
        return self._lengths[layer_idx] if self._lengths else 0

    def as_prefix(self, after: int = 0) -> Prefix:
        """What the only row holds behind so many tokens, for other rows to share."""
        end = self.get_seq_length()
        return Prefix(
            keys=tuple(keys[0, :, after:end].contiguous() for keys, _ in self._buffers),
            values=tuple(values[0, :, after:end].contiguous() for _, values in self._buffers),
        )


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    shared_prefix: Prefix | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a shared prefix and each row's own tokens, in the form in which transformers calls it.

    What else transformers hands over has no effect on answering: dropout is 0 there.

    Args:
        module: The layer's attention module, for its index.
        query: Shape (rows, heads, new tokens, head size).
        key: Shape (rows, key heads, own tokens, head size); the last of them are the new ones.
        value: Shape (rows, key heads, own tokens, value size), in the order of ``key``.
        attention_mask: True where a query may look, shape (rows, 1, new tokens, own tokens); None for no
            restriction, which a caller may give only for one new token.
        scaling: Factor of the scores; None for one over the root of the head size.
        shared_prefix: Keys and values before every row's own; None for none.

    Returns:
        Shape (rows, new tokens, heads, head size), and no weights.
    """
    if shared_prefix is None:
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attention_mask, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
        )
        return out.transpose(1, 2).contiguous(), None
    layer = int(module.layer_idx)
    prefix_key, prefix_value = shared_prefix.keys[layer], shared_prefix.values[layer]
    rows, heads, new, size = query.shape
    query = query * (size**-0.5 if scaling is None else scaling)
    scores_per_query = rows * heads * (prefix_key.shape[1] + key.shape[2])
    block = max(1, shared_prefix.score_elements // scores_per_query)
    pieces = [
        _attend_block(
            query[:, :, start : start + block],
            key,
            value,
            None if attention_mask is None else attention_mask[:, :, start : start + block],
            prefix_key,
            prefix_value,
            shared_prefix.seen,
        )
        for start in range(0, new, block)
    ]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1), None


def _attend_block(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    prefix_key: torch.Tensor,
    prefix_value: torch.Tensor,
    seen: torch.Tensor | None,
) -> torch.Tensor:
    """One block of queries; shapes as in ``attend``, queries already scaled."""
    rows, heads, new, size = query.shape
    key_heads, prefix_tokens = prefix_key.shape[0], prefix_key.shape[1]
    group = heads // key_heads
    # Key heads first, so that all rows' queries of a head are one matrix: (key heads, rows, group * new, size).
    grouped = query.view(rows, key_heads, group, new, size) if group > 1 else query.unsqueeze(2)
    by_head = grouped.permute(1, 0, 2, 3, 4).reshape(key_heads, rows * group * new, size)
    on_prefix = torch.matmul(by_head, prefix_key.transpose(1, 2)).view(key_heads, rows, group * new, -1)
    if seen is not None:
        unseen = torch.arange(prefix_tokens, device=seen.device) >= seen[:, None]
        on_prefix = on_prefix.masked_fill(unseen[None, :, None], float("-inf"))
    own = torch.matmul(grouped.reshape(rows, key_heads, group * new, size), key.transpose(2, 3))
    if mask is not None:
        allowed = mask if group == 1 else mask.repeat(1, 1, group, 1)
        own = own.masked_fill(~allowed, float("-inf"))
    scores = torch.cat((on_prefix, own.transpose(0, 1)), dim=-1)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    from_prefix = torch.matmul(
        weights[..., :prefix_tokens].reshape(key_heads, rows * group * new, prefix_tokens), prefix_value
    ).view(key_heads, rows, group, new, -1)
    from_own = torch.matmul(weights[..., prefix_tokens:].transpose(0, 1), value)
    out = from_prefix.permute(1, 3, 0, 2, 4) + from_own.view(rows, key_heads, group, new, -1).permute(
        0, 3, 1, 2, 4
    )
    return out.reshape(rows, new, heads, -1)


AttentionInterface.register(NAME, attend)
