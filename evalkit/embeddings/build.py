"""From a section of the suite to an embedder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from evalkit.embeddings.protocol import Embedder
from evalkit.models.model_source import model_source
from evalkit.records.manifest import ModelOrigin
from evalkit.registry import EMBEDDERS
from evalkit.suite.retrieval import EmbedderConfig, SentenceTransformersConfig


def embedder_weights(config: EmbedderConfig, folder: Path) -> str | None:
    """Digest of the files of an embedder that runs on this machine; None for all others.

    Raises:
        InputError: There is no such model.
    """
    if not isinstance(config, SentenceTransformersConfig):
        return None
    weights = build_embedder(config, folder=folder).identity["weights"]
    return str(weights)


def embedder_origin(config: EmbedderConfig, folder: Path) -> ModelOrigin | None:
    """Which model an embedder of this machine is; None for all others.

    Raises:
        InputError: There is no such model.
    """
    if not isinstance(config, SentenceTransformersConfig):
        return None
    return model_source(config.model, folder).origin


def build_embedder(config: EmbedderConfig, *, folder: Path, plugins: bool = False) -> Embedder:
    """The embedder that ``config`` describes.

    Every embedder class, a plugin's too, is built as ``Class(config, folder=folder)``.

    Args:
        config: A section of the suite.
        folder: The suite's folder; paths in ``config`` are relative to it.
        plugins: Whether code that the suite names may be loaded.

    Raises:
        InputError: It cannot be built; the message says what to do.
    """
    embedder_class = cast(Callable[..., Embedder], EMBEDDERS.load(config.type, plugins=plugins))
    return embedder_class(config, folder=folder)
