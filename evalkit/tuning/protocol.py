"""What every tuner can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evalkit.records.case import Message
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import TunedModelConfig


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One conversation to learn from: loss falls on the last message, the assistant's, only."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class TuningSpec:
    """One adapter to make.

    Attributes:
        model: Name of the tuned model in the suite.
        base_folder: A transformers folder.
        rows: Already cut to the fraction; order decides nothing (the tuner shuffles by ``seed``).
        validation: Rows never trained on; the same for all fractions.
        threads: CPU threads this job may use.
        output: Folder to write the adapter to; its name is the adapter's.
        device: As torch names it, or ``auto``.
        trust_remote_code: Run Python code that comes with the base model.
        checkpoints: A folder of this training's own that outlives a killed process, to go on from; None where
            nothing is to be kept.
    """

    model: str
    base_folder: Path
    config: TunedModelConfig
    fraction: float
    seed: int
    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    threads: int
    output: Path
    device: str = "cpu"
    trust_remote_code: bool = False
    checkpoints: Path | None = None


class Tuner(Protocol):
    """Makes one adapter. Called in a process of its own for each fraction and seed."""

    def tune(self, spec: TuningSpec) -> TuningRun:
        """Train, write the adapter folder, and say what it took.

        Raises:
            TuningError: Training did not finish, or a row is longer than the model's context.
        """
        ...
