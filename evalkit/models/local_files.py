"""What can be said of a local model from its folder alone, without loading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from evalkit.errors import MissingExtraError
from evalkit.models.embedded.model import weights_folder
from evalkit.models.fingerprint import fingerprint
from evalkit.models.local import EXTRA
from evalkit.models.model_source import model_folder, model_source
from evalkit.optional import require
from evalkit.records.manifest import ModelOrigin
from evalkit.suite.models import EmbeddedModelConfig, ModelConfig, TransformersModelConfig


class _Context(msgspec.Struct):
    max_position_embeddings: int | None = None


class _AddedToken(msgspec.Struct):
    content: str = ""
    special: bool = False


class _Vocabulary(msgspec.Struct):
    added_tokens: list[_AddedToken] = []


def weights_of(config: ModelConfig, folder: Path) -> Path | None:
    """The folder of a local model's weights; None for models that run elsewhere.

    Raises:
        InputError: There is no such folder or hub id.
    """
    if isinstance(config, EmbeddedModelConfig):
        return weights_folder()
    if isinstance(config, TransformersModelConfig):
        return model_folder(config, folder=folder)
    return None


def weights_digest(config: ModelConfig, folder: Path) -> str | None:
    """Digest of a local model's files; None for models that run elsewhere."""
    weights = weights_of(config, folder)
    return None if weights is None else fingerprint(weights)


def model_origin(config: ModelConfig, folder: Path) -> ModelOrigin | None:
    """Which model of one's own answers; None for the embedded one, and for models that run elsewhere.

    Raises:
        InputError: There is no such model.
    """
    return model_source(config.model, folder).origin if isinstance(config, TransformersModelConfig) else None


def context_limit(config: ModelConfig, folder: Path) -> int | None:
    """Prompt plus output tokens that a local model takes, from its configuration; None where it does not say."""
    weights = weights_of(config, folder)
    if weights is None:
        return None
    stated = msgspec.json.decode((weights / "config.json").read_bytes(), type=_Context)
    return stated.max_position_embeddings


def special_tokens(weights: Path) -> tuple[str, ...]:
    """The special tokens of a model folder as they are spelled; none where it has no ``tokenizer.json``."""
    file = weights / "tokenizer.json"
    if not file.is_file():
        return ()
    vocabulary = msgspec.json.decode(file.read_bytes(), type=_Vocabulary)
    return tuple(token.content for token in vocabulary.added_tokens if token.special)


def text_token_counter(config: ModelConfig, folder: Path) -> Callable[[str], int] | None:
    """Counts tokens of a text, without special tokens, by a local model's own tokenizer.

    Returns:
        None for models that run elsewhere, for folders without ``tokenizer.json``, and without the extra.
    """
    weights = weights_of(config, folder)
    if weights is None or not (weights / "tokenizer.json").is_file():
        return None
    try:
        tokenizers = require("tokenizers", EXTRA)
    except MissingExtraError:
        return None
    tokenizer = tokenizers.Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # in a text they are letters
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
