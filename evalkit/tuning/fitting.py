"""How many rows of a step are computed at a time, so that training stays in its memory. Imports torch at the top.

What a forward pass keeps for the backward pass is counted on three short rows, once for a training. It follows from
the model and from what of it is trained, and not from the machine, so equal commands cut equal rows into equal parts:
the parts decide the low bits of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from evalkit.errors import TuningError
from evalkit.tuning.rows import Batch, TokenRow, make_batch

_GB = 1e9
# Python with torch, transformers and peft: their code and what they set up.
_RUNTIME_BYTES = 0.55e9
# Of a trained number: itself, its gradient and the two of AdamW, in float32.
_TRAINED_BYTES = 16
# Of a score of one token of the vocabulary: in the computed type and as float32, and the gradients of both.
_SCORE_BYTES = 16
# Larger parts are not quicker: the weights are read from memory often enough to be reused from it.
_MOST_TOKENS = 1024
# Gradients of one layer on their way, and what the allocator cannot give back.
_SLACK = 1.2
_PROBE_LENGTHS = (16, 32, 64)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of one training on a CPU, in bytes.

    Attributes:
        fixed: Before any row: the runtime, the weights, the optimiser.
        loading: While the weights are read, which may be more than a small part needs.
        token, token_squared: Kept for each token of a padded row, and for each pair of them.
        answer_token: For each token that is learned.
    """

    fixed: float
    loading: float
    token: float
    token_squared: float
    answer_token: float

    def peak(self, rows: Sequence[TokenRow]) -> float:
        """Memory while these rows are computed together."""
        longest = max(row.tokens for row in rows)
        kept = len(rows) * (self.token * longest + self.token_squared * longest**2)
        scores = self.answer_token * sum(len(row.answer) for row in rows)
        return max(self.loading, self.fixed + _SLACK * (kept + scores))


@dataclass(frozen=True, slots=True)
class Parts:
    """Cuts the rows of a step into parts that are computed one after the other.

    Attributes:
        most_rows: ``batch_size`` of the suite.
        limit: ``memory_gb`` in bytes.
        footprint: None where only ``most_rows`` counts: on accelerators, and for bases so small that all rows fit.
    """

    most_rows: int
    limit: float
    footprint: Footprint | None = None

    def of(self, rows: Sequence[TokenRow]) -> Iterator[Sequence[TokenRow]]:
        """The rows in parts, in order; rows of one step are of similar length."""
        if self.footprint is None:
            for start in range(0, len(rows), self.most_rows):
                yield rows[start : start + self.most_rows]
            return
        part: list[TokenRow] = []
        for row in sorted(rows, key=lambda row: row.tokens):
            if part and self._is_too_much([*part, row], self.footprint):
                yield part
                part = []
            part.append(row)
        yield part

    def _is_too_much(self, part: Sequence[TokenRow], footprint: Footprint) -> bool:
        longest = max(row.tokens for row in part)
        return (
            len(part) > self.most_rows
            or len(part) * longest > _MOST_TOKENS
            or footprint.peak(part) > self.limit
        )

    def refuse_too_long(self, rows: Sequence[TokenRow]) -> None:
        """Raise ``TuningError`` where one row alone needs more than the limit."""
        if self.footprint is None:
            return
        longest = max(rows, key=lambda row: row.tokens)
        needed = self.footprint.peak([longest])
        if needed > self.limit:
            raise TuningError(
                f"training holds at least {needed / _GB:.1f} GB: {self.footprint.fixed / _GB:.1f} GB before any row, "
                f"the rest for its longest row of {longest.tokens:,} tokens; `memory_gb` is {self.limit / _GB:g}. "
                "Raise it, shorten the row, or train less of the model"
            )


def measure(
    model: Any,
    trained: Sequence[torch.Tensor],
    loss: Callable[[Batch], torch.Tensor],
    stored_bytes: int,
) -> Footprint:
    """The memory of a training, from forward passes over rows of three lengths.

    Args:
        model: Loaded, with what is trained.
        trained: Those of its parameters.
        loss: Of a batch, as the training computes it.
        stored_bytes: Size of the files that the weights are read from.
    """
    own = {weight.untyped_storage().data_ptr(): weight.nbytes for weight in model.parameters()}
    weights = sum(own.values())
    kept = [_kept_bytes(loss, length, model.device, frozenset(own)) for length in _PROBE_LENGTHS]
    square, line, _ = np.polyfit(_PROBE_LENGTHS, kept, 2)
    # Where attention keeps no pairs, rounding may leave a square below nothing.
    square = max(0.0, float(square))
    if square == 0.0:
        line = (kept[-1] - kept[0]) / (_PROBE_LENGTHS[-1] - _PROBE_LENGTHS[0])
    numbers = sum(weight.numel() for weight in trained)
    return Footprint(
        fixed=_RUNTIME_BYTES + weights + (_TRAINED_BYTES - 4) * numbers,
        loading=_RUNTIME_BYTES + weights + stored_bytes,
        token=float(line),
        token_squared=square,
        answer_token=_SCORE_BYTES * float(model.config.get_text_config().vocab_size),
    )


def _kept_bytes(
    loss: Callable[[Batch], torch.Tensor], length: int, device: torch.device, own: frozenset[int]
) -> int:
    """Bytes that a forward pass over one row keeps, the model's own weights left out."""
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a result that its own graph holds would never be freed

    row = TokenRow(prompt=(0,) * (length - 1), answer=(0,))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        held = loss(make_batch([row], device))
    del held
    return sum(seen.values())
