"""Low-rank adaptation of a transformers folder with peft, by a training loop of our own."""

from __future__ import annotations

from evalkit.errors import TuningError
from evalkit.extras import require
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.protocol import TuningSpec

RECIPE = 1
"""Raise when the training changes in a way that makes another adapter of the same settings."""


class LoraTuner:
    """AdamW (betas 0.9 and 0.98, no decay), warm-up of 20 steps, then linear to 5%, gradient norm clipped at 1.

    Steps are rows x epochs / batch_size, and at least ``min_steps``. Matrix products run in bfloat16 where the
    device computes in it; weights, adapter and optimiser stay in the type they were loaded in, float32 on a CPU.
    """

    def tune(self, spec: TuningSpec) -> TuningRun:
        """See ``Tuner.tune``. On a CPU, equal rows, settings and seed give equal bytes on equal machines."""
        torch = require("torch", "local")
        require("peft", "local")
        from evalkit.models.engine.chat import Chat
        from evalkit.models.engine.weights import load_weights, resolve_device
        from evalkit.tuning.rows import tokenize
        from evalkit.tuning.training import Training

        torch.set_num_threads(spec.threads)
        # Gradients of a row that is learned are denormal numbers, on which a CPU is many times slower.
        torch.set_flush_denormal(True)
        torch.manual_seed(spec.seed)
        device = resolve_device() if spec.device == "auto" else spec.device
        weights = load_weights(spec.base_folder, device=device, trust_remote_code=spec.trust_remote_code)
        chat = Chat(weights.tokenizer)
        rows = tokenize(spec.rows, chat, weights.context_limit)
        validation = tokenize(spec.validation, chat, weights.context_limit)
        if not rows:
            raise TuningError(f"model {spec.model!r}: there is no row to train on")
        return Training(spec, weights, rows, validation, steps_of(len(rows), spec.config)).run()


def steps_of(rows: int, config: TunedModelConfig) -> int:
    """Optimiser steps of a run on ``rows`` rows."""
    return max(config.min_steps, round(rows * config.epochs / config.batch_size))
