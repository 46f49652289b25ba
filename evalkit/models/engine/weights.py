"""Loads a causal language model and its tokenizer from a folder, with an adapter merged in where one is given."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file

from evalkit.errors import InputError
from evalkit.models.tuned_folder import tuned_files
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
    with quiet_transformers():
        try:
            return transformers.AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
        except (OSError, ValueError, ImportError, KeyError) as error:
            # transformers blames a missing sentencepiece for absent tokenizer files; say what usually is the case.
            raise InputError(
                f"{folder}: its tokenizer cannot be loaded. The folder must hold the tokenizer's files "
                f"(tokenizer.json, tokenizer_config.json) beside the weights. transformers says: {first_line(error)}"
            ) from error


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
    with quiet_transformers():
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                # The stored type is used when none is named, which is float16 for some folders: slow and
                # unsafe on a CPU.
                dtype=number if number == "auto" else getattr(torch, number),
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
            )
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise InputError(
                f"{folder}: the model cannot be loaded. It needs config.json and weights as *.safetensors "
                f"(pickled *.bin weights are not read). transformers says: {first_line(error)}"
            ) from error
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
        end_ids=_end_ids(model, tokenizer),
    )


def _tuned(model: Any, adapter: Path) -> Any:
    files = tuned_files(adapter)
    if files.replaces:
        _replace_weights(model, files.weights)
        return model
    peft = require("peft", "local")
    try:
        return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise InputError(
            f"{adapter}: the adapter does not fit this model; it was made for another one. "
            f"peft says: {first_line(error)}"
        ) from error


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
    stated = [int(limit) for limit in limits if limit and limit < 1_000_000_000]
    return min(stated, default=2048)


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    settings = getattr(model, "generation_config", None)
    ids: set[int] = set()
    for value in (getattr(settings, "eos_token_id", None), tokenizer.eos_token_id, model.config.eos_token_id):
        ids.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(ids)


def first_line(error: BaseException) -> str:
    """The first line of a foreign error, for one of our messages."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers and peft while a model loads."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
