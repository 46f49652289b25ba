"""Runs the model: a prefix once, then what groups of rows share behind it, then the rows, token by token.

Two ways to do the same. ``SharedPrefixDecoder`` keeps one copy of the prefix for all rows and writes into
buffers made beforehand; it knows the model families in ``FAMILIES``. ``CacheDecoder`` uses transformers' own
cache and copies the prefix for every row; it takes any causal language model. Both ask for the scores of the last
position alone: with a real vocabulary those of a whole prompt would take longer than its hidden states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from evalkit.models.engine.cache_decoder import CacheDecoder
from evalkit.models.engine.rows import Decoder, Head, Rows, Start, left_padded, split_off_heads
from evalkit.models.engine.shared_prefix import NAME, OwnTokens, Prefix

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Model types whose attention takes a registered function, and nothing that this function does not know."""

_ROPE_BY_POSITION = frozenset({"default", "linear", "llama3", "yarn"})


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
        rows = _SharedRows(self._model, OwnTokens(len(tokens)), None, [0])
        rows.run([tokens], room=0)
        return _SharedStart(self._model, rows.own.as_prefix())


@dataclass(frozen=True, slots=True)
class _SharedStart:
    model: Any
    prefix: Prefix | None

    def rows(self, rows: Sequence[Sequence[int]], room: int, heads: Sequence[Head] | None = None) -> Rows:
        prefix, model = self.prefix, self.model
        split = split_off_heads(rows, heads or [Head(0 if prefix is None else prefix.tokens)] * len(rows))
        seen = [split.seen[place] for place in split.of_row]
        capacity = max(map(len, split.rows)) + room
        if len(rows) == 1:
            # With one row there is nothing to share: buffers with the prefix in them are the quicker way.
            batch = self._behind(seen[0], capacity)
        elif split.heads is None:
            shared = None if prefix is None else prefix.seen_by(seen, model.device)
            batch = _SharedRows(model, OwnTokens(capacity), shared, seen)
        else:
            # One at a time: behind different lengths of the prefix, heads in a batch would be padded and masked.
            behind = [self._head(*head) for head in zip(split.seen, split.heads, strict=True)]
            own, real = OwnTokens.behind([behind[place] for place in split.of_row], capacity)
            shared = None if prefix is None else prefix.seen_by(seen, model.device)
            batch = _SharedRows(model, own, shared, seen, real)
        batch.run(split.rows, room)
        return batch

    def _behind(self, seen: int, capacity: int) -> _SharedRows:
        """A single row of which the first tokens are the prefix's."""
        if self.prefix is None:
            return _SharedRows(self.model, OwnTokens(capacity), None, [0])
        own = OwnTokens.after(self.prefix.cut(seen), seen + capacity)
        return _SharedRows(self.model, own, None, [seen])

    def _head(self, seen: int, tokens: Sequence[int]) -> Prefix | None:
        """Keys and values of the tokens behind so many of the prefix; None for none."""
        if not tokens:
            return None
        row = self._behind(seen, len(tokens))
        row.run([tokens], room=0)
        return row.own.as_prefix(after=seen)


class _SharedRows:
    """Rows behind a prefix of which row i has seen ``seen[i]`` tokens."""

    logits: torch.Tensor

    def __init__(
        self,
        model: Any,
        own: OwnTokens,
        prefix: Prefix | None,
        seen: Sequence[int],
        real: torch.Tensor | None = None,
    ) -> None:
        """``real`` is True for tokens that ``own`` holds and that are no padding, shape (rows, held); None for all."""
        self._model = model
        self.own = own
        self._prefix = prefix
        self._next = torch.tensor(seen, device=model.device)[:, None]
        # What the rows may look at among their own tokens, for all steps to come; None without padding.
        self._visible: torch.Tensor | None = None
        if real is not None:
            self._next = self._next + real.sum(1, keepdim=True)
            self._visible = real[:, None, None, :]

    def run(self, rows: Sequence[Sequence[int]], room: int) -> None:
        """Append tokens to each row, and leave room for so many steps."""
        tokens, real = left_padded(rows, self._model.device)
        held = self.own.get_seq_length()
        new = tokens.shape[1]
        positions = self._next + (real.cumsum(1) - 1).clamp(min=0)
        padded = self._visible is not None or not bool(real.all())
        earlier = real.new_ones((len(rows), held)) if self._visible is None else self._visible[:, 0, 0, :held]
        looked_at = torch.cat((earlier, real), dim=1)[:, None, None, :]
        causal = torch.ones((new, held + new), dtype=torch.bool, device=tokens.device).tril(held)
        # A padded position looks at itself: a row of the softmax without any entry would be not a number.
        itself = torch.nn.functional.pad(torch.eye(new, dtype=torch.bool, device=tokens.device), (held, 0))
        mask = (causal & looked_at) | itself if padded else causal[None, None]
        self._visible = torch.nn.functional.pad(looked_at, (0, room), value=True) if padded else None
        self.logits = self._forward(tokens, positions, mask)
        self._next = self._next + real.sum(1, keepdim=True)

    def step(self, tokens: torch.Tensor) -> None:
        length = self.own.get_seq_length() + 1
        mask = None if self._visible is None else self._visible[..., :length]
        self.logits = self._forward(tokens[:, None], self._next, mask)
        self._next = self._next + 1

    def keep(self, rows: torch.Tensor) -> None:
        self.own.keep(rows)
        self._next = self._next.index_select(0, rows)
        self.logits = self.logits.index_select(0, rows)
        if self._prefix is not None:
            self._prefix = self._prefix.keep(rows)
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
