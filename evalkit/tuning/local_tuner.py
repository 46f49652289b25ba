"""The tuner of this machine: every method that trains (``tune``), submitted and polled like a provider's job."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from evalkit.clock import Clock
from evalkit.models.build import adapter_model
from evalkit.models.local_files import weights_of
from evalkit.records.tuning import JobState, TuningJob, TuningRun
from evalkit.suite.models import TransformersModelConfig
from evalkit.tuning.answer_ends import stop_strings
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.jobs import WorkerTeam, share_cores
from evalkit.tuning.plan import training_device
from evalkit.tuning.protocol import TrainingSpec, TuningSpec, is_small
from evalkit.tuning.train_requests import TrainResult

LOCAL = "local"
"""Route of the jobs of this machine."""


class LocalTuner:
    """Makes adapters in processes that end with the block; what is in the adapter cache is not made again.

    A job is known to the process that submitted it alone. After a kill it is ``LOST`` unless its adapter was kept;
    submitted again, its training goes on from its checkpoint.

    Args:
        cache: Where adapters and checkpoints are kept.
        planned: All that may be submitted; they share the cores.
        workers: Processes; default: one for each core.
        clock: For the stamps.
    """

    poll_every_s = 0.0

    def __init__(
        self,
        cache: AdapterCache,
        planned: Sequence[TuningSpec],
        *,
        workers: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._cache = cache
        self._specs = {spec.digest: spec for spec in planned}
        self._workers = workers
        self._clock = clock or Clock()
        self._running = contextlib.ExitStack()
        self._workspace = Path()
        self._team: WorkerTeam | None = None
        self._threads = 1
        self._open: set[str] = set()
        self._paused: set[str] = set()
        self._results: dict[str, TrainResult] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def kept(self, spec: TuningSpec) -> TuningJob | None:
        """The job of a model whose adapter is in the cache; None where it is not. Writes nothing."""
        run = self._cache.get(spec.digest)
        return None if run is None else self._succeeded(self._job(spec), spec, run)

    def submit(self, spec: TuningSpec) -> TuningJob:
        """Have an adapter made as soon as a process is free; see ``Tuner``."""
        if (kept := self.kept(spec)) is not None:
            return kept
        self._cache.set_damaged_aside(spec.digest)
        team = self._team or self._start_team()
        output, checkpoints = self._workspace / spec.digest, self._cache.checkpoints(spec.digest)
        team.submit(training_spec(spec, output=output, threads=self._threads, checkpoints=checkpoints))
        self._open.add(spec.digest)
        return self._job(spec)

    def poll(self, job: TuningJob) -> TuningJob:
        """The job as it is now; see ``Tuner``."""
        self.wait(0.0)
        digest = job.spec_digest
        if digest in self._open:
            return job
        if digest in self._paused:
            return replace(job, state=JobState.PAUSED)
        spec, result = self._specs[digest], self._results.get(digest)
        if result is None:
            return self.kept(spec) or replace(job, state=JobState.LOST, model=None, run=None)
        if result.run is not None:
            self._cache.put(digest, self._workspace / digest, result.run)
            return self._succeeded(job, spec, result.run)
        if result.paused:
            return replace(job, state=JobState.PAUSED)
        return replace(job, state=JobState.FAILED, error=result.error, is_input_error=result.is_input_error)

    def wait(self, seconds: float) -> None:
        """Wait until a training ends, at most so long."""
        if self._team is None:
            return
        while (ended := self._team.finished(seconds)) is not None:
            spec, result = ended
            self._results[spec.output.name] = result
            self._open.discard(spec.output.name)
            seconds = 0.0

    def pause(self) -> None:
        """Start no other training, and let those under way keep a checkpoint and end."""
        if self._team is not None:
            not_started = {spec.output.name for spec in self._team.pause()}
            self._open -= not_started
            self._paused |= not_started

    def _start_team(self) -> WorkerTeam:
        self._workspace = self._running.enter_context(self._cache.workspace())
        devices = [training_device(spec.base, spec.config) for spec in self._specs.values()]
        workers = self._workers
        folders = [weights_of(spec.base, spec.folder) for spec in self._specs.values()]
        if workers is None and any(folder is not None and not is_small(folder) for folder in folders):
            workers = 1  # the base is loaded once, and its products fill all cores
        processes, self._threads = share_cores(len(self._specs), devices, workers)
        self._team = self._running.enter_context(WorkerTeam(processes))
        return self._team

    def _job(self, spec: TuningSpec) -> TuningJob:
        return TuningJob(
            id=spec.digest,
            route=LOCAL,
            state=JobState.RUNNING,
            submitted_at=self._clock.now().isoformat(timespec="seconds"),
            spec_digest=spec.digest,
        )

    def _succeeded(self, job: TuningJob, spec: TuningSpec, run: TuningRun) -> TuningJob:
        tuned = adapter_model(spec.base, self._cache.path(spec.digest))
        model = tuned.model_dump(mode="json", exclude_unset=True)
        return replace(job, state=JobState.SUCCEEDED, model=model, run=run)


def training_spec(
    spec: TuningSpec, *, output: Path, threads: int = 1, checkpoints: Path | None = None
) -> TrainingSpec:
    """A training on this machine that makes ``spec``.

    Args:
        spec: What to make; its base is a folder on this machine.
        output: Folder to write the adapter to.
        threads: CPU threads it may use.
        checkpoints: Where it keeps what it needs to go on after a kill; None keeps nothing.
    """
    base = spec.base
    folder = weights_of(base, spec.folder)
    assert folder is not None  # noqa: S101 - plan_trainings refuses other bases for methods that train here
    return TrainingSpec(
        model=spec.model,
        base_folder=folder,
        config=spec.config,
        fraction=spec.fraction,
        seed=spec.seed,
        rows=spec.rows,
        validation=spec.validation,
        threads=threads,
        output=output,
        device=training_device(base, spec.config),
        trust_remote_code=isinstance(base, TransformersModelConfig) and base.trust_remote_code,
        stop=stop_strings(base),
        checkpoints=checkpoints,
    )
