"""Loads a causal language model and its tokenizer from a folder, with an adapter merged in where one is given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file

from evalkit.errors import InputError
from evalkit.models.engine.adapter_fit import loaded_shapes, refuse_partial
from evalkit.models.engine.quiet import first_line, quiet_transformers, unusable
from evalkit.models.tuned_folder import ADAPTER_SETTINGS, refuse_named_modules, tuned_files
from evalkit.optional import require


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that is ready to run.

    Attributes:
        model: A transformers causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        context_limit: Tokens the model can look at, prompt and answer together.
        end_ids: Tokens after which the model's own settings say that an answer is over.
    """

    model: Any
    tokenizer: Any
    context_limit: int
    end_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a model folder says apart from its weights: tokenizer, context and end tokens, as in ``Weights``."""

    tokenizer: Any
    context_limit: int
    end_ids: frozenset[int]


def resolve_device() -> str:
    """What ``device: auto`` stands for on this machine: the first accelerator, else the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_tokenizer(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model folder.

    Raises:
        InputError: The folder has no tokenizer that transformers can read.
    """
    # transformers blames a missing sentencepiece for absent tokenizer files; say what usually is the case.
    words = (
        f"{folder}: its tokenizer cannot be loaded. The folder must hold the tokenizer's files (tokenizer.json, "
        "tokenizer_config.json) beside the weights, and each file of settings must be whole."
    )
    with quiet_transformers(), unusable(words):
        return transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )


def read_settings(folder: Path, *, trust_remote_code: bool = False) -> ModelSettings:
    """The settings of a model folder; its weights are not read.

    Raises:
        InputError: The folder has no configuration or tokenizer that transformers can read.
    """
    tokenizer = load_tokenizer(folder, trust_remote_code=trust_remote_code)
    with quiet_transformers():
        with unusable(f"{folder}: its config.json cannot be used."):
            config = transformers.AutoConfig.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
        generation = None
        # Few folders of base models have one.
        with unusable(f"{folder}: its generation_config.json cannot be used."), suppress(OSError):
            generation = transformers.GenerationConfig.from_pretrained(folder, local_files_only=True)
    return ModelSettings(
        tokenizer=tokenizer,
        context_limit=_context_limit(config, tokenizer),
        end_ids=_end_ids(config, generation, tokenizer),
    )


def load_weights(
    folder: Path,
    *,
    adapter: Path | None = None,
    device: str = "cpu",
    dtype: str = "auto",
    trust_remote_code: bool = False,
) -> Weights:
    """Load a folder that ``save_pretrained`` wrote.

    Args:
        folder: Holds config.json, safetensors weights and the tokenizer.
        adapter: A folder that tuning wrote, merged into the weights so that answering costs nothing extra.
        device: As torch names it.
        dtype: A torch type by name; ``auto`` is float32 on the CPU and the stored type elsewhere.
        trust_remote_code: Run Python code that comes with the model.

    Raises:
        InputError: Something in the folder cannot be used; the message says what.
    """
    number = "float32" if dtype == "auto" and device == "cpu" else dtype
    tokenizer = load_tokenizer(folder, trust_remote_code=trust_remote_code)
    if (
        settings := folder / ADAPTER_SETTINGS
    ).is_file():  # transformers adds such an adapter to the model by itself
        refuse_named_modules(settings)
    with quiet_transformers():
        with unusable(
            f"{folder}: the model cannot be loaded. It needs config.json and weights as *.safetensors "
            "(pickled *.bin weights are not read)."
        ):
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                # The stored type is used when none is named, which is float16 for some folders: slow and
                # unsafe on a CPU.
                dtype=number if number == "auto" else getattr(torch, number),
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
            )
        if adapter is not None:
            model = _tuned(model, adapter)
    try:
        model = model.to(device).eval().requires_grad_(False)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device {device!r} cannot be used: {first_line(error)}. Use `device: cpu`."
        ) from error
    return Weights(
        model=model,
        tokenizer=tokenizer,
        context_limit=_context_limit(model.config, tokenizer),
        end_ids=_end_ids(model.config, getattr(model, "generation_config", None), tokenizer),
    )


def _tuned(model: Any, adapter: Path) -> Any:
    files = tuned_files(adapter)
    if files.replaces:
        _replace_weights(model, files.weights)
        return model
    peft = require("peft", "local")
    words = f"{adapter}: the adapter does not fit this model; it was made for another one, or is damaged."
    with unusable(words, library="peft"):
        tuned = peft.PeftModel.from_pretrained(model, adapter)
        refuse_partial(adapter, loaded_shapes(tuned))
        return tuned.merge_and_unload()


def _replace_weights(model: Any, file: Path) -> None:
    """Put parameters in place of those of the same name. One that is tied changes under all its names."""
    own = dict(model.named_parameters(remove_duplicate=False))
    try:
        replaced = load_file(file)
    except SafetensorError as error:
        raise InputError(f"{file}: cannot be read: {first_line(error)}") from error
    for name, tensor in replaced.items():
        if name not in own or own[name].shape != tensor.shape:
            raise InputError(
                f"{file}: its weights do not fit this model; they were made for another one "
                f"({name}: {tuple(tensor.shape)})"
            )
        own[name].data.copy_(tensor)


def _context_limit(config: Any, tokenizer: Any) -> int:
    text_config = config.get_text_config()
    limits = [
        getattr(text_config, "max_position_embeddings", None),
        getattr(tokenizer, "model_max_length", None),
    ]
    # A tokenizer without a limit of its own says 1e30.
    numbers = [limit for limit in limits if isinstance(limit, int | float)]
    stated = [int(limit) for limit in numbers if 0 < limit < 1_000_000_000]
    return min(stated, default=2048)


def _end_ids(config: Any, generation: Any, tokenizer: Any) -> frozenset[int]:
    ids: set[int] = set()
    for settings in (generation, tokenizer, config):
        value = getattr(settings, "eos_token_id", None)
        ids.update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int))
    return frozenset(ids)
