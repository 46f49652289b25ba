"""The ways to tune a transformers folder on this machine: low-rank matrices, chosen parameters, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evalkit.errors import TuningError
from evalkit.optional import require
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.memory import reset_peak_memory
from evalkit.tuning.protocol import TrainingSpec
from evalkit.tuning.schedule import steps_of

if TYPE_CHECKING:
    from evalkit.tuning.trained_weights import TrainedWeights

# Written-out attention trains quicker on a CPU than the fused kernel, whose backward pass is slow there; it
# needs memory that grows with the square of the length.
_EAGER_UP_TO = 512


class LoraTuner:
    """Low-rank matrices beside frozen weights; see ``_tune``."""

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter and say what it took; see ``Trainer``."""
        require("peft", "local")
        from evalkit.tuning.low_rank import LowRank

        # The base is not trained: it may lie in memory as it is computed with.
        dtype = spec.config.dtype
        return _tune(spec, LowRank, dtype=dtype)


class PartialTuner:
    """Some of the model's own parameters; see ``_tune``."""

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter and say what it took; see ``Trainer``."""
        require("torch", "local")
        from evalkit.tuning.trained_parameters import chosen_weights

        return _tune(spec, chosen_weights, dtype="float32")


class FullTuner:
    """All of the model's own parameters; see ``_tune``."""

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter and say what it took; see ``Trainer``."""
        require("torch", "local")
        from evalkit.tuning.trained_parameters import all_weights

        return _tune(spec, lambda model, _: all_weights(model), dtype="float32")


def _tune(
    spec: TrainingSpec, choose: Callable[[Any, TunedModelConfig], TrainedWeights], *, dtype: str
) -> TuningRun:
    """Load, train, write, by the recipe of ``evalkit.tuning.schedule`` and the settings of the suite.

    On a CPU, equal rows, settings, seed and threads give equal bytes on equal machines.

    Args:
        spec: What to make.
        choose: Says what of a loaded model is trained.
        dtype: To load the model in. What is trained must be float32: small updates are lost in bfloat16.
    """
    torch = require("torch", "local")
    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.stop import StopRule
    from evalkit.models.engine.weights import load_weights, resolve_device
    from evalkit.tuning.rows import tokenize
    from evalkit.tuning.training import Training

    reset_peak_memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.seed)
    device = resolve_device() if spec.device == "auto" else spec.device
    weights = load_weights(
        spec.base_folder, device=device, dtype=dtype, trust_remote_code=spec.trust_remote_code
    )
    chat = Chat(weights.tokenizer)
    stop = StopRule(weights.tokenizer, spec.stop, weights.end_ids)
    rows = tokenize(spec.rows, chat, weights.context_limit, stop)
    validation = tokenize(spec.validation, chat, weights.context_limit, stop)
    if not rows:
        raise TuningError("there is no row to train on")
    if device == "cpu" and max(row.tokens for row in (*rows, *validation)) <= _EAGER_UP_TO:
        weights.model.set_attn_implementation("eager")
    trained = choose(weights.model, spec.config)
    with _flushing_denormals():
        return Training(spec, trained, rows, validation, steps_of(len(rows), spec.config)).run()


@contextmanager
def _flushing_denormals() -> Iterator[None]:
    """Gradients of a row that is learned are denormal numbers, on which a CPU is many times slower."""
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:  # the setting is the whole process's, which may go on to other sums
        torch.set_flush_denormal(False)
