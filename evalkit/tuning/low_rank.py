"""Low-rank adaptation with peft: small matrices beside frozen weights. Imports torch and peft at the top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import peft

from evalkit.errors import InputError
from evalkit.models.engine.weights import quiet_transformers
from evalkit.models.tuned_folder import tuned_files
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.quick_lora import quicken
from evalkit.tuning.trained_weights import trainable


class LowRank:
    """See ``TrainedWeights``: two matrices beside each layer that ``target_modules`` names.

    Args:
        model: The base; adapters are put into it.
        config: Rank, alpha, dropout and target modules.

    Raises:
        InputError: ``target_modules`` names nothing in this model, or a layer that shares its weight with another.
    """

    def __init__(self, model: Any, config: TunedModelConfig) -> None:
        settings = peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.lora_alpha,
            target_modules=config.target_modules,
            lora_dropout=config.lora_dropout,
            task_type="CAUSAL_LM",
        )
        with quiet_transformers():
            try:
                self.model = peft.get_peft_model(model, settings)
            except ValueError as error:
                raise InputError(
                    f"no adapter fits target_modules {config.target_modules!r}: {error}"
                ) from error
        layers = [module for module in self.model.modules() if hasattr(module, "lora_A")]
        _refuse_tied(self.model, layers)
        quicken(self.model)
        self.parameters = trainable(self.model)
        self.words = f"low-rank matrices of rank {config.rank} on {len(layers)} layers"

    def save(self, folder: Path) -> None:
        """See ``TrainedWeights``: a folder as peft writes it."""
        with quiet_transformers():
            self.model.save_pretrained(folder, safe_serialization=True)
        file = tuned_files(folder).settings
        settings = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        if isinstance(settings.get("target_modules"), list):
            # peft writes a set, in an order that differs from process to process.
            settings["target_modules"].sort()
        file.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))


def _refuse_tied(model: Any, layers: list[Any]) -> None:
    """An adapter merged into a weight that two layers share would change both, though only one was trained."""
    uses: dict[int, list[str]] = {}
    for name, weight in model.named_parameters(remove_duplicate=False):
        uses.setdefault(id(weight), []).append(name)
    for layer in layers:
        shared = uses.get(id(layer.get_base_layer().weight), [])
        if len(shared) > 1:
            names = " and ".join(name.removeprefix("base_model.model.") for name in shared)
            raise InputError(
                f"target_modules names a layer whose weight is tied ({names}): an adapter there would change both. "
                "Leave it out, or train the weight itself with `method: partial` or `full`"
            )
