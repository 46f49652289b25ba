"""Runs any causal language model, with transformers' own cache."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from evalkit.models.engine.rows import Head, Rows, Start, left_padded, split_off_heads


class CacheDecoder:
    """transformers' cache, the prefix copied for every row.

    Args:
        model: Any causal language model of transformers.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        # Between a prefix and a shorter row stands padding. Only full attention can leave it out: a sliding
        # window counts it, and a state-space layer reads it.
        layers = DynamicCache(config=model.config).layers
        self.shares_prefixes = all(type(layer) is DynamicLayer for layer in layers)

    def prefill(self, tokens: Sequence[int]) -> Start:
        """Run the model over what all rows of a batch begin with, which may be nothing; each batch copies it."""
        cache = DynamicCache(config=self._model.config)
        if tokens:
            _CacheRows(self._model, cache, 0, [0], takes_positions=self._takes_positions).run([tokens])
        return _CacheStart(self._model, cache, len(tokens), self._takes_positions)


@dataclass(frozen=True, slots=True)
class _CacheStart:
    model: Any
    cache: DynamicCache
    tokens: int
    takes_positions: bool

    def rows(self, rows: Sequence[Sequence[int]], room: int, heads: Sequence[Head] | None = None) -> Rows:
        split = split_off_heads(rows, heads or [Head(self.tokens)] * len(rows))
        cache = copy.deepcopy(self.cache)
        if self.tokens:
            cache.batch_repeat_interleave(len(split.seen))
        batch = _CacheRows(self.model, cache, self.tokens, split.seen, takes_positions=self.takes_positions)
        if split.heads is not None:
            batch.run(split.heads)
            batch.keep(torch.tensor(split.of_row, device=self.model.device))
        batch.run(split.rows)
        return batch


class _CacheRows:
    """Rows of a cache that holds ``before`` tokens of a prefix, of which row i looks at ``seen[i]``."""

    logits: torch.Tensor

    def __init__(
        self, model: Any, cache: DynamicCache, before: int, seen: Sequence[int], *, takes_positions: bool
    ) -> None:
        self._model = model
        self._cache = cache
        self._takes_positions = takes_positions
        self._next = torch.tensor(seen, device=model.device)[:, None]
        self._mask = (torch.arange(before, device=model.device) < self._next).long()

    def run(self, rows: Sequence[Sequence[int]]) -> None:
        """Append tokens to each row."""
        tokens, real = left_padded(rows, self._model.device)
        self._mask = torch.cat((self._mask, real.long()), dim=1)
        self.logits = self._forward(tokens, self._next + (real.cumsum(1) - 1).clamp(min=0))
        self._next = self._next + real.sum(1, keepdim=True)

    def step(self, tokens: torch.Tensor) -> None:
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self.logits = self._forward(tokens[:, None], self._next)
        self._next = self._next + 1

    def keep(self, rows: torch.Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._next = self._next.index_select(0, rows)
        self._mask = self._mask.index_select(0, rows)
        self.logits = self.logits.index_select(0, rows)

    def _forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        extra = {"position_ids": positions} if self._takes_positions else {}
        result = self._model(
            input_ids=tokens,
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
            **extra,
        )
        logits: torch.Tensor = result.logits[:, -1]
        return logits
