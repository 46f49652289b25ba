"""What a tuner can do: submit a job and poll it, or train at once in a process that is given to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evalkit.records.case import Message
from evalkit.records.tuning import TuningJob, TuningRun
from evalkit.suite.models import ModelConfig, TunedModelConfig

_SMALL_BASE_BYTES = 64_000_000


def weights_bytes(folder: Path) -> int:
    """Size of the weights in a model folder."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def is_small(folder: Path) -> bool:
    """Whether a base is so small that trainings run side by side and all rows of a step fit: its time is overhead."""
    return weights_bytes(folder) < _SMALL_BASE_BYTES


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One conversation to learn from: loss falls on the last message, the assistant's, only."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSpec:
    """One tuned model to make, wherever that is done.

    Attributes:
        model: Name of the tuned model in the suite.
        base: What is tuned, as the suite says it; of any type.
        folder: The suite's folder; paths in ``base`` are relative to it.
        rows: Already cut to the fraction; order decides nothing (the training shuffles by ``seed``).
        validation: Rows never trained on; the same for all fractions.
        digest: Of all that decides the weights. Equal digests make equal models, and name the adapter and the job.
    """

    model: str
    base: ModelConfig
    folder: Path
    config: TunedModelConfig
    fraction: float
    seed: int
    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    digest: str


class Tuner(Protocol):
    """Has models tuned somewhere and says how they are asked. Built without arguments, once for a run.

    Every call returns soon: waiting is the caller's. The caller keeps each job in a file, so that a run that was
    killed goes on polling what was submitted instead of paying for it again.
    """

    @property
    def poll_every_s(self) -> float:
        """Seconds to wait between two polls of a job."""
        ...

    def submit(self, spec: TuningSpec) -> TuningJob:
        """Have a model made.

        A submission whose answer was lost must not be paid twice: where jobs can be looked up by a name of one's own,
        submit under ``spec.digest`` and give the job that is there already.

        Raises:
            TuningError: The job is refused.
            InputError: The rows or the base cannot be used; nothing was submitted.
        """
        ...

    def poll(self, job: TuningJob) -> TuningJob:
        """The job as it is now.

        A succeeded job has ``model`` and ``run``; a failed one says why in ``error``. One that nobody knows any more
        is ``LOST`` and is submitted again.

        Raises:
            RetryableError: It could not be asked just now; it is asked again at the next poll.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One training on this machine, as the process that carries it out gets it.

    Attributes:
        model: Name of the tuned model in the suite.
        base_folder: A transformers folder.
        rows: Already cut to the fraction; order decides nothing (the training shuffles by ``seed``).
        validation: Rows never trained on; the same for all fractions.
        threads: CPU threads this job may use.
        output: Folder to write the adapter to; its name is the adapter's.
        device: As torch names it, or ``auto``.
        trust_remote_code: Run Python code that comes with the base model.
        stop: Strings that end an answer of the base; None for answers of any text. What is trained ends by them too.
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
    stop: tuple[str, ...] | None = ("\n",)
    checkpoints: Path | None = None


class Trainer(Protocol):
    """Makes one adapter on this machine, blocking. Called in a process of its own for each fraction and seed.

    A method that is registered with ``tune`` alone is submitted and polled through
    :class:`evalkit.tuning.local_tuner.LocalTuner`, as the built-in methods are.
    """

    def tune(self, spec: TrainingSpec) -> TuningRun:
        """Train, write the adapter folder, and say what it took.

        Raises:
            TuningError: Training did not finish, or a row is longer than the model's context.
        """
        ...
