"""What goes to a training process and what comes back: one training as a line of JSON, and the word to stop."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from evalkit.records.case import Message
from evalkit.records.record import Record
from evalkit.records.tuning import TuningRun
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.protocol import TrainingRow, TrainingSpec

PAUSE_LINE = b"pause\n"
"""Sent to a training process in place of a request: keep a checkpoint and stop."""

pause_requested = threading.Event()
"""Set in a training process that is to keep a checkpoint and stop."""


class TrainingPaused(Exception):  # noqa: N818 - not an error
    """The training stopped because it was asked to; it goes on from its checkpoint."""


class TrainRequest(Record, frozen=True, kw_only=True):
    """A ``TrainingSpec`` in plain data. ``config`` is the model's section of the suite."""

    model: str
    base_folder: str
    config: dict[str, Any]
    fraction: float
    seed: int
    rows: tuple[tuple[Message, ...], ...]
    validation: tuple[tuple[Message, ...], ...]
    threads: int
    output: str
    device: str
    trust_remote_code: bool
    stop: tuple[str, ...] | None
    checkpoints: str | None = None

    @classmethod
    def of(cls, spec: TrainingSpec) -> TrainRequest:
        """The request for ``spec``."""
        return cls(
            model=spec.model,
            base_folder=str(spec.base_folder),
            # What was left to its default stays so: a setting of another method would be refused.
            config=spec.config.model_dump(mode="json", exclude_unset=True),
            fraction=spec.fraction,
            seed=spec.seed,
            rows=tuple(row.messages for row in spec.rows),
            validation=tuple(row.messages for row in spec.validation),
            threads=spec.threads,
            output=str(spec.output),
            device=spec.device,
            trust_remote_code=spec.trust_remote_code,
            stop=spec.stop,
            checkpoints=None if spec.checkpoints is None else str(spec.checkpoints),
        )

    def spec(self) -> TrainingSpec:
        """The training that is requested."""
        return TrainingSpec(
            model=self.model,
            base_folder=Path(self.base_folder),
            config=TunedModelConfig.model_validate(self.config),
            fraction=self.fraction,
            seed=self.seed,
            rows=tuple(TrainingRow(messages) for messages in self.rows),
            validation=tuple(TrainingRow(messages) for messages in self.validation),
            threads=self.threads,
            output=Path(self.output),
            device=self.device,
            trust_remote_code=self.trust_remote_code,
            stop=self.stop,
            checkpoints=None if self.checkpoints is None else Path(self.checkpoints),
        )


class TrainResult(Record, frozen=True, kw_only=True):
    """How a training ended: ``run``, or the reason why there is none.

    Attributes:
        is_input_error: Whether the reason is the user's input, not the training.
        paused: Whether it was asked to stop, and goes on from its checkpoint when it is requested again.
    """

    run: TuningRun | None = None
    error: str | None = None
    is_input_error: bool = False
    paused: bool = False
