"""Model and adapter folders that a suite names, checked without loading them and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import InputError, SuiteError
from evalkit.models.local import check_model_folder
from evalkit.models.model_source import check_source, model_folder
from evalkit.models.tuned_folder import tuned_files
from evalkit.suite.models import EmbeddedModelConfig, TransformersModelConfig
from evalkit.suite.schema import Suite

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.*", "*.tiktoken")
_NOT_CAUSAL = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "EncoderModel",
)


def check_models(suite: Suite) -> tuple[str, ...]:
    """Check the folder of every local model and adapter of a suite.

    Returns:
        What cannot be checked here, one sentence each: models that have to come from the hub.

    Raises:
        SuiteError: A folder is missing, has no tokenizer, only pickled weights, or a model that does not write
            text from left to right. All problems are listed, each with its line.
    """
    problems, notes = [], []
    for name, config in suite.models.items():
        if not isinstance(config, EmbeddedModelConfig | TransformersModelConfig):
            continue
        try:
            if isinstance(config, TransformersModelConfig) and (note := _check_model(config, suite.folder)):
                notes.append(f"models.{name}: {note}")
        except InputError as error:
            problems.append(suite.source.problem(("models", name, "model"), str(error)))
        try:
            if config.adapter is not None:
                tuned_files(suite.folder / config.adapter)
        except InputError as error:
            problems.append(suite.source.problem(("models", name, "adapter"), str(error)))
    if problems:
        raise SuiteError(*problems)
    return tuple(notes)


def _check_model(config: TransformersModelConfig, suite_folder: Path) -> str | None:
    """Check one model's folder; what to say of one that is none here.

    Raises:
        InputError: The folder is not there, or not of a model that can be run here.
    """
    source = check_source(config, suite_folder)
    folder = source.path
    if folder is None:
        return f"{config.model!r} is no folder here, so it is taken as a hub id and fetched when it is first needed"
    if source.is_gguf:
        return None
    if source.is_zip:
        folder = model_folder(config, folder=suite_folder)
    check_model_folder(folder)
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZERS):
        raise InputError(f"{folder}: has no tokenizer; save it there with tokenizer.save_pretrained(...)")
    for problem in _architecture_problems(folder):
        raise InputError(f"{folder}: {problem}")
    return None


def _architecture_problems(folder: Path) -> Iterator[str]:
    try:
        settings = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        yield f"config.json cannot be read: {error}"
        return
    named = settings.get("architectures")
    architectures = [str(one) for one in named] if isinstance(named, list) else []
    if settings.get("is_encoder_decoder") is True:
        what = architectures[0] if architectures else str(settings.get("model_type"))
        yield f"holds {what}, an encoder with a decoder; only causal language models run here"
    elif architectures and all(one.endswith(_NOT_CAUSAL) for one in architectures):
        yield f"holds {architectures[0]}, which writes no text; only causal language models run here"
