"""A training that goes on after its process was killed. Imports torch at the top: load it only to train.

    <checkpoints>/checkpoint.safetensors   trained weights, optimiser, best weights; in its header, as JSON, the state
    <checkpoints>/seconds.json             time spent so far, by all attempts
    <checkpoints>.lock                     beside the folder; held by the process that trains, or clears the folder away

Each file is replaced whole. The checkpoint is one file, so weights and state are always of one step. Chance needs
no place in it: the order of rows and the seed of each step follow from the training seed and the step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from evalkit.records.record import Record, from_json, to_json
from evalkit.records.tuning import LossPoint
from evalkit.store.atomic import raise_disk_error, write_atomic
from evalkit.suite.models import Every
from evalkit.tuning.cache import training_lock
from evalkit.tuning.disk import writing

_FILE = "checkpoint.safetensors"
_SECONDS = "seconds.json"
_STATE_KEY = "course"
_TICK_S = 1.0
# A checkpoint that takes long to write is written less often: at most a twentieth of the time goes there.
_SHARE_OF_TIME = 0.05
# An orphan of a killed run notices its parent's end within moments.
_LOCK_WAIT_S = 10.0


class TrainingState(Record, frozen=True, kw_only=True):
    """How far a training is.

    Attributes:
        step: Optimiser steps made.
        tokens: That went through the model in them.
        recent: Loss of each step since the last of ``losses``.
        losses: What the report shows.
    """

    step: int = 0
    tokens: int = 0
    recent: tuple[float, ...] = ()
    losses: tuple[LossPoint, ...] = ()


class TrainingTime(Record, frozen=True, kw_only=True):
    """Time that a training took so far.

    Attributes:
        seconds: Of all attempts, the present one too.
        attempts: How often training was started.
    """

    seconds: float = 0.0
    attempts: int = 0


class Checkpoints:
    """Keeps one training on disk.

    Args:
        folder: Of this training alone; None keeps nothing.
        every: How often.
    """

    def __init__(self, folder: Path | None, every: Every) -> None:
        self._folder = folder
        self._every = every
        self._before = TrainingTime()
        self._started = time.perf_counter()
        self._ticked = self._saved = self._started
        self._pause = every.seconds or 0.0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that keeps this training; where another one does already, keep nothing."""
        if self._folder is None:
            yield
            return
        lock = FileLock(training_lock(self._folder))
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=_LOCK_WAIT_S)
            self._folder.mkdir(exist_ok=True)
            for torn in self._folder.glob(f".{_FILE}.*"):
                torn.unlink(missing_ok=True)
        except Timeout:
            self._folder = None
        except OSError as error:
            raise_disk_error(self._folder, error)
        try:
            yield
        finally:
            lock.release()

    def start_attempt(self) -> None:
        """Start the clock of this attempt, on top of what earlier ones took."""
        if self._folder is not None:
            try:
                self._before = from_json((self._folder / _SECONDS).read_bytes(), TrainingTime)
            except (OSError, msgspec.MsgspecError):
                self._before = TrainingTime()
        self._started = self._saved = time.perf_counter()
        self._write_spent()

    @property
    def time_spent(self) -> TrainingTime:
        """Time so far, of all attempts."""
        now = time.perf_counter() - self._started
        return TrainingTime(seconds=self._before.seconds + now, attempts=self._before.attempts + 1)

    def load(
        self, parameters: Mapping[str, torch.nn.Parameter], optimiser: Any
    ) -> tuple[TrainingState, dict[str, Any]]:
        """Restore what was kept.

        Args:
            parameters: The trained ones; overwritten.
            optimiser: Of these, in this order; overwritten.

        Returns:
            How far the training is, and the best weights so far by name (empty where none were kept). The start of a
            training where nothing was kept, or what was kept cannot be read.
        """
        file = None if self._folder is None else self._folder / _FILE
        if file is None or not file.is_file():
            return TrainingState(), {}
        try:
            with safe_open(file, framework="pt") as stored:
                state = from_json((stored.metadata() or {}).get(_STATE_KEY, ""), TrainingState)
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
        except (OSError, SafetensorError, msgspec.MsgspecError):
            return TrainingState(), {}
        if any(
            f"weight {name}" not in tensors or tensors[f"weight {name}"].shape != weight.shape
            for name, weight in parameters.items()
        ):
            return TrainingState(), {}
        optimiser_states = {}
        for index, (name, weight) in enumerate(parameters.items()):
            weight.data.copy_(tensors[f"weight {name}"])
            kept = {part: tensors.get(f"{part} {name}") for part in ("step", "exp_avg", "exp_avg_sq")}
            if all(tensor is not None for tensor in kept.values()):
                optimiser_states[index] = kept
        optimiser.load_state_dict(
            {"state": optimiser_states, "param_groups": optimiser.state_dict()["param_groups"]}
        )
        best = {name: tensors[f"best {name}"] for name in parameters if f"best {name}" in tensors}
        return state, best

    def is_due(self, step: int) -> bool:
        """Whether to keep the training after ``step``; also notes the time spent, once a second."""
        now = time.perf_counter()
        if self._folder is None:
            return False
        if now - self._ticked >= _TICK_S:
            self._write_spent()
        if self._every.steps is not None:
            return step % self._every.steps == 0
        return now - self._saved >= self._pause

    def save(
        self,
        state: TrainingState,
        parameters: Mapping[str, torch.nn.Parameter],
        optimiser: Any,
        best: Mapping[str, torch.Tensor],
    ) -> None:
        """Keep the training as it is after ``state.step``."""
        if self._folder is None:
            return
        started = time.perf_counter()
        tensors: dict[str, torch.Tensor] = {}
        for name, weight in parameters.items():
            tensors[f"weight {name}"] = weight.detach()
            for part, tensor in optimiser.state.get(weight, {}).items():
                tensors[f"{part} {name}"] = tensor
        tensors |= {f"best {name}": tensor for name, tensor in best.items()}
        temporary = self._folder / f".{_FILE}.{os.getpid()}.tmp"
        with writing(self._folder / _FILE, temporary):
            save_file(
                {name: tensor.cpu().contiguous() for name, tensor in tensors.items()},
                temporary,
                metadata={_STATE_KEY: to_json(state).decode()},
            )
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(self._folder / _FILE)
        self._saved = time.perf_counter()
        self._set_pause(self._saved - started)

    def forget(self) -> None:
        """Remove the checkpoint: the next attempt starts from the first step."""
        if self._folder is not None:
            (self._folder / _FILE).unlink(missing_ok=True)

    def _set_pause(self, took_s: float) -> None:
        if self._every.seconds is not None:
            self._pause = max(self._every.seconds, took_s / _SHARE_OF_TIME)

    def _write_spent(self) -> None:
        if self._folder is not None:
            write_atomic(self._folder / _SECONDS, to_json(self.time_spent))
        self._ticked = time.perf_counter()
