"""The trainer's own network: the same function as transformers' LlamaForCausalLM, several times faster on a CPU.

All matrices of a kind are stacked in one parameter, so that the optimiser orthogonalises them in a few
batched calls; attention is written out, because the fused kernel's backward pass in bfloat16 is slow on CPUs.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from tests.embedded_model.windows import BOS_ID, EOS_ID, PAD_ID


@dataclass(frozen=True)
class Shape:
    """The sizes of the network; the width is heads * head_width."""

    vocabulary: int = 4096
    heads: int = 5
    head_width: int = 32
    layers: int = 5
    inner: int = 432
    """Width of the feed-forward part."""
    max_tokens: int = 512
    rope_base: float = 10_000.0

    @property
    def width(self) -> int:
        return self.heads * self.head_width


NORM_EPSILON = 1e-6
QUERY, KEY, VALUE, OUTPUT = range(4)


class Network:
    """A Llama with tied embeddings.

    Parameters (L layers, width d, feed-forward width f, vocabulary v):
        embedding: (v, d), also the output head.
        attention: (L, 4, d, d): query, key, value and output matrices.
        gate_up: (L, 2, f, d).
        down: (L, d, f).
        norms: (2 L + 1, d): before attention and before feed-forward of each layer, then the last.
    """

    def __init__(self, shape: Shape, generator: torch.Generator, scale: float = 0.05) -> None:
        self.shape = shape
        self.low_precision = False
        """Whether matrix products run in bfloat16; parameters always stay in float32."""

        def normal(*sizes: int) -> Tensor:
            return (torch.randn(*sizes, generator=generator) * scale).requires_grad_()

        width, layers, inner = shape.width, shape.layers, shape.inner
        self.embedding = normal(shape.vocabulary, width)
        self.attention = normal(layers, 4, width, width)
        self.gate_up = normal(layers, 2, inner, width)
        self.down = normal(layers, width, inner)
        self.norms = torch.ones(2 * layers + 1, width, requires_grad=True)
        angles = torch.arange(shape.max_tokens).float()[:, None] * rope_frequencies(shape)
        angles = torch.cat([angles, angles], -1)
        self._cosines, self._sines = angles.cos(), angles.sin()

    def weights(self) -> dict[str, Tensor]:
        """Every parameter by its name."""
        return {
            "embedding": self.embedding,
            "attention": self.attention,
            "gate_up": self.gate_up,
            "down": self.down,
            "norms": self.norms,
        }

    def parameters(self) -> list[Tensor]:
        return list(self.weights().values())

    def twin(self) -> "Network":
        """A network on the same memory whose gradients are its own, for a second thread."""
        other = copy.copy(self)
        for name, weight in self.weights().items():
            setattr(other, name, weight.detach().requires_grad_())
        return other

    def hidden(self, ids: Tensor) -> Tensor:
        """Last hidden states, normalised: ids (batch, time) -> (batch, time, width)."""
        batch, time = ids.shape
        shape, width = self.shape, self.shape.width
        dtype = torch.bfloat16 if self.low_precision else torch.float32
        attention, gate_up, down = self.attention.to(dtype), self.gate_up.to(dtype), self.down.to(dtype)
        cosines, sines = self._cosines[:time].to(dtype), self._sines[:time].to(dtype)
        mask = torch.full((time, time), float("-inf")).triu(1).to(dtype)
        hidden = functional.embedding(ids, self.embedding)
        for layer in range(shape.layers):
            normed = functional.rms_norm(hidden, (width,), self.norms[2 * layer], NORM_EPSILON).to(dtype)
            projected = functional.linear(normed, attention[layer, :OUTPUT].reshape(3 * width, width))
            query, key, value = projected.view(batch, time, 3, shape.heads, shape.head_width).permute(
                2, 0, 3, 1, 4
            )
            rotated = _rotate(torch.stack([query, key]), cosines, sines)
            scores = (rotated[0] * shape.head_width**-0.5) @ rotated[1].mT + mask
            mixed = (torch.softmax(scores, -1) @ value).transpose(1, 2).reshape(batch, time, width)
            hidden = hidden + functional.linear(mixed, attention[layer, OUTPUT])
            normed = functional.rms_norm(hidden, (width,), self.norms[2 * layer + 1], NORM_EPSILON).to(dtype)
            gate, up = functional.linear(normed, gate_up[layer].reshape(2 * shape.inner, width)).chunk(2, -1)
            hidden = hidden + functional.linear(functional.silu(gate) * up, down[layer])
        return functional.rms_norm(hidden, (width,), self.norms[-1], NORM_EPSILON)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary in float32."""
        if self.low_precision:
            return (hidden.bfloat16() @ self.embedding.bfloat16().T).float()
        return hidden @ self.embedding.T


def rope_frequencies(shape: Shape) -> Tensor:
    """Angular frequency per pair of head dimensions, fastest first; shape (head_width / 2,)."""
    return 1 / shape.rope_base ** (torch.arange(0, shape.head_width, 2).float() / shape.head_width)


def _rotate(vectors: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary position embedding in the half-split layout that transformers uses."""
    first, second = vectors.chunk(2, -1)
    return vectors * cosines + torch.cat([-second, first], -1) * sines


def to_transformers(network: Network) -> LlamaForCausalLM:
    """A copy of the network as transformers' model, in float32 and evaluation mode."""
    shape = network.shape
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.max_tokens,
        rms_norm_eps=NORM_EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        tie_word_embeddings=True,
        attention_dropout=0.0,
        initializer_range=0.05,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
    )
    weights = {
        "model.embed_tokens.weight": network.embedding,
        "lm_head.weight": network.embedding,
        "model.norm.weight": network.norms[-1],
    }
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for index, name in enumerate(("q_proj", "k_proj", "v_proj", "o_proj")):
            weights[f"{prefix}self_attn.{name}.weight"] = network.attention[layer, index]
        weights[f"{prefix}mlp.gate_proj.weight"] = network.gate_up[layer, 0]
        weights[f"{prefix}mlp.up_proj.weight"] = network.gate_up[layer, 1]
        weights[f"{prefix}mlp.down_proj.weight"] = network.down[layer]
        weights[f"{prefix}input_layernorm.weight"] = network.norms[2 * layer]
        weights[f"{prefix}post_attention_layernorm.weight"] = network.norms[2 * layer + 1]
    model = LlamaForCausalLM(config)
    model.load_state_dict({name: weight.detach().clone() for name, weight in weights.items()})
    model.eval()
    return model
