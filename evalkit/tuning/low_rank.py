"""Low-rank adaptation with peft: small matrices beside frozen weights. Imports torch and peft at the top."""

from __future__ import annotations

from pathlib import Path
from types import MethodType
from typing import Any

import msgspec
import peft
import torch
from peft.tuners.lora import Linear
from torch.nn import functional

from evalkit.errors import InputError
from evalkit.models.engine.quiet import quiet_transformers
from evalkit.models.tuned_folder import tuned_files
from evalkit.suite.models import TunedModelConfig
from evalkit.tuning.trained_weights import trainable

_ADAPTER = "default"  # as peft calls the first adapter


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
        patch_lora_forward(self.model)
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


def patch_lora_forward(model: torch.nn.Module) -> None:
    """Replace the forward of every plain LoRA layer in ``model`` (no dropout, no bias, no variant) by a shorter one.

    peft computes W x, then B A x, scales and adds, each as an operation of its own that writes a whole activation.
    Here the product with B, the scale and the sum are one operation. On a CPU a training of the embedded model takes
    about a tenth less; the numbers are the same up to rounding.
    """
    for module in model.modules():
        if type(module) is Linear and _is_plain(module):
            module.forward = MethodType(_forward, module)


class _Adapted(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
    """A frozen layer in bfloat16 with float32 matrices beside it; keeps its input once, and no float32 copy of it."""

    @staticmethod
    def forward(
        context: Any, inputs: Any, weight: Any, bias: Any, first: Any, second: Any, scale: float
    ) -> torch.Tensor:
        inner = inputs @ first.to(inputs.dtype).t()
        out = functional.linear(inputs, weight, bias)
        out.addmm_(inner, second.to(inputs.dtype).t(), alpha=scale)
        context.save_for_backward(inputs, inner, weight, first, second)
        context.scale = scale
        return out

    @staticmethod
    def backward(context: Any, *gradients: Any) -> tuple[Any, ...]:
        inputs, inner, weight, first, second = context.saved_tensors
        (of_out,) = gradients
        of_inner = (of_out @ second.to(of_out.dtype)).mul_(context.scale)
        of_first = (of_inner.t() @ inputs).to(first.dtype)
        of_second = (of_out.t() @ inner).to(second.dtype).mul_(context.scale)
        of_inputs = None
        if context.needs_input_grad[0]:
            of_inputs = (of_out @ weight).addmm_(of_inner, first.to(of_out.dtype))
        return of_inputs, None, None, of_first, of_second, None


def _is_plain(layer: Any) -> bool:
    return (
        type(layer.base_layer) is torch.nn.Linear
        and isinstance(layer.lora_dropout[_ADAPTER], torch.nn.Identity)
        and layer.lora_B[_ADAPTER].bias is None
        and not layer.lora_variant
        and not layer.fan_in_fan_out
    )


def _forward(layer: Any, inputs: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    base, first, second = layer.base_layer, layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
    flat = inputs.reshape(-1, inputs.shape[-1])
    if base.weight.dtype != first.dtype and not torch.is_autocast_enabled(inputs.device.type):
        out = _Adapted.apply(flat, base.weight, base.bias, first, second, layer.scaling[_ADAPTER])
        return out.view(*inputs.shape[:-1], -1)
    plain = functional.linear(flat, base.weight, base.bias)
    inner = functional.linear(flat.to(first.dtype), first)
    out = torch.addmm(plain, inner, second.t(), alpha=layer.scaling[_ADAPTER])
    return out.view(*inputs.shape[:-1], -1)
