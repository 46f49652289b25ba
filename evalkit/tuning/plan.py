"""Which models a suite has to tune, from which rows: one spec for each tuned model, fraction and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from evalkit.digest import digest_of
from evalkit.errors import InputError, SuiteError
from evalkit.models.fingerprint import fingerprint
from evalkit.models.local import EXTRA, release
from evalkit.models.local_files import weights_of
from evalkit.optional import present
from evalkit.prompts.composer import Composer
from evalkit.records.case import Example
from evalkit.registry import TUNERS
from evalkit.suite.models import EmbeddedModelConfig, ModelConfig, TransformersModelConfig, TunedModelConfig
from evalkit.suite.schema import Suite
from evalkit.tuning.answer_ends import digest_parts
from evalkit.tuning.protocol import TrainingRow, TuningSpec, is_small
from evalkit.tuning.schedule import BATCHES_BY_LENGTH, RECIPE, batches_by_length

# What makes no other weights: prices, where files lie, and what is said of rows, seeds and devices below.
_NO_SETTINGS = {
    "successor",
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
    "memory_gb",  # named below where it decides anything
}
_LIBRARIES = ("torch", "transformers", "peft")

TuningKey = tuple[str, float, int]
"""Model, fraction and seed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Split(Generic[T]):
    """Rows in a random order, the held-out ones apart."""

    train: tuple[T, ...]
    validation: tuple[T, ...]

    def fraction(self, share: float) -> tuple[T, ...]:
        """The first rows, at least one: a smaller fraction is part of every larger one."""
        # A share such as 0.07 of 100 rows is 7.000000000000001 of them.
        return self.train[: max(1, math.ceil(round(share * len(self.train), 9)))]


def split(rows: Sequence[T], *, validation_share: float, rng: np.random.Generator) -> Split[T]:
    """Shuffle once and hold out a share, the same for all fractions and training seeds.

    Args:
        rows: All training rows.
        validation_share: In [0, 0.5), rounded to whole rows.
        rng: Decides the order.
    """
    shuffled = [rows[index] for index in rng.permutation(len(rows))]
    held_out = round(validation_share * len(rows))
    return Split(train=tuple(shuffled[held_out:]), validation=tuple(shuffled[:held_out]))


def trains_here(method: str, *, plugins: bool = False) -> bool:
    """Whether a tuning method trains on this machine (has ``tune``), or has it done elsewhere (``submit``, ``poll``).

    Args:
        method: Name of a tuner.
        plugins: Whether code that the suite names may be loaded.

    Raises:
        InputError: Nothing is registered under that name, what is has neither, or it may not be loaded.
    """
    named = TUNERS.load(method, plugins=plugins)
    # A class shows its methods; a function that builds tuners has to be asked for one.
    tuner = named() if callable(named) and not isinstance(named, type) else named
    if hasattr(tuner, "submit") and hasattr(tuner, "poll"):
        return False
    if not hasattr(tuner, "tune"):
        name = getattr(named, "__name__", type(tuner).__name__)
        raise InputError(
            f"tuning method {method!r} ({name}) has neither `submit` and `poll` nor `tune`; "
            "evalkit.tuning.protocol says what they do"
        )
    return True


def plan_trainings(
    suite: Suite,
    examples_of: Callable[[str], Sequence[Example]],
    *,
    composer_of: Callable[[str], Composer],
    only: str | None = None,
) -> dict[TuningKey, TuningSpec]:
    """Every tuned model that the suite's arms need, made or not.

    Rows are shuffled once by ``run.seed``; the validation rows are split off first, and smaller fractions are part of
    larger ones. All that differs between two seeds of a fraction is the start of the training and the order of its
    batches.

    Args:
        suite: The suite.
        examples_of: From a path in the suite to its examples.
        composer_of: From the name of a tuned model to the prompt it is trained with.
        only: One tuned model; default: all that arms use.

    Raises:
        InputError: The rows, the base model or an extra is missing or wrong.
    """
    used = {arm.model for arm in suite.arms.values()} if only is None else {only}
    return {
        (name, spec.fraction, spec.seed): spec
        for name, config in suite.models.items()
        if isinstance(config, TunedModelConfig) and name in used
        for spec in _specs(suite, name, examples_of(config.train), composer_of(name))
    }


def training_device(base: ModelConfig, config: TunedModelConfig) -> str:
    """Where a training runs on this machine, as torch names it, or ``auto``: the suite's word, else the base's."""
    return config.device or (base.device if isinstance(base, TransformersModelConfig) else "cpu")


def _specs(suite: Suite, name: str, examples: Sequence[Example], composer: Composer) -> Iterator[TuningSpec]:
    config = suite.models[name]
    assert isinstance(config, TunedModelConfig)  # noqa: S101 - the caller chose it by that
    base = suite.models[config.base]
    here = trains_here(config.method, plugins=suite.trust.loads_plugins)
    if here:
        _check_local(suite, name, config, base)
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
    weights = weights_of(base, suite.folder)
    ends = digest_parts(base, weights, rows) if here and weights is not None else []
    if here and weights is not None and not is_small(weights):
        ends += _arithmetic(base, config)
    shared = [
        RECIPE,
        base.model_dump(mode="json", exclude={"successor"}) if weights is None else fingerprint(weights),
        {**config.model_dump(mode="json", exclude=_NO_SETTINGS), "learning_rate": config.rate},
        [release(library) for library in _LIBRARIES] if here else [],
        training_device(base, config),
        *ends,
    ]
    for fraction in sorted(config.fractions):
        for seed in config.seeds_of(fraction):
            chosen = parts.fraction(fraction)
            order = _order(len(chosen), config) if here else []
            yield TuningSpec(
                model=name,
                base=base,
                folder=suite.folder,
                config=config,
                fraction=fraction,
                seed=seed,
                rows=chosen,
                validation=parts.validation,
                digest=digest_of([*shared, chosen, parts.validation, fraction, seed, *order]),
            )


def _order(rows: int, config: TunedModelConfig) -> list[object]:
    """What decides the order of fewer rows than are sorted together otherwise, once sorted over several passes."""
    together = batches_by_length(rows, config.rows_a_step)
    return [] if together == BATCHES_BY_LENGTH else [f"sorted by length within {together} batches"]


def _arithmetic(base: ModelConfig, config: TunedModelConfig) -> list[object]:
    """What decides the low bits of a training that is cut to fit its memory: number type and memory.

    Resume, every seed and another machine with the same cache find the adapter of the same arithmetic only.
    """
    from evalkit.models.engine.weights import resolve_device
    from evalkit.tuning.training import compute_dtype

    device = training_device(base, config)
    resolved = resolve_device() if device == "auto" else device
    return [str(compute_dtype(config.dtype, resolved)), config.memory_gb]


def _check_local(suite: Suite, name: str, config: TunedModelConfig, base: ModelConfig) -> None:
    """Refuse a base that this machine cannot tune."""
    for module in _LIBRARIES:
        present(module, EXTRA)
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
