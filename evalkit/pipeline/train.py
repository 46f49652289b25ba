"""Training rows -> tuned models, and one of them as a folder of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from evalkit.arms.build import build_composer
from evalkit.data.examples import read_example_file, read_examples
from evalkit.errors import InputError, did_you_mean
from evalkit.models.adapter_check import check_adapters
from evalkit.models.local_files import weights_of
from evalkit.models.model_source import is_on_hub
from evalkit.pipeline.typed_commands import tune_command
from evalkit.pricing.training_price import price_trainings
from evalkit.records.shard import Shard
from evalkit.records.tuning import TuningReport
from evalkit.registry import TUNERS
from evalkit.store.cache import cache_folder
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig, TunedModelConfig
from evalkit.suite.schema import Suite
from evalkit.tuning.answer_ends import TrainingFile, check_rows, surely_fine
from evalkit.tuning.export import check_target, export_merged
from evalkit.tuning.plan import plan_trainings, trains_here
from evalkit.tuning.protocol import TrainingRow
from evalkit.tuning.tune import TuningOutcome, TuningProgress, not_made, tune_models


def train(
    suite: Suite,
    *,
    progress: TuningProgress,
    only: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
    shard: Shard | None = None,
) -> TuningOutcome:
    """Make one tuned model, by default all that arms use, or find it where it was made before.

    A shard trains nothing: eight jobs would train the same eight times, and not to the same last bits where their
    machines differ.

    Raises:
        InputError: A shard needs a model that was not made before.
        TuningError: A training failed.
        InterruptedRunError: ``stopped`` said so; trainings under way go on from a checkpoint next time.
    """
    planned = plan_trainings(
        suite,
        lambda path: read_examples(suite.path(path), suite),
        composer_of=partial(build_composer, suite),
        only=only,
    )
    if shard is not None and (owed := not_made(planned)):
        raise _no_model_for(shard, sorted({spec.model for spec in owed}), suite)
    outcome = tune_models(planned, progress=progress, stopped=stopped)
    return dataclasses.replace(outcome, report=price_trainings(suite, outcome.report))


def _no_model_for(shard: Shard, models: Sequence[str], suite: Suite) -> InputError:
    return InputError(
        f"shard {shard} needs {', '.join(map(repr, models))}, tuned, and a shard trains nothing: that is done once for "
        f"all shards. Not found in {cache_folder()}. Run this in one job before the shards, and give every shard the "
        f"cache folder that it leaves (EVALKIT_CACHE_DIR):\n  {tune_command(suite)}\n"
        "To train in every job all the same, run that command in each of them before its shard."
    )


def check_local_models(suite: Suite, *, download: bool = True) -> Iterator[str]:
    """What would go wrong unseen with the models of this machine: adapters that do not fit, rows and ends of training.

    No weight of a model is loaded. ``check_adapters`` and ``check_training`` say what is refused and what is told.
    """
    yield from check_adapters(suite, download=download)
    yield from check_training(suite, download=download)


def check_training(suite: Suite, *, only: str | None = None, download: bool = True) -> Iterator[str]:
    """Hold the training rows against what their bases take and where they end an answer; trains nothing.

    Args:
        suite: Checked.
        only: One tuned model; default: all that arms use.
        download: Whether a base of the hub that is not on this machine is fetched, or left out, and a GGUF file
            unpacked where its header is enough.

    Yields:
        Sentences for people: what would not be trained as it is written.

    Raises:
        InputError: A row is longer than its base takes (with file and line), or training and answering could not agree
            on where an answer ends.
    """
    used = {arm.model for arm in suite.arms.values()} if only is None else {only}
    for name, config in suite.models.items():
        if not isinstance(config, TunedModelConfig) or name not in used:
            continue
        if suite.left_alone(TUNERS, config.method) or not trains_here(
            config.method, plugins=suite.trust.loads_plugins
        ):
            continue
        base = suite.models[config.base]
        on_hub = isinstance(base, TransformersModelConfig) and is_on_hub(base, suite.folder)
        if on_hub and not download:
            continue
        file = suite.path(config.train)
        read = read_example_file(file, suite)
        composer = build_composer(suite, name)
        rows = [TrainingRow(composer.training_messages(example)) for example in read.examples]
        if surely_fine(base, rows, suite.folder, by_header=not download):
            continue
        weights = weights_of(base, suite.folder)
        if weights is None:  # plan_trainings says that such a base is not trained here
            continue
        yield from check_rows(suite, name, weights, rows, TrainingFile(str(file), read.lines))


def train_and_export(
    suite: Suite, *, progress: TuningProgress, model: str | None, export: Path | None
) -> TuningReport:
    """Train, and write the candidate (all rows, first seed) as a folder with its adapter merged.

    Args:
        suite: Checked.
        progress: Called at the start and after each training.
        model: A tuned model; default: all that arms use.
        export: A folder that is not there yet; None writes none.

    Raises:
        InputError: ``model`` is no tuned model, it is not clear which one to export, or it was not made here.
        TuningError: A training failed.
    """
    used = {arm.model for arm in suite.arms.values()}
    names = [
        name
        for name, config in suite.models.items()
        if isinstance(config, TunedModelConfig) and (name in used or config.prompt is not None)
    ]
    if not names:
        raise InputError("no arm of this suite uses a model of `type: tuned`, so there is nothing to train")
    if model is not None and model not in names:
        raise InputError(
            f"{model!r} is no model of `type: tuned` that an arm uses or that names its prompt. "
            f"{did_you_mean(model, names)}"
        )
    if export is not None:
        if model is None and len(names) > 1:
            raise InputError(f"which model shall be exported? Name it with --model: {', '.join(names)}")
        check_target(export)
    for warning in check_training(suite, only=model):
        progress.note(f"Warning: {warning}")
    outcome = train(suite, progress=progress, only=model)
    if export is not None:
        name = model or names[0]
        config = suite.models[name]
        assert isinstance(config, TunedModelConfig)  # noqa: S101 - chosen from these above
        base, adapter = suite.models[config.base], outcome.adapters.get((name, 1.0, 1))
        if adapter is None or not isinstance(base, EmbeddedModelConfig | TransformersModelConfig):
            raise InputError(f"{name!r} was not trained on this machine, so it has no weights here to export")
        candidate = next(run for run in outcome.report.runs if (run.fraction, run.seed) == (1.0, 1))
        export_merged(
            base,
            suite_folder=suite.folder,
            adapter=adapter,
            run=candidate,
            target=export,
        )
    return outcome.report
