"""Runs the model: a prefix once, then a batch of rows behind it, token by token.

Two ways to do the same. ``SharedPrefixDecoder`` keeps one copy of the prefix for all rows and writes into
buffers made beforehand; it knows the model families in ``FAMILIES``. ``CacheDecoder`` uses transformers' own
cache and copies the prefix for every row; it takes any causal language model.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from evalkit.models.engine.shared_prefix import NAME, OwnTokens, Prefix

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Model types whose attention takes a registered function, and nothing that this function does not know."""

_ROPE_BY_POSITION = frozenset({"default", "linear", "llama3", "yarn"})


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


class Start(Protocol):
    """The state after some tokens, from which any number of batches can go on."""

    def rows(self, rows: Sequence[Sequence[int]], room: int) -> Rows:
        """A batch behind those tokens.

        Args:
            rows: Tokens of each row, at least one each.
            room: New tokens that a row may get.
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


def open_decoder(model: Any) -> Decoder:
    """The fastest decoder that suits ``model``."""
    if _full_attention_family(model.config):
        model.set_attn_implementation(NAME)
        return SharedPrefixDecoder(model)
    return CacheDecoder(model)


def _full_attention_family(config: Any) -> bool:
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    sliding = getattr(config, "sliding_window", None) is not None and getattr(
        config, "use_sliding_window", True
    )
    return (
        config.model_type in FAMILIES
        and kinds == {"full_attention"}
        and rope in _ROPE_BY_POSITION
        and not sliding
    )


def _left_padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens with zeros before the shorter rows, and True where a token is real; shapes (rows, longest)."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    real = torch.arange(longest, device=device) >= (longest - lengths)[:, None]
    return tokens, real


class SharedPrefixDecoder:
    """One copy of the prefix for all rows.

    Args:
        model: Of one of ``FAMILIES``, with the attention function of ``shared_prefix`` set.
    """

    shares_prefixes = True

    def __init__(self, model: Any) -> None:
        self._model = model

    def prefill(self, tokens: Sequence[int]) -> Start:
        """Run the model over what all rows of a batch begin with, which may be nothing; kept once for all of them."""
        if not tokens:
            return _SharedStart(self._model, None)
        rows = _SharedRows(self._model, OwnTokens(len(tokens)), None, [tokens], room=0)
        return _SharedStart(self._model, rows.own.as_prefix())


@dataclass(frozen=True, slots=True)
class _SharedStart:
    model: Any
    prefix: Prefix | None

    def rows(self, rows: Sequence[Sequence[int]], room: int) -> Rows:
        capacity = max(map(len, rows)) + room
        if self.prefix is not None and len(rows) == 1:
            # With one row there is nothing to share: buffers with the prefix in them are the quicker way.
            own = OwnTokens.after(self.prefix, self.prefix.tokens + capacity)
            return _SharedRows(self.model, own, None, rows, room)
        return _SharedRows(self.model, OwnTokens(capacity), self.prefix, rows, room)


class _SharedRows:
    def __init__(
        self, model: Any, own: OwnTokens, prefix: Prefix | None, rows: Sequence[Sequence[int]], room: int
    ) -> None:
        self._model = model
        self.own = own
        self._prefix = prefix
        tokens, real = _left_padded(rows, model.device)
        held = own.get_seq_length()
        new = tokens.shape[1]
        before = held if prefix is None else prefix.tokens
        self._positions = before + (real.cumsum(1) - 1).clamp(min=0)
        padded = not bool(real.all())
        # What the rows may look at among their own tokens, for all steps to come; None without padding.
        room_for_all = real.new_ones((len(rows), room))
        self._visible = torch.cat((real, room_for_all), dim=1)[:, None, None, :] if padded else None
        causal = torch.ones((new, held + new), dtype=torch.bool, device=tokens.device).tril(held)
        # A padded position looks at itself: a row of the softmax without any entry would be not a number.
        mask = (
            causal[None, None]
            if not padded
            else (causal & real[:, None, None, :]) | torch.eye(new, dtype=torch.bool, device=tokens.device)
        )
        self.logits = self._forward(tokens, self._positions, mask)
        self._positions = self._positions[:, -1:]

    def step(self, tokens: torch.Tensor) -> None:
        self._positions = self._positions + 1
        length = self.own.get_seq_length() + 1
        mask = None if self._visible is None else self._visible[..., :length]
        self.logits = self._forward(tokens[:, None], self._positions, mask)

    def keep(self, rows: torch.Tensor) -> None:
        self.own.keep(rows)
        self._positions = self._positions.index_select(0, rows)
        self.logits = self.logits.index_select(0, rows)
        if self._visible is not None:
            self._visible = self._visible.index_select(0, rows)

    def _forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        result = self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.own,
            use_cache=True,
            logits_to_keep=1,
            shared_prefix=self._prefix,
        )
        logits: torch.Tensor = result.logits[:, -1]
        return logits


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
            _CacheRows(self._model, cache, 0, [tokens], takes_positions=self._takes_positions)
        return _CacheStart(self._model, cache, len(tokens), self._takes_positions)


@dataclass(frozen=True, slots=True)
class _CacheStart:
    model: Any
    cache: DynamicCache
    tokens: int
    takes_positions: bool

    def rows(self, rows: Sequence[Sequence[int]], room: int) -> Rows:
        cache = copy.deepcopy(self.cache)
        if self.tokens:
            cache.batch_repeat_interleave(len(rows))
        return _CacheRows(self.model, cache, self.tokens, rows, takes_positions=self.takes_positions)


class _CacheRows:
    def __init__(
        self,
        model: Any,
        cache: DynamicCache,
        before: int,
        rows: Sequence[Sequence[int]],
        *,
        takes_positions: bool,
    ) -> None:
        self._model = model
        self._cache = cache
        self._takes_positions = takes_positions
        tokens, real = _left_padded(rows, model.device)
        self._mask = torch.cat((real.new_ones((len(rows), before)), real), dim=1).long()
        positions = before + (real.cumsum(1) - 1).clamp(min=0)
        self.logits = self._forward(tokens, positions)
        self._positions = positions[:, -1:]

    def step(self, tokens: torch.Tensor) -> None:
        self._positions = self._positions + 1
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self.logits = self._forward(tokens[:, None], self._positions)

    def keep(self, rows: torch.Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._positions = self._positions.index_select(0, rows)
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
