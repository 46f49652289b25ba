"""From a section of the suite to a model that answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from evalkit.errors import InputError
from evalkit.models.protocol import Model
from evalkit.registry import MODELS
from evalkit.suite.models import EmbeddedModelConfig, ModelConfig, TransformersModelConfig, TunedModelConfig
from evalkit.suite.schema import Suite


def build_model(config: ModelConfig, *, folder: Path, plugins: bool = False) -> Model:
    """The model that ``config`` describes.

    Every model class, a plugin's too, is built as ``Class(config, folder=folder)``.

    Args:
        config: A section of the suite. Tuned models must have been resolved with ``adapter_model``.
        folder: The suite's folder; paths in ``config`` are relative to it.
        plugins: Whether code that the suite names may be loaded.

    Raises:
        InputError: The model cannot be built; the message says what to do.
    """
    if isinstance(config, TunedModelConfig):
        raise InputError("a tuned model answers only once its adapter is made; run it through `evalkit run`")
    model_class = cast(Callable[..., Model], MODELS.load(config.type, plugins=plugins))
    return model_class(config, folder=folder)


def adapter_model(base: ModelConfig, adapter: Path) -> ModelConfig:
    """The configuration of ``base`` with an adapter merged in.

    Raises:
        InputError: Models of this type cannot take an adapter, or have one already.
    """
    if not isinstance(base, EmbeddedModelConfig | TransformersModelConfig):
        raise InputError(
            f"a model of type {base.type!r} cannot take an adapter; embedded and transformers models can"
        )
    if base.adapter is not None:
        raise InputError(
            f"the base model already has the adapter {base.adapter!r}; merge it into the weights first, "
            "then tune the merged folder"
        )
    return base.model_copy(update={"adapter": str(adapter.resolve())})


def answering_config(suite: Suite, name: str) -> ModelConfig:
    """The configuration by which a model of the suite is asked before anything is tuned.

    Args:
        suite: The suite.
        name: Of one of its models.

    Returns:
        The model's own section; for a tuned model its base's.
    """
    config = suite.models[name]
    return suite.models[config.base] if isinstance(config, TunedModelConfig) else config
