"""What training a pilot took and gave: ``tuning.json``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from evalkit.records.record import Record

OVERFIT_RISE = 0.05
"""How far the validation loss may end above its lowest, as a share of it, before a run counts as overfitted."""

OVERFIT_NATS = 0.02
"""And by at least so much: a loss near 0 doubles without any answer changing."""


class LossPoint(Record, frozen=True, kw_only=True):
    """Mean loss per answer token at one step, in nats.

    Attributes:
        train: Mean over the steps since the point before.
        validation: Loss of the weights after this step; None where it was not measured.
    """

    step: int
    train: float
    validation: float | None = None


class TuningRun(Record, frozen=True, kw_only=True):
    """One tuned model: one fraction of the rows and one seed.

    Attributes:
        trained: What was trained, in words: "low-rank matrices of rank 16 on 35 layers".
        steps: Optimiser steps that were made; ``planned_steps`` is larger where training stopped early.
        adapter: Folder name inside the adapter cache, which is the digest of data, weights and settings.
        tokens: Tokens that went through the model in all steps, padding and validation excluded.
        seconds: Wall time of training, over all attempts; of the first training when it came from the cache.
        attempts: 1, and 1 for each time that training was killed and went on from a checkpoint.
        peak_memory_bytes: Resident peak of the training process.
        device_memory_bytes: Peak of the accelerator's memory; None on a CPU.
        device: Where it was trained, as torch names it.
        dtype: What matrix products were computed in.
        best_step: Where the validation loss was lowest, with that loss; None without validation rows.
        kept_step: The step whose weights are kept; None for a plugin's tune that does not report it.
        device_cost: Seconds x the price of an hour of the machine, in ``currency``; None where no price is known.
        cached: The adapter came from the cache.
    """

    model: str
    method: str
    trained: str = ""
    fraction: float
    seed: int
    rows: int
    validation_rows: int
    steps: int
    planned_steps: int | None = None
    tokens: int
    seconds: float
    attempts: int = 1
    trainable_parameters: int
    total_parameters: int
    peak_memory_bytes: int
    device_memory_bytes: int | None = None
    device: str = "cpu"
    dtype: str = "float32"
    losses: tuple[LossPoint, ...]
    final_train_loss: float
    final_validation_loss: float | None
    best_step: int | None = None
    best_validation_loss: float | None = None
    kept_step: int | None = None
    stopped_early: bool = False
    device_cost: Decimal | None = None
    currency: str | None = None
    adapter: str
    cached: bool = False

    @property
    def kept_validation_loss(self) -> float | None:
        """Validation loss of the weights that are kept."""
        kept_best = self.kept_step is not None and self.kept_step == self.best_step
        return self.best_validation_loss if kept_best else self.final_validation_loss

    @property
    def overfitted(self) -> bool:
        """Whether validation loss ended over ``OVERFIT_RISE`` and ``OVERFIT_NATS`` above its lowest as training fell.

        Says how the run went; where ``kept_step`` is ``best_step``, the weights from before the rise are kept.
        """
        best = best_point(self.losses)
        last = self.final_validation_loss
        if best is None or best.validation is None or last is None:
            return False
        allowed = max(OVERFIT_RISE * best.validation, OVERFIT_NATS)
        return last > best.validation + allowed and self.final_train_loss < best.train


class TuningReport(Record, frozen=True, kw_only=True):
    """All adapters of a run."""

    format_version: int = 1
    runs: tuple[TuningRun, ...] = ()


class JobState(StrEnum):
    """Where a tuning job stands.

    ``PAUSED`` and ``LOST`` jobs are submitted again by the next run: a paused one was asked to stop and kept a
    checkpoint, a lost one is unknown where it was submitted (a process of this machine that is gone).
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PAUSED = "paused"
    LOST = "lost"


class TuningJob(Record, frozen=True, kw_only=True):
    """One tune under way or ended, here or at a provider: a file that outlives the process that submitted it.

    Attributes:
        id: What the route calls the job; on this machine the digest of what is made.
        route: Who carries it out: ``local``, or the name under which a tuner is registered.
        submitted_at: UTC, ISO 8601, to the second.
        spec_digest: Digest of rows, base, settings, fraction and seed: equal digests make equal models.
        model: How the tuned model is asked, as a section under ``models`` in a suite would say it: the base with an
            adapter's folder, or a provider's model id. Given where ``state`` is succeeded.
        run: What training took. Given where ``state`` is succeeded.
        error: Why it failed.
        is_input_error: Whether the reason lies in the suite or its rows, and not in the training.
    """

    format_version: int = 1
    id: str
    route: str
    state: JobState
    submitted_at: str
    spec_digest: str
    model: dict[str, Any] | None = None
    run: TuningRun | None = None
    error: str | None = None
    is_input_error: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the job may still change by itself."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)


def best_point(losses: Sequence[LossPoint]) -> LossPoint | None:
    """The point of the lowest validation loss, the first of equals; None where it was never measured."""
    seen = [(point.validation, point) for point in losses if point.validation is not None]
    return min(seen, key=lambda pair: pair[0])[1] if seen else None
