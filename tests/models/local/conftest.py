"""Tiny models on disk, and requests as an arm makes them."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest

from evalkit.models.embedded.model import EmbeddedModel, weights_folder
from evalkit.optional import silence_telemetry
from evalkit.records.case import Message
from evalkit.records.sample import Request
from evalkit.suite.models import EmbeddedModelConfig

silence_telemetry()  # before any test imports torch

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def save_tiny(folder: Path, config: Any, seed: int = 0) -> Path:
    """A random model of ``config`` with the embedded model's tokenizer."""
    import torch
    import transformers

    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    # Random weights of the usual size give nearly equal scores; larger ones give answers that differ.
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.2)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(weights_folder() / name, folder / name)
    return folder


def tiny_config(kind: str, **changes: Any) -> Any:
    """A configuration of two small layers; ``kind`` is a model type of transformers."""
    import json

    import transformers

    settings = {
        "vocab_size": json.loads((weights_folder() / "config.json").read_text())["vocab_size"],
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "intermediate_size": 48,
        "max_position_embeddings": 96,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    return transformers.AutoConfig.for_model(kind, **{**settings, **changes})


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with grouped heads and 96 positions."""
    return save_tiny(tmp_path_factory.mktemp("tiny-llama"), tiny_config("llama"))


@pytest.fixture
def tiny() -> Callable[..., Path]:
    """``tiny(folder, kind, **config)`` saves a random model of any type."""

    def make(folder: Path, kind: str, **changes: Any) -> Path:
        return save_tiny(folder, tiny_config(kind, **changes))

    return make


@pytest.fixture
def embedded(tmp_path: Path) -> Callable[..., EmbeddedModel]:
    """``embedded(max_tokens=..., ...)`` is the packaged model with these settings."""

    def make(**settings: Any) -> EmbeddedModel:
        return EmbeddedModel(EmbeddedModelConfig(type="embedded", **settings), folder=tmp_path)

    return make


def ask(question: str, *, seed: int = 0, repeat: int = 0, before: Sequence[Message] = ()) -> Request:
    return Request(messages=(*before, Message(role="user", content=question)), seed=seed, repeat=repeat)


def demonstrations(count: int) -> tuple[Message, ...]:
    """System text and solved questions, as a few-shot arm sends them."""
    turns = [Message(role="system", content="Answer in the house format.")]
    for index in range(count):
        turns.append(
            Message(role="user", content=f"Question: What does error E{10 + index} on the router mean?")
        )
        turns.append(Message(role="assistant", content=f"Cause: loose cable. Fix: clean the lens {index}."))
    return tuple(turns)


@pytest.fixture(scope="session")
def few_shot() -> Callable[[int], list[Request]]:
    """``few_shot(n)`` gives n questions behind eight demonstrations, of different lengths."""
    endings = ("", " Please advise.", " It is urgent, the customer is waiting.")

    def make(count: int) -> list[Request]:
        before = demonstrations(8)
        return [
            ask(f"Question: The printer shows F{20 + index}.{endings[index % 3]}", before=before)
            for index in range(count)
        ]

    return make
