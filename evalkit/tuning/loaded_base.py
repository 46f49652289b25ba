"""The base of a training, kept loaded for the next one in the same process. Imports torch at the top.

Fractions and seeds of a tuned model, and several tuned models of one base, start from the same frozen weights and the
same rows. Reading a base of half a gigabyte takes seconds, and each copy of it takes memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.models.engine.chat import Chat
from evalkit.models.engine.stop import StopRule
from evalkit.models.engine.weights import Weights, load_weights
from evalkit.tuning.protocol import TrainingRow, TrainingSpec
from evalkit.tuning.rows import TokenRow, tokenize

_Key = tuple[Path, str, str, bool]


@dataclass(slots=True)
class LoadedBase:
    """A base with its tokenizer, and the rows that were tokenized for it."""

    weights: Weights
    attention: str
    _rows: dict[tuple[TrainingRow, tuple[str, ...] | None], TokenRow] = field(default_factory=dict)

    def tokens(self, rows: Sequence[TrainingRow], stop: tuple[str, ...] | None) -> list[TokenRow]:
        """Rows as tokens; see ``tokenize``."""
        new = [row for row in dict.fromkeys(rows) if (row, stop) not in self._rows]
        if new:
            tokenizer = self.weights.tokenizer
            rule = StopRule(tokenizer, stop, self.weights.end_ids)
            made = tokenize(new, Chat(tokenizer), self.weights.context_limit, rule)
            self._rows.update({(row, stop): tokens for row, tokens in zip(new, made, strict=True)})
        return [self._rows[row, stop] for row in rows]


_kept: dict[_Key, LoadedBase] = {}


def take_base(spec: TrainingSpec, *, device: str, dtype: str) -> LoadedBase:
    """The base of a training, read from disk unless the training before left it as it was.

    It is the caller's until it is given back.

    Args:
        spec: Names the folder.
        device: As torch names it.
        dtype: To load it in.
    """
    key = _key(spec, device, dtype)
    base = _kept.pop(key, None)
    _kept.clear()  # two bases at a time would not fit in the memory of one
    if base is None:
        weights = load_weights(
            spec.base_folder, device=device, dtype=dtype, trust_remote_code=spec.trust_remote_code
        )
        base = LoadedBase(weights, str(getattr(weights.model.config, "_attn_implementation", "")))
    return base


def give_back(base: LoadedBase, spec: TrainingSpec, *, device: str, dtype: str) -> None:
    """Keep a base whose weights are as they were read, for the next training."""
    _kept[_key(spec, device, dtype)] = base


def _key(spec: TrainingSpec, device: str, dtype: str) -> _Key:
    return spec.base_folder, device, dtype, spec.trust_remote_code


def without_adapter(model: Any) -> Any:
    """The base inside of a peft model, as it was before: its weights were frozen."""
    plain = model.unload()
    if hasattr(plain, "peft_config"):
        del plain.peft_config
    return plain.eval().requires_grad_(False)
