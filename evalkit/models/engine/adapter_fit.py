"""Whether what tuning wrote fits a model whole, by names and shapes. Imports torch at the top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
import transformers
from safetensors import SafetensorError, safe_open

from evalkit.errors import InputError
from evalkit.models.engine.quiet import first_line, quiet_transformers
from evalkit.models.tuned_folder import TunedFiles, tuned_files
from evalkit.optional import require

_SHOWN = 3
_OF_ITS_CLASS = (OSError, RuntimeError, ImportError, LookupError, TypeError, AttributeError, ArithmeticError)
Shapes = Mapping[str, tuple[int, ...]]


class _Replaced(msgspec.Struct):
    parameters: list[str] = []


def check_fit(folder: Path, adapter: Path, *, trust_remote_code: bool = False) -> None:
    """Compare the names and shapes of an adapter with those of a model that is built without weights.

    Args:
        folder: The base model's.
        adapter: What tuning wrote.
        trust_remote_code: Run Python code that comes with the model.

    Raises:
        InputError: The adapter would apply in part or not at all; gives names.
    """
    files = tuned_files(adapter)
    own = _shapes_in(files.weights)
    with quiet_transformers():
        try:
            config = transformers.AutoConfig.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
            with torch.device("meta"):
                model = transformers.AutoModelForCausalLM.from_config(
                    config, trust_remote_code=trust_remote_code
                )
                expected = _replaced(model, files) if files.replaces else _adapted(model, adapter)
        except ValueError as error:
            raise InputError(
                f"{adapter}: the adapter does not fit this model: {first_line(error)}"
            ) from error
        except _OF_ITS_CLASS:
            return  # this class cannot be built without weights; its adapter is looked at when it is loaded
    refuse_partial(adapter, expected, own)
    if not files.replaces and not _changes_anything(files.weights):
        raise InputError(
            f"{adapter}: all its matrices lora_B are zero, so it changes nothing; the tuned model would be the base. "
            "Name the folder of a finished training, or leave `adapter` out"
        )


def loaded_shapes(model: Any) -> Shapes:
    """The weights that an adapter of this peft model must have, by the names under which it is saved."""
    peft = require("peft", "local")
    kept = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(weight.shape) for name, weight in kept.items()}


def refuse_partial(adapter: Path, expected: Shapes, own: Shapes | None = None) -> None:
    """Raise ``InputError`` unless an adapter has each weight that the model takes, and no other.

    Args:
        adapter: Its folder, for the message.
        expected: What the model takes.
        own: What the adapter has; None to read it.
    """
    own = _shapes_in(tuned_files(adapter).weights) if own is None else own
    missing = [name for name in expected if name not in own]
    # An adapter may bring embeddings of the model beside its own matrices.
    kinds = ("lora_",) if any("lora_" in name for name in expected) else ("",)
    foreign = [name for name in own if name not in expected and any(kind in name for kind in kinds)]
    unlike = [
        f"{name} {own[name]}, the model's {shape}"
        for name, shape in expected.items()
        if name in own and own[name] != shape
    ]
    faults = [
        f"{len(names):,} {words}: {_some(names)}"
        for names, words in (
            (missing, "weights that the model takes are missing"),
            (foreign, "weights fit no layer of the model"),
            (unlike, "weights have another shape"),
        )
        if names
    ]
    if faults:
        raise InputError(
            f"{adapter}: the adapter does not fit this model, and would apply in part or not at all: "
            f"{'; '.join(faults)}. Name the base model that it was made for, or save the adapter again"
        )


def _adapted(model: Any, adapter: Path) -> Shapes:
    peft = require("peft", "local")
    settings = peft.PeftConfig.from_pretrained(str(adapter))
    if hasattr(settings, "init_lora_weights"):
        settings.init_lora_weights = False  # some ways to begin read the model's weights
    return loaded_shapes(peft.get_peft_model(model, settings))


def _replaced(model: Any, files: TunedFiles) -> Shapes:
    """The parameters that the settings of a full or partial tune name, as the model has them."""
    of_model = {name: tuple(weight.shape) for name, weight in model.named_parameters(remove_duplicate=False)}
    named = msgspec.json.decode(files.settings.read_bytes(), type=_Replaced).parameters
    return {name: of_model.get(name, ()) for name in named}


def _shapes_in(file: Path) -> Shapes:
    try:
        with safe_open(file, framework="pt") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{file}: cannot be read: {first_line(error)}") from error


def _changes_anything(file: Path) -> bool:
    with safe_open(file, framework="pt") as weights:
        second = [name for name in weights.keys() if "lora_B" in name]  # noqa: SIM118
        return not second or any(bool(weights.get_tensor(name).any()) for name in second)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
