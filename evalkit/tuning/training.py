"""The training loop. Imports torch at the top: load it only to train.

It is short because the case is narrow: conversations whose last answer is to be learned, rows that fit the
context, one device. In return the loss falls on answer tokens only, the output layer runs on the end of the rows
only, and some hundred steps of a small model take a minute on one core.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch

from evalkit.errors import TuningError
from evalkit.records.tuning import LossPoint, TuningRun, best_point
from evalkit.tuning.checkpoint import Checkpoints, TrainingState
from evalkit.tuning.disk import writing
from evalkit.tuning.fitting import Parts, measure
from evalkit.tuning.memory import give_back_free_memory, peak_memory_bytes
from evalkit.tuning.protocol import TrainingSpec, weights_bytes
from evalkit.tuning.rows import Batch, TokenRow, batches, make_batch
from evalkit.tuning.schedule import BETAS, GRADIENT_NORM, is_eval_step, is_log_step, learning_rate
from evalkit.tuning.train_requests import TrainingPaused, pause_requested
from evalkit.tuning.trained_weights import TrainedWeights

_KEPT_LOSSES = 50


class Training:
    """One tuned model in the making.

    Each step follows from the training seed, its number, and the weights and the optimiser before it. So a training
    that goes on from a checkpoint ends where it would have ended: bit for bit on a CPU, with as many threads.

    Args:
        spec: What to make. Its rows and validation rows are read as ``rows`` and ``validation``.
        trained: The model, and what of it is trained.
        rows: At least one.
        validation: May be empty.
        steps: Optimiser steps, unless patience ends before.
        fitted: Whether rows are computed in parts that fit ``memory_gb``, on a CPU. Small bases are trained as they
            are.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        trained: TrainedWeights,
        rows: Sequence[TokenRow],
        validation: Sequence[TokenRow],
        steps: int,
        *,
        fitted: bool = False,
    ) -> None:
        self._spec = spec
        self._config = spec.config
        self._trained = trained
        self._model = trained.model
        self._rows = rows
        self._validation = sorted(validation, key=lambda row: row.tokens)
        self._steps = steps
        self._device = trained.model.device
        self._optimiser = torch.optim.AdamW(
            list(trained.parameters.values()), lr=self._config.rate, betas=BETAS, weight_decay=0.0, fused=True
        )
        self._dtype = compute_dtype(self._config.dtype, self._device.type)
        frozen = [weight.dtype for weight in self._model.parameters() if not weight.requires_grad]
        self._casts = self._dtype != torch.float32 and not (fitted and self._dtype in frozen)
        self._head = self._model.get_output_embeddings() if fitted else None
        self._parts = self._planned_parts(fitted)

    def run(self) -> TuningRun:
        """Train, write the weights that are kept, and say what it took.

        Raises:
            TuningError: The loss ran away.
            RunError: The disk is full.
            TrainingPaused: It was asked to stop; a checkpoint is kept.
        """
        checkpoints = Checkpoints(self._spec.checkpoints, self._config.checkpoint_every)
        with checkpoints.locked():
            checkpoints.start_attempt()
            state, best = self._train(checkpoints)
            spent = checkpoints.time_spent
        lowest = best_point(state.losses)
        kept = state.step
        if self._config.keeps_best and lowest is not None:
            kept = lowest.step
            self._restore(best)
        with writing(self._spec.output):
            self._trained.save(self._spec.output)
            for file in self._spec.output.iterdir():
                file.chmod(0o644)  # safetensors writes files that only their owner can read
        return TuningRun(
            model=self._spec.model,
            method=self._config.method,
            trained=self._trained.words,
            fraction=self._spec.fraction,
            seed=self._spec.seed,
            rows=len(self._rows),
            validation_rows=len(self._validation),
            steps=state.step,
            planned_steps=self._steps,
            tokens=state.tokens,
            seconds=spent.seconds,
            attempts=spent.attempts,
            trainable_parameters=sum(weight.numel() for weight in self._trained.parameters.values()),
            total_parameters=sum(weight.numel() for weight in self._model.parameters()),
            peak_memory_bytes=peak_memory_bytes(),
            device_memory_bytes=(
                torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else None
            ),
            device=str(self._device),
            dtype=str(self._dtype).removeprefix("torch."),
            losses=state.losses,
            final_train_loss=state.losses[-1].train,
            final_validation_loss=state.losses[-1].validation,
            best_step=None if lowest is None else lowest.step,
            best_validation_loss=None if lowest is None else lowest.validation,
            kept_step=kept,
            stopped_early=state.step < self._steps,
            adapter=self._spec.output.name,
        )

    def loss(self, batch: Batch, *, of: int | None = None) -> torch.Tensor:
        """Sum of the losses of the answer tokens, in nats, over ``of`` tokens; by default those of the batch."""
        learned = batch.labels >= 0
        with self._precision(), self._answers_alone(learned):
            logits = self._model(
                input_ids=batch.tokens,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                use_cache=False,
                logits_to_keep=batch.kept,
            ).logits
        scores = logits if logits.dim() == 2 else logits[:, :-1][learned]
        total = torch.nn.functional.cross_entropy(scores.float(), batch.labels[learned], reduction="sum")
        return total / (of or batch.answer_tokens)

    def validate(self) -> float:
        """Mean loss per answer token of the validation rows."""
        self._model.eval()
        total, answer_tokens = 0.0, 0
        with torch.no_grad():
            for rows in self._parts.of(self._validation):
                batch = make_batch(rows, self._device)
                total += float(self.loss(batch)) * batch.answer_tokens
                answer_tokens += batch.answer_tokens
        self._model.train()
        return total / answer_tokens

    def _train(self, checkpoints: Checkpoints) -> tuple[TrainingState, dict[str, torch.Tensor]]:
        """Where the training ended, and the weights of the lowest validation loss where those are to be kept."""
        parameters = self._trained.parameters
        state, best = checkpoints.load(parameters, self._optimiser)
        tokens, recent, losses = state.tokens, list(state.recent), list(state.losses)
        self._model.train()
        rng = np.random.default_rng(self._spec.seed)
        order = islice(batches(self._rows, self._config.rows_a_step, self._steps, rng), state.step, None)
        for step, rows in enumerate(order, start=state.step + 1):
            if self._is_stale(losses):
                break
            recent.append(self._step(step, rows))
            tokens += sum(row.tokens for row in rows)
            evaluates = bool(self._validation) and is_eval_step(
                step, self._steps, self._config.evaluate_every
            )
            if evaluates or is_log_step(step, self._steps, _KEPT_LOSSES):
                point = LossPoint(
                    step=step,
                    train=sum(recent) / len(recent),
                    validation=self.validate() if evaluates else None,
                )
                self._check(point, checkpoints)
                losses.append(point)
                recent.clear()
                if evaluates and self._config.keeps_best and best_point(losses) is point:
                    best = {name: weight.detach().to("cpu", copy=True) for name, weight in parameters.items()}
            state = TrainingState(step=step, tokens=tokens, recent=tuple(recent), losses=tuple(losses))
            pausing = pause_requested.is_set()
            if pausing or checkpoints.is_due(step):
                checkpoints.save(state, parameters, self._optimiser, best)
            if pausing and step < self._steps:
                raise TrainingPaused
        return state, best

    def _is_stale(self, losses: Sequence[LossPoint]) -> bool:
        """Whether ``patience`` evaluations have passed without a lower validation loss."""
        best = best_point(losses)
        if self._config.patience is None or best is None:
            return False
        since = [point for point in losses if point.validation is not None and point.step > best.step]
        return len(since) >= self._config.patience

    def _check(self, point: LossPoint, checkpoints: Checkpoints) -> None:
        if not all(math.isfinite(loss) for loss in (point.train, point.validation or 0.0)):
            checkpoints.forget()
            raise TuningError(
                f"the loss is no number after {point.step} steps; lower learning_rate (it is {self._config.rate:g})"
            )

    def _step(self, step: int, rows: Sequence[TokenRow]) -> float:
        """One optimiser step; the mean loss before it."""
        # Dropout is the only chance in a step. Its seed follows from the step, so that a checkpoint needs no state.
        torch.manual_seed((self._spec.seed << 32) + step)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(step, self._steps, self._config.rate)
        self._optimiser.zero_grad(set_to_none=True)
        answer_tokens = sum(len(row.answer) for row in rows)
        total = 0.0
        for part in self._parts.of(rows):
            # Over the tokens of the whole step: parts of unequal length must weigh as they would in one batch.
            loss = self.loss(make_batch(part, self._device), of=answer_tokens)
            loss.backward()
            total += float(loss.detach())
            if self._parts.footprint is not None:
                del loss
                give_back_free_memory()
        torch.nn.utils.clip_grad_norm_(self._trained.parameters.values(), GRADIENT_NORM)
        self._optimiser.step()
        return total

    def _restore(self, weights: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self._trained.parameters.items():
                weight.copy_(weights[name])

    @contextlib.contextmanager
    def _precision(self) -> Iterator[None]:
        if not self._casts:
            yield
            return
        with torch.autocast(self._device.type, dtype=self._dtype):
            yield

    @contextlib.contextmanager
    def _answers_alone(self, learned: torch.Tensor) -> Iterator[None]:
        """Have the output layer score what is asked for and nothing else, as one matrix.

        Otherwise torch copies the whole layer for every row: the end of each row is no contiguous piece of memory.
        """
        if self._head is None:
            yield
            return

        def choose(_: object, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            return (inputs[0][:, :-1][learned], *inputs[1:])

        hook = self._head.register_forward_pre_hook(choose)
        try:
            yield
        finally:
            hook.remove()

    def _planned_parts(self, fitted: bool) -> Parts:
        parts = Parts(self._config.batch_size, self._config.memory_gb * 1e9)
        if not fitted:
            return parts
        self._model.train()
        trained = list(self._trained.parameters.values())
        footprint = measure(self._model, trained, self.loss, weights_bytes(self._spec.base_folder))
        parts = replace(parts, footprint=footprint)
        parts.refuse_too_long([*self._rows, *self._validation])
        return parts


def compute_dtype(requested: str, device: str) -> torch.dtype:
    """What matrix products are computed in.

    Args:
        requested: ``auto``, ``float32`` or ``bfloat16``. ``auto`` is bfloat16 where that is quicker; a CPU without
            instructions for it emulates them.
        device: ``cpu``, ``cuda``, ...
    """
    if requested != "auto":
        return torch.float32 if requested == "float32" else torch.bfloat16
    if device == "cuda":
        quicker = torch.cuda.is_bf16_supported()
    elif device == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        able = torch.cpu.get_capabilities()
        quicker = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    else:
        quicker = False
    return torch.bfloat16 if quicker else torch.float32
