"""The training loop. Imports torch at the top: load it only to train.

It is short because the case is narrow: conversations whose last answer is to be learned, rows that fit the
context, one device. In return the loss falls on answer tokens only, the output layer runs on the end of the rows
only, and some hundred steps of a small model take a minute on one core.
"""

from __future__ import annotations

import contextlib
import math
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import peft
import torch

from evalkit.errors import TuningError
from evalkit.models.engine.weights import Weights, quiet_transformers
from evalkit.records.tuning import LossPoint, TuningRun
from evalkit.tuning.protocol import TuningSpec
from evalkit.tuning.quick_lora import quicken
from evalkit.tuning.rows import TokenRow, batches

_WARM_UP = 20
_LAST_RATE = 0.05
_KEPT_LOSSES = 50
_VALIDATIONS = 10
# Written-out attention trains quicker on a CPU than the fused kernel, whose backward pass is slow there; it
# needs memory that grows with the square of the length.
_EAGER_UP_TO = 512


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


class Training:
    """One adapter in the making.

    Args:
        spec: What to make. Its rows and validation rows are read as ``rows`` and ``validation``.
        weights: The base; an adapter is put into it.
        rows: At least one.
        validation: May be empty.
        steps: Optimiser steps.

    Raises:
        TuningError: ``target_modules`` names nothing in this model.
    """

    def __init__(
        self,
        spec: TuningSpec,
        weights: Weights,
        rows: Sequence[TokenRow],
        validation: Sequence[TokenRow],
        steps: int,
    ) -> None:
        self._spec = spec
        self._rows = rows
        self._validation = validation
        self._steps = steps
        self._device = weights.model.device
        config = spec.config
        if self._device.type == "cpu" and max(row.tokens for row in (*rows, *validation)) <= _EAGER_UP_TO:
            weights.model.set_attn_implementation("eager")
        lora = peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.lora_alpha,
            target_modules=config.target_modules,
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )
        with quiet_transformers():
            try:
                self.model = peft.get_peft_model(weights.model, lora)
            except ValueError as error:
                raise TuningError(
                    f"model {spec.model!r}: no adapter fits target_modules {config.target_modules!r}: {error}"
                ) from error
        quicken(self.model)
        self._trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self._optimiser = torch.optim.AdamW(
            self._trained, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )
        self._low_precision = _computes_bfloat16(self._device.type)

    def run(self) -> TuningRun:
        """Train, write the adapter, and say what it took.

        Raises:
            TuningError: The loss ran away.
        """
        spec = self._spec
        rng = np.random.default_rng(spec.seed)
        started = time.perf_counter()
        tokens = 0
        recent: list[float] = []
        losses: list[LossPoint] = []
        self.model.train()
        for step, rows in enumerate(batches(self._rows, spec.config.batch_size, self._steps, rng), start=1):
            recent.append(self._step(step, rows))
            tokens += sum(row.tokens for row in rows)
            validates = bool(self._validation) and _is_mark(step, self._steps, _VALIDATIONS)
            if validates or _is_mark(step, self._steps, _KEPT_LOSSES):
                validation = self.validate() if validates else None
                losses.append(LossPoint(step=step, train=sum(recent) / len(recent), validation=validation))
                recent.clear()
        seconds = time.perf_counter() - started
        if not math.isfinite(losses[-1].train):
            raise TuningError(
                f"model {spec.model!r}: the loss is no number after {self._steps} steps; lower learning_rate "
                f"(it is {spec.config.learning_rate:g})"
            )
        self._save(spec.output)
        return TuningRun(
            model=spec.model,
            method=spec.config.method,
            fraction=spec.fraction,
            seed=spec.seed,
            rows=len(self._rows),
            validation_rows=len(self._validation),
            steps=self._steps,
            tokens=tokens,
            seconds=seconds,
            trainable_parameters=sum(weight.numel() for weight in self._trained),
            total_parameters=sum(weight.numel() for weight in self.model.parameters()),
            peak_memory_bytes=_peak_memory_bytes(),
            losses=tuple(losses),
            final_train_loss=losses[-1].train,
            final_validation_loss=losses[-1].validation,
            adapter=spec.output.name,
        )

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean loss per answer token, in nats."""
        with self._precision():
            logits = self.model(
                input_ids=batch.tokens,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                use_cache=False,
                logits_to_keep=batch.kept,
            ).logits
        asked = batch.labels >= 0
        return torch.nn.functional.cross_entropy(logits[:, :-1][asked].float(), batch.labels[asked])

    def validate(self) -> float:
        """Mean loss per answer token of the validation rows."""
        self.model.eval()
        ordered = sorted(self._validation, key=lambda row: row.tokens)
        size = self._spec.config.batch_size
        total, answer_tokens = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(ordered), size):
                batch = make_batch(ordered[start : start + size], self._device)
                total += float(self.loss(batch)) * batch.answer_tokens
                answer_tokens += batch.answer_tokens
        self.model.train()
        return total / answer_tokens

    def _step(self, step: int, rows: Sequence[TokenRow]) -> float:
        rate = self._spec.config.learning_rate * min(1.0, step / _WARM_UP)
        rate *= 1 - (1 - _LAST_RATE) * (step - 1) / self._steps
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss = self.loss(make_batch(rows, self._device))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimiser.step()
        return float(loss.detach())

    @contextlib.contextmanager
    def _precision(self) -> Iterator[None]:
        if not self._low_precision:
            yield
            return
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            yield

    def _save(self, folder: Path) -> None:
        with quiet_transformers():
            self.model.save_pretrained(folder, safe_serialization=True)
        for file in folder.iterdir():
            # safetensors writes files that only their owner can read.
            file.chmod(0o644)


def _is_mark(step: int, steps: int, marks: int) -> bool:
    """Whether ``step`` is one of about ``marks`` evenly spread ones, the last step among them."""
    return step == steps or step * marks // steps > (step - 1) * marks // steps


def _computes_bfloat16(device: str) -> bool:
    """Whether matrix products in bfloat16 are quicker; a CPU without instructions for it emulates them."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
