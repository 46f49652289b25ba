"""From a GGUF file to a model folder: weights as plain numbers, tokenizer, chat template. Imports torch at the top."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, pre_tokenizers

from evalkit.models.engine.quiet import quiet_transformers, unusable
from evalkit.models.gguf_header import check_gguf
from evalkit.optional import require

# llama.cpp's names of the ways to cut a text into words, which transformers does not look at for every architecture:
# numbers into single digits first, or by an expression, that of Llama 3 here.
_SINGLE_DIGITS: frozenset[object] = frozenset(
    {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
)
_EXPRESSIONS: dict[object, str] = dict.fromkeys(
    ("llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe"),
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+",
)


def dequantise(file: Path, folder: Path) -> None:
    """Write what a GGUF file holds as ``save_pretrained`` writes a folder, the weights as float32.

    Args:
        file: Its header is checked first.
        folder: Filled.

    Raises:
        InputError: The file cannot be used.
        MissingExtraError: The package gguf is not installed.
    """
    header = check_gguf(file)
    damaged = unusable(
        f"{file}: cannot be read as a model of the architecture {header.architecture[:100]!r}. The file may be "
        "damaged, or newer than the installed transformers; give the model's folder or hub id instead.",
        passed=(OSError,),
    )
    # The bar of the conversion is not one of those that transformers can switch off.
    with damaged, quiet_transformers(), contextlib.redirect_stderr(io.StringIO()), _read_once():
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name, local_files_only=True
        )
        _cut_words(tokenizer, header.facts.get("tokenizer.ggml.pre"))
        model = transformers.AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32, local_files_only=True
        )
        _plain(model).save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Keep what transformers asks the gguf package for: it reads a file three times, and makes one table 400 times."""
    gguf = require("gguf", "local")
    kept = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    try:
        for name, function in kept.items():
            setattr(gguf, name, functools.cache(function))
        yield
    finally:
        for name, function in kept.items():
            setattr(gguf, name, function)


def _plain(model: Any) -> Any:
    """A model of the same configuration and weights that does not count as quantised, which is never written."""
    config = model.config
    for name in ("quantization_config", "_model_name_or_path"):
        if hasattr(config, name):
            delattr(config, name)
    with torch.device("meta"):
        plain = transformers.AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(model.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = model.generation_config
    return plain


def _cut_words(tokenizer: Any, name: object) -> None:
    """Cut texts as the model was trained: transformers reads the pieces from the file, and not always where they end.

    Without it two line ends before a number are two tokens, where SmolLM2 has seen one.
    """
    if name in _SINGLE_DIGITS:
        first: Any = pre_tokenizers.Digits(individual_digits=True)
    elif name in _EXPRESSIONS:
        first = pre_tokenizers.Split(Regex(_EXPRESSIONS[name]), "isolated")
    else:
        return
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=name in _SINGLE_DIGITS)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, letters])
