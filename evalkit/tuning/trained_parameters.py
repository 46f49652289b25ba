"""Full and partial tuning: some or all of a model's own parameters. Imports torch at the top."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from evalkit.errors import InputError, did_you_mean
from evalkit.models.tuned_folder import replaced_files
from evalkit.records.record import to_pretty_json
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.trained_weights import trainable

_FORMAT_VERSION = 1


class TrainedParameters:
    """See ``TrainedWeights``: parameters of the model itself, the others frozen.

    Args:
        model: The base, in float32; it is changed.
        names: Parameters to train, as ``named_parameters`` says them.
        method: Written beside the weights.
        words: What they are, for people.
    """

    def __init__(self, model: Any, names: Collection[str], *, method: str, words: str) -> None:
        self.model = model
        self._method = method
        self.words = words
        for name, weight in model.named_parameters():
            weight.requires_grad_(name in names)
        self.parameters = trainable(model)

    def save(self, folder: Path) -> None:
        """See ``TrainedWeights``: the trained parameters by name, nothing else."""
        folder.mkdir(parents=True, exist_ok=True)
        files = replaced_files(folder)
        weights = {name: weight.detach().cpu().contiguous() for name, weight in self.parameters.items()}
        save_file(weights, files.weights, metadata={"format": "pt"})
        settings = {
            "format_version": _FORMAT_VERSION,
            "method": self._method,
            "trained": self.words,
            "parameters": list(weights),
        }
        files.settings.write_bytes(to_pretty_json(settings))


def all_weights(model: Any) -> TrainedParameters:
    """Every parameter. A head that is tied to the embeddings is trained as one parameter with them."""
    return TrainedParameters(model, dict(model.named_parameters()), method="full", words="every parameter")


def chosen_weights(model: Any, config: TunedModelConfig) -> TrainedParameters:
    """The last layers, and what ``modules`` names.

    Embeddings, final norm and head are trained only where ``modules`` names them.

    Raises:
        InputError: A pattern matches nothing, or the model's layers cannot be told.
    """
    # A tied parameter may be named by any of its names and is trained under its first.
    first = {id(weight): name for name, weight in model.named_parameters()}
    names = {name: first[id(weight)] for name, weight in model.named_parameters(remove_duplicate=False)}
    chosen: set[str] = set()
    words = []
    if config.layers is not None:
        stack = _layers(model)
        count = len(model.get_submodule(stack))
        last = config.layers.last
        if last > count:
            raise InputError(f"layers: {{last: {last}}} of a model that has {count} layers")
        tops = tuple(f"{stack}.{index}." for index in range(count - last, count))
        chosen.update(own for name, own in names.items() if name.startswith(tops))
        words.append(f"the last {last} of {count} layers")
    for pattern in config.modules:
        matched = {own for name, own in names.items() if _matches(pattern, name)}
        if not matched:
            raise InputError(
                f"modules: {pattern!r} matches no parameter. {did_you_mean(pattern, _parts(list(names)))}"
            )
        chosen |= matched
        words.append(pattern)
    return TrainedParameters(model, chosen, method="partial", words=" and ".join(words))


def _layers(model: Any) -> str:
    """Name of the list that holds the model's layers: the outermost one as long as the configuration says."""
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    stacks = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    ]
    if not stacks:
        raise InputError(
            "layers: this model does not tell which of its modules are its layers; name them with `modules`"
        )
    return str(min(stacks, key=lambda name: name.count(".")))


def _matches(pattern: str, name: str) -> bool:
    """Whether ``pattern`` is some of the dotted parts of ``name``, side by side.

    >>> _matches("layers.3", "model.layers.3.mlp.up_proj.weight")
    True
    >>> _matches("norm", "model.layers.3.input_layernorm.weight")
    False
    >>> _matches("*norm*", "model.layers.3.input_layernorm.weight")
    True
    """
    inner = "".join("[^.]*" if letter == "*" else re.escape(letter) for letter in pattern)
    return re.search(rf"(?:^|\.){inner}(?:\.|$)", name) is not None


def _parts(names: Sequence[str]) -> list[str]:
    """The words that parameter names are made of, for a message."""
    parts = {part: None for name in names for part in name.split(".") if not part.isdigit()}
    return list(parts)
