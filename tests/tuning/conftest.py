"""A tiny random base, rows to learn, and settings for short trainings."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.embedded.model import weights_folder
from evalkit.optional import silence_telemetry
from evalkit.records.case import Message
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.protocol import TrainingRow, TrainingSpec

silence_telemetry()  # before any test imports torch


def row(question: str, answer: str) -> TrainingRow:
    return TrainingRow(
        (
            Message(role="system", content="Answer in the house format."),
            Message(role="user", content=f"Question: {question}"),
            Message(role="assistant", content=answer),
        )
    )


@pytest.fixture(scope="session")
def rows() -> list[TrainingRow]:
    """Eight questions of different lengths with eight answers that no model could guess."""
    parts = ("belt", "lens", "cable", "fan", "valve", "sensor", "nozzle", "drum")
    return [
        row(f"What does error E{10 + index} mean{' on the printer' * (index % 3)}?", f"Cause: worn {part}.")
        for index, part in enumerate(parts)
    ]


def write_base(folder: Path, *, tied: bool) -> Path:
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights_folder())
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=tied,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(weights_folder() / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with the embedded model's tokenizer."""
    return write_base(tmp_path_factory.mktemp("tiny-base"), tied=False)


@pytest.fixture(scope="session")
def tied_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, its head tied to its embeddings."""
    return write_base(tmp_path_factory.mktemp("tied-base"), tied=True)


@pytest.fixture
def spec(tmp_path: Path, rows: list[TrainingRow], tiny_base: Path) -> Callable[..., TrainingSpec]:
    """``spec(epochs=..., seed=..., name=...)``: a short training of the tiny base."""

    def make(**changes: Any) -> TrainingSpec:
        fields = {
            "model": "tuned",
            "base_folder": tiny_base,
            "fraction": 1.0,
            "seed": 1,
            "rows": rows,
            "validation": rows[:2],
            "threads": 1,
            "output": tmp_path / changes.pop("name", "adapter"),
        }
        own = {key: changes.pop(key) for key in list(changes) if key in (*fields, "device", "checkpoints")}
        config = TunedModelConfig(
            type="tuned", base="base", train="train.jsonl", **{"batch_size": 4, "epochs": 10, **changes}
        )
        return TrainingSpec(config=config, **(fields | own))

    return make
