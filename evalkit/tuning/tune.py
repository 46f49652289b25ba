"""Specs -> tuned models: every job submitted once, polled until it ends, and its file kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from evalkit.errors import InputError, InterruptedRunError, RetryableError, TuningError
from evalkit.records.tuning import JobState, TuningJob, TuningReport, TuningRun
from evalkit.registry import TUNERS
from evalkit.store.cache import cache_folder
from evalkit.suite.models import ModelConfig, TransformersModelConfig
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.job_files import JobFiles
from evalkit.tuning.local_tuner import LOCAL, LocalTuner
from evalkit.tuning.plan import TuningKey, trains_here
from evalkit.tuning.protocol import Tuner, TuningSpec
from evalkit.tuning.schedule import steps_of

_TASK = "tuning"
_WAIT_S = 0.5
_CONFIG: TypeAdapter[ModelConfig] = TypeAdapter(ModelConfig)


class TuningProgress(Protocol):
    """The part of ``evalkit.runner.progress.Progress`` that tuning calls."""

    def start(self, task: str, total: int, done: int = 0) -> None:
        """A task of ``total`` trainings starts, ``done`` of them made before."""
        ...

    def advance(self, task: str, ok: int = 1, errors: int = 0) -> None:
        """Some trainings ended."""
        ...

    def finish(self, task: str) -> None:
        """The task ended."""
        ...

    def note(self, text: str) -> None:
        """One line for people."""
        ...


@dataclass(frozen=True, slots=True)
class TuningOutcome:
    """The tuned models of a suite.

    Attributes:
        report: What each took, in the order of models, fractions and seeds.
        jobs: The succeeded job of each.
    """

    report: TuningReport = field(default_factory=TuningReport)
    jobs: Mapping[TuningKey, TuningJob] = field(default_factory=dict)

    @property
    def adapters(self) -> dict[TuningKey, Path]:
        """The adapter folders of what was trained on this machine."""
        return {
            key: Path(job.model["adapter"])
            for key, job in self.jobs.items()
            if job.route == LOCAL and job.model is not None
        }

    def config(self, key: TuningKey) -> ModelConfig | None:
        """How a tuned model is asked, as an ordinary section of a suite; None for a model that was not tuned."""
        job = self.jobs.get(key)
        return None if job is None else _CONFIG.validate_python(job.model)


def tune_models(
    planned: Mapping[TuningKey, TuningSpec],
    *,
    progress: TuningProgress,
    cache: AdapterCache | None = None,
    workers: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> TuningOutcome:
    """Have the planned models made, or find them where they were made before.

    Args:
        planned: From :func:`evalkit.tuning.plan.plan_trainings`, which refuses tuners that may not be loaded.
        progress: Called at the start, after each training, and at the end.
        cache: Adapters and jobs; default: ``adapters`` in evalkit's cache folder.
        workers: Processes on this machine; default: one for each core.
        stopped: Whether to start no other training and let those under way keep a checkpoint. A provider's jobs run
            on, and the next run finds them.

    Raises:
        TuningError: A training failed.
        InterruptedRunError: ``stopped`` said so before all were done.
        InputError: The rows, the base model or an extra is missing or wrong.
    """
    cache = cache or AdapterCache(cache_folder() / "adapters")
    # Two models of a suite may be the same training under two names.
    specs = {spec.digest: spec for spec in planned.values()}
    here = [spec for spec in specs.values() if trains_here(spec.config.method, plugins=True)]
    with LocalTuner(cache, here, workers=workers) as local:
        jobs = _Jobs(local, cache.jobs, progress)
        for spec in sorted(specs.values(), key=_work, reverse=True):  # the longest first
            jobs.submit(spec)
        jobs.follow(stopped)
    return TuningOutcome(
        report=TuningReport(
            runs=tuple(replace(jobs.run(spec.digest), model=spec.model) for spec in planned.values())
        ),
        jobs={key: jobs.of[spec.digest] for key, spec in planned.items()},
    )


def not_made(
    planned: Mapping[TuningKey, TuningSpec], *, cache: AdapterCache | None = None
) -> list[TuningSpec]:
    """Those of the planned models that :func:`tune_models` would have to have made; trains and submits nothing.

    Args:
        planned: From :func:`evalkit.tuning.plan.plan_trainings`.
        cache: Adapters and jobs; default: ``adapters`` in evalkit's cache folder.
    """
    cache = cache or AdapterCache(cache_folder() / "adapters")
    return [spec for spec in planned.values() if not _made(spec, cache)]


def _made(spec: TuningSpec, cache: AdapterCache) -> bool:
    if trains_here(spec.config.method, plugins=True):
        return cache.get(spec.digest) is not None
    job = cache.jobs.read(spec.digest)
    return job is not None and job.state is JobState.SUCCEEDED


class _Jobs:
    """The jobs of one call, by digest."""

    def __init__(self, local: LocalTuner, files: JobFiles, progress: TuningProgress) -> None:
        self.of: dict[str, TuningJob] = {}
        self._local = local
        self._files = files
        self._progress = progress
        self._specs: dict[str, TuningSpec] = {}
        self._by_method: dict[str, Tuner] = {}

    def submit(self, spec: TuningSpec) -> None:
        """Submit what was neither made nor submitted before."""
        tuner = self._tuner(spec)
        self._specs[spec.digest] = spec
        job = self._local.kept(spec) if tuner is self._local else None
        if job is None:
            with self._files.locked():
                job = self._submitted_before(spec, tuner) or tuner.submit(spec)
                self._files.write(job)
        self.of[spec.digest] = job
        self._check(job)

    def follow(self, stopped: Callable[[], bool]) -> None:
        """Poll until no job is open, or ``stopped`` says so."""
        waiting = [digest for digest, job in self.of.items() if job.is_open]
        if not waiting:
            return
        self._progress.start(_TASK, len(self.of), done=len(self.of) - len(waiting))
        polled_at = dict.fromkeys(waiting, float("-inf"))
        stopping = False
        try:
            while waiting:
                if not stopping and stopped():
                    stopping = True
                    self._local.pause()
                if stopping:
                    waiting = [digest for digest in waiting if self._is_local(digest)]
                self._poll_all(waiting, polled_at)
                waiting = [digest for digest in waiting if self.of[digest].is_open]
                if any(map(self._is_local, waiting)):
                    self._local.wait(_WAIT_S)
                elif waiting:
                    time.sleep(_WAIT_S)
        finally:
            self._progress.finish(_TASK)
        if any(job.state is not JobState.SUCCEEDED for job in self.of.values()):
            raise InterruptedRunError("tuning was stopped; it goes on from its last checkpoint")

    def run(self, digest: str) -> TuningRun:
        """What a succeeded training took."""
        return cast(TuningRun, self.of[digest].run)

    def _is_local(self, digest: str) -> bool:
        return self._tuner(self._specs[digest]) is self._local

    def _tuner(self, spec: TuningSpec) -> Tuner:
        method = spec.config.method
        if method not in self._by_method:
            build = cast(Callable[[], Tuner], TUNERS.load(method, plugins=True))
            self._by_method[method] = self._local if trains_here(method, plugins=True) else build()
        return self._by_method[method]

    def _submitted_before(self, spec: TuningSpec, tuner: Tuner) -> TuningJob | None:
        """The job of an earlier run that is open or succeeded; None where there is none to go on with."""
        before = self._files.read(spec.digest)
        if before is None or before.state in (JobState.FAILED, JobState.PAUSED):
            return None
        try:
            job = tuner.poll(before)
        except RetryableError:
            job = before
        if job.state is JobState.SUCCEEDED:
            # Also where it does not say what it took: a model that was made is not paid for again.
            return job if job.run is None else replace(job, run=replace(job.run, cached=True))
        return job if job.is_open else None

    def _poll_all(self, waiting: Sequence[str], polled_at: dict[str, float]) -> None:
        """Poll the jobs whose time has come; what succeeded is kept before a failure is raised."""
        failed: TuningJob | None = None
        for digest in waiting:
            tuner, before = self._tuner(self._specs[digest]), self.of[digest]
            if time.monotonic() - polled_at[digest] < tuner.poll_every_s:
                continue
            polled_at[digest] = time.monotonic()
            try:
                job = tuner.poll(before)
            except RetryableError:
                continue
            if job == before:
                continue
            self._files.write(job)
            self.of[digest] = job
            if job.state is JobState.FAILED:
                failed = job
                continue
            self._check(job)
            if job.state is JobState.SUCCEEDED:
                self._progress.advance(_TASK)
                self._progress.note(_summary(self.run(digest)))
        if failed is not None:
            self._check(failed)

    def _check(self, job: TuningJob) -> None:
        """Refuse a failed job, and a succeeded one that does not say how its model is asked."""
        spec = self._specs[job.spec_digest]
        name = f"model {spec.model!r}, fraction {spec.fraction:g}, seed {spec.seed}"
        if job.state is JobState.FAILED:
            raise (InputError if job.is_input_error else TuningError)(f"{name}: {job.error}")
        if job.state is JobState.LOST:
            raise TuningError(
                f"{name}: job {job.id} of {job.route} is not known there any more; run again to submit it anew"
            )
        if job.state is not JobState.SUCCEEDED:
            return
        try:
            config = _CONFIG.validate_python(job.model)
        except ValidationError as error:
            raise TuningError(
                f"{name}: job {job.id} of {job.route} succeeded and gives no usable model: {error}"
            ) from error
        if _runs_code(config) and not _runs_code(spec.base):
            raise TuningError(f"{name}: its model runs Python code of a model folder, and its base does not")
        if job.run is None:
            raise TuningError(f"{name}: job {job.id} of {job.route} succeeded and does not say what it took")


def _runs_code(config: ModelConfig) -> bool:
    return isinstance(config, TransformersModelConfig) and config.trust_remote_code


def _work(spec: TuningSpec) -> float:
    return steps_of(len(spec.rows), spec.config) * spec.config.rows_a_step


def _summary(run: TuningRun) -> str:
    early = " (stopped early)" if run.stopped_early else ""
    attempts = f" over {run.attempts} attempts" if run.attempts > 1 else ""
    return (
        f"{run.model}: {run.rows} rows ({run.fraction:g}), seed {run.seed}: {run.steps} steps{early} in "
        f"{run.seconds:.0f} s{attempts}, loss {run.final_train_loss:.4f}"
    )
