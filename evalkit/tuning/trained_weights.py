"""What of a model is trained, and how it is written. Imports torch at the top: load it only to train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch


class TrainedWeights(Protocol):
    """A model of which some parameters are trained."""

    @property
    def model(self) -> Any:
        """What is run: a transformers causal language model, or one with adapters in it."""
        ...

    @property
    def parameters(self) -> Mapping[str, torch.nn.Parameter]:
        """The trained ones by name, each once, in a fixed order; float32."""
        ...

    @property
    def words(self) -> str:
        """What they are, for people: "the last 2 of 5 layers"."""
        ...

    def save(self, folder: Path) -> None:
        """Write what ``evalkit.models.tuned_folder`` reads."""
        ...


def trainable(model: Any) -> dict[str, torch.nn.Parameter]:
    """The parameters of ``model`` that ask for a gradient. A tied one appears once, under its first name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
