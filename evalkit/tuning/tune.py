"""Training rows -> adapters: every ``type: tuned`` model of a suite, at every fraction and seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from evalkit.digest import digest_of
from evalkit.errors import SuiteError
from evalkit.models.fingerprint import fingerprint
from evalkit.models.local import EXTRA, release
from evalkit.models.local_files import weights_of
from evalkit.optional import present
from evalkit.prompts.composer import Composer
from evalkit.records.case import Example
from evalkit.records.tuning import TuningReport, TuningRun
from evalkit.store.cache import cache_folder
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig, TunedModelConfig
from evalkit.suite.schema import Suite
from evalkit.tuning.cache import AdapterCache
from evalkit.tuning.fractions import split
from evalkit.tuning.jobs import run_jobs
from evalkit.tuning.protocol import TrainingRow, TuningSpec
from evalkit.tuning.schedule import RECIPE, steps_of

# What makes no other weights: prices, where files lie, and what is said of rows, seeds and devices below.
_NO_SETTINGS = {
    "type",
    "base",
    "train",
    "prompt",
    "fractions",
    "seeds",
    "validation_share",
    "checkpoint_every",
    "device",
    "device_hour",
    "price",
}

_TASK = "tuning"

TuningKey = tuple[str, float, int]
"""Model, fraction and seed."""


class TuningProgress(Protocol):
    """The part of ``evalkit.runner.progress.Progress`` that tuning tells."""

    def start(self, task: str, total: int, done: int = 0) -> None:
        """A task of ``total`` trainings begins, ``done`` of them found in the cache."""
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
    """The adapters of a suite.

    Attributes:
        report: What each took, in the order of models, fractions and seeds.
        adapters: Folder of each.
    """

    report: TuningReport = field(default_factory=TuningReport)
    adapters: Mapping[TuningKey, Path] = field(default_factory=dict)


def tune_models(
    suite: Suite,
    examples_of: Callable[[str], Sequence[Example]],
    *,
    composer_of: Callable[[str], Composer],
    progress: TuningProgress,
    only: str | None = None,
    cache: AdapterCache | None = None,
    workers: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> TuningOutcome:
    """Make the adapters that the suite's arms need, or find them in the cache.

    Rows are shuffled once by ``run.seed``; the validation rows are split off first, and smaller fractions are
    part of larger ones. All that differs between two seeds of a fraction is the start of the adapter and the
    order of its batches.

    Args:
        suite: The suite.
        examples_of: From a path in the suite to its examples.
        composer_of: From the name of a tuned model to the prompt it is trained with.
        progress: Told of each training.
        only: One tuned model; default: all that arms use.
        cache: Default: ``adapters`` in evalkit's cache folder.
        workers: Processes; default: one for each core.
        stopped: Whether to begin no other training and let those under way keep a checkpoint.

    Raises:
        TuningError: A training failed.
        InterruptedRunError: ``stopped`` said so before all were done.
        InputError: The rows, the base model or an extra is missing or wrong.
    """
    cache = cache or AdapterCache(cache_folder() / "adapters")
    planned = plan_trainings(suite, examples_of, composer_of=composer_of, only=only)
    runs = {plan.digest: run for plan in planned.values() if (run := cache.get(plan.digest)) is not None}
    missing = {plan.digest: plan.spec for plan in planned.values() if plan.digest not in runs}
    if missing:
        progress.start(_TASK, len(runs) + len(missing), done=len(runs))
        runs |= _train(missing, cache, progress, workers, planned=len(runs) + len(missing), stopped=stopped)
    return TuningOutcome(
        report=TuningReport(
            # Two models of a suite may be the same training under two names.
            runs=tuple(replace(runs[plan.digest], model=plan.spec.model) for plan in planned.values())
        ),
        adapters={key: cache.path(plan.digest) for key, plan in planned.items()},
    )


def plan_trainings(
    suite: Suite,
    examples_of: Callable[[str], Sequence[Example]],
    *,
    composer_of: Callable[[str], Composer],
    only: str | None = None,
) -> dict[TuningKey, Plan]:
    """Every training that the suite's arms need, made or not; see ``tune_models``."""
    used = {arm.model for arm in suite.arms.values()} if only is None else {only}
    planned: dict[TuningKey, Plan] = {}
    for name, config in suite.models.items():
        if isinstance(config, TunedModelConfig) and name in used:
            examples = examples_of(config.train)
            planned.update(_plans(suite, name, config, examples, composer_of(name)))
    return planned


def _train(
    missing: Mapping[str, TuningSpec],
    cache: AdapterCache,
    progress: TuningProgress,
    workers: int | None,
    *,
    planned: int,
    stopped: Callable[[], bool],
) -> dict[str, TuningRun]:
    """Train what the cache lacks; by digest."""
    runs: dict[str, TuningRun] = {}

    def keep(spec: TuningSpec, run: TuningRun) -> None:
        digest = spec.output.name
        cache.put(digest, spec.output, run)
        runs[digest] = run
        progress.advance(_TASK)
        early = " (stopped early)" if run.stopped_early else ""
        again = f" over {run.attempts} attempts" if run.attempts > 1 else ""
        progress.note(
            f"{run.model}: {run.rows} rows ({run.fraction:g}), seed {run.seed}: {run.steps} steps{early} in "
            f"{run.seconds:.0f} s{again}, loss {run.final_train_loss:.4f}"
        )

    try:
        with cache.workspace() as workspace:
            specs = [
                dataclasses.replace(spec, output=workspace / digest, checkpoints=cache.checkpoints(digest))
                for digest, spec in missing.items()
            ]
            run_jobs(specs, work_of=_work, on_done=keep, workers=workers, planned=planned, stopped=stopped)
    finally:
        progress.finish(_TASK)
    return runs


def _work(spec: TuningSpec) -> float:
    return steps_of(len(spec.rows), spec.config) * spec.config.rows_a_step


@dataclass(frozen=True, slots=True)
class Plan:
    """A training that the suite needs; ``digest`` names its adapter in the cache."""

    spec: TuningSpec
    digest: str


def _plans(
    suite: Suite, name: str, config: TunedModelConfig, examples: Sequence[Example], composer: Composer
) -> Mapping[TuningKey, Plan]:
    for module in ("torch", "transformers", "peft"):
        present(module, EXTRA)
    base = suite.models[config.base]
    if not isinstance(base, EmbeddedModelConfig | TransformersModelConfig):
        raise SuiteError(
            suite.source.problem(("models", name, "base"), f"{config.base!r} cannot be tuned on this machine")
        )
    if base.adapter is not None:
        raise SuiteError(
            suite.source.problem(
                ("models", config.base, "adapter"),
                f"{config.base!r} has an adapter and is the base of {name!r}; merge it into a folder of its own first",
            )
        )
    folder = weights_of(base, suite.folder)
    assert folder is not None  # noqa: S101 - both types lie on this machine
    rows = [TrainingRow(composer.training_messages(example)) for example in examples]
    parts = split(rows, validation_share=config.validation_share, rng=np.random.default_rng(suite.run.seed))
    if config.keeps_best and not parts.validation:
        raise SuiteError(
            suite.source.problem(
                ("models", name, "validation_share"),
                f"{config.validation_share:g} of {len(rows)} rows is none, and the best weights are those of the "
                "lowest validation loss; raise it",
            )
        )
    device = config.device or (base.device if isinstance(base, TransformersModelConfig) else "cpu")
    trusted = isinstance(base, TransformersModelConfig) and base.trust_remote_code
    shared = [
        RECIPE,
        fingerprint(folder),
        {**config.model_dump(mode="json", exclude=_NO_SETTINGS), "learning_rate": config.rate},
        [release(library) for library in ("torch", "transformers", "peft")],
        device,
    ]
    plans = {}
    for fraction in sorted(config.fractions):
        for seed in range(1, config.seeds + 1):
            spec = TuningSpec(
                model=name,
                base_folder=folder,
                config=config,
                fraction=fraction,
                seed=seed,
                rows=parts.fraction(fraction),
                validation=parts.validation,
                threads=1,
                output=Path(),
                device=device,
                trust_remote_code=trusted,
            )
            digest = digest_of([*shared, spec.rows, spec.validation, fraction, seed])
            plans[name, fraction, seed] = Plan(spec, digest)
    return plans
