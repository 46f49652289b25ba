"""What training a pilot took and gave: ``tuning.json``."""

from __future__ import annotations

from evalkit.records.record import Record


class LossPoint(Record, frozen=True, kw_only=True):
    """Mean loss per answer token at one step, in nats."""

    step: int
    train: float
    validation: float | None = None


class TuningRun(Record, frozen=True, kw_only=True):
    """One adapter: one fraction of the rows and one seed.

    Attributes:
        adapter: Folder name inside the adapter cache, which is the digest of data, weights and settings.
        tokens: Tokens that went through the model in all steps, padding excluded.
        seconds: Wall time of training; of the first training when the adapter came from the cache.
        peak_memory_bytes: Resident peak of the training process.
        cached: The adapter came from the cache.
    """

    model: str
    method: str
    fraction: float
    seed: int
    rows: int
    validation_rows: int
    steps: int
    tokens: int
    seconds: float
    trainable_parameters: int
    total_parameters: int
    peak_memory_bytes: int
    losses: tuple[LossPoint, ...]
    final_train_loss: float
    final_validation_loss: float | None
    adapter: str
    cached: bool = False


class TuningReport(Record, frozen=True, kw_only=True):
    """All adapters of a run."""

    format_version: int = 1
    runs: tuple[TuningRun, ...] = ()
