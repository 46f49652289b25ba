"""The ways to tune a transformers folder on this machine: low-rank matrices, chosen parameters, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalkit.errors import TuningError
from evalkit.optional import require
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.memory import reset_peak_memory
from evalkit.tuning.protocol import TrainingSpec, is_small
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

        return _tune(spec, LowRank, frozen=True)


class PartialTuner:
    """Some of the model's own parameters; see ``_tune``."""

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter and say what it took; see ``Trainer``."""
        require("torch", "local")
        from evalkit.tuning.trained_parameters import chosen_weights

        return _tune(spec, chosen_weights)


class FullTuner:
    """All of the model's own parameters; see ``_tune``."""

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter and say what it took; see ``Trainer``."""
        require("torch", "local")
        from evalkit.tuning.trained_parameters import all_weights

        return _tune(spec, lambda model, _: all_weights(model))


def _tune(
    spec: TrainingSpec,
    choose: Callable[[Any, TunedModelConfig], TrainedWeights],
    *,
    frozen: bool = False,
) -> TuningRun:
    """Load, train, write, by the recipe of ``evalkit.tuning.schedule`` and the settings of the suite.

    On a CPU, equal rows, settings, seed and threads give equal bytes on equal machines.

    Args:
        spec: What to make.
        choose: Says what of a loaded model is trained.
        frozen: Whether the base's own weights stay as they are: then they may lie in memory as they are computed with,
            and serve the next training too. What is trained must be float32: small updates are lost in bfloat16.
    """
    torch = require("torch", "local")
    from evalkit.models.engine.weights import resolve_device
    from evalkit.tuning.loaded_base import give_back, take_base, without_adapter
    from evalkit.tuning.training import Training, compute_dtype

    reset_peak_memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.seed)
    device = resolve_device() if spec.device == "auto" else spec.device
    fitted = device == "cpu" and not is_small(spec.base_folder)
    computed = str(compute_dtype(spec.config.dtype, device)).removeprefix("torch.")
    dtype = "float32" if not frozen else computed if fitted else spec.config.dtype
    base = take_base(spec, device=device, dtype=dtype)
    rows = base.tokens(spec.rows, spec.stop)
    validation = base.tokens(spec.validation, spec.stop)
    if not rows:
        raise TuningError("there is no row to train on")
    if device == "cpu":
        longest = max(row.tokens for row in (*rows, *validation))
        base.weights.model.set_attn_implementation("eager" if longest <= _EAGER_UP_TO else base.attention)
    trained = choose(base.weights.model, spec.config)
    with _flushing_denormals():
        steps = steps_of(len(rows), spec.config)
        run = Training(spec, trained, rows, validation, steps, fitted=fitted).run()
    if frozen and fitted:
        plain = replace(base, weights=replace(base.weights, model=without_adapter(trained.model)))
        give_back(plain, spec, device=device, dtype=dtype)
    return run


@contextmanager
def _flushing_denormals() -> Iterator[None]:
    """Gradients of a row that is learned are denormal numbers, on which a CPU is many times slower."""
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:  # the setting is the whole process's, which may go on to other sums
        torch.set_flush_denormal(False)
