"""Starting weights that already look things up, so that minutes of training suffice.

With random starting weights, and the same data, the model did not learn to pick the right passage within
four million tokens; with these it did within one. Everything is trained normally afterwards, and at
inference the model is a plain Llama. What is set by hand:

* Embeddings share one direction `common`, on which position-only attention can be built. Key-like tokens
  (numbers, pieces of names) share a second one, `keyness`. Variants of a word (case, leading space) start
  close together.
* Layer 0: two heads copy the token before, one the token two before, one the most recent key-like token.
  Each writes what it saw into a block of the residual stream of its own (`memory`).
* Layers 1 and 2: heads compare such blocks. Induction: "the token before there is the token here".
  Labelled look-up: "the label before here stands two before there, and the most recent key is the same".
  Their value and output matrices copy what they find.
* The idea follows "mimetic" initialisation (Trockman and Kolter 2023, arXiv 2305.09828).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from evalkit.models.embedded.pretrain.network import (
    KEY,
    OUTPUT,
    QUERY,
    VALUE,
    Network,
    Shape,
    rope_frequencies,
)
from evalkit.models.embedded.pretrain.words import lexicon

_COMMON = 1.2  # length of the shared directions, in units of a random embedding's length
_SHARPNESS = 12.0  # logit by which a position head prefers its position
_MATCH = 4.0  # weight of a compared dimension
_COPY = 0.4  # share of identity in the value-output product of matching heads
_QUIET = 0.02  # factor on feed-forward and output matrices: noise there drowns the heads


@dataclass(frozen=True)
class TokenFeatures:
    """What the starting weights know about each token; both tensors have shape (vocabulary,)."""

    base: Tensor
    """Index of the token this one is a variant of: its lower-case form with a leading space, or itself."""
    keyness: Tensor
    """1 for numbers, less for pieces that words are made up from, 0 for ordinary words."""


def token_features(tokenizer: Tokenizer) -> TokenFeatures:
    """Read the features off the tokens' texts and the lexicon."""
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([index], skip_special_tokens=False) for index in range(size)]
    base, keyness = torch.arange(size), torch.zeros(size)
    known = set(lexicon())
    spaced = {text[1:]: index for index, text in enumerate(texts) if text.startswith(" ")}
    for index, text in enumerate(texts):
        word = text.strip()
        if re.fullmatch(r"\d+", text):
            keyness[index] = 1.0
        elif word.isascii() and word.isalpha() and len(word) > 1:
            if word.lower() in known and word.lower() in spaced:
                base[index] = spaced[word.lower()]
            elif word.lower() not in known:
                keyness[index] = 0.7
    return TokenFeatures(base, keyness)


def structure(
    network: Network, features: TokenFeatures, generator: torch.Generator, scale: float = 0.05
) -> None:
    """Overwrite parts of freshly drawn random weights with the heads described above."""
    with torch.no_grad():
        _structure(network, features, generator, scale)


def _structure(network: Network, features: TokenFeatures, generator: torch.Generator, scale: float) -> None:
    shape = network.shape
    head = shape.head_width
    if shape.width < 5 * head or head != 32:
        raise ValueError("the structured heads need head_width 32 and at least five heads")
    network.down.mul_(_QUIET)
    network.attention[:, OUTPUT].mul_(_QUIET)

    common = torch.randn(shape.width, generator=generator) * _COMMON * scale
    keyness = torch.randn(shape.width, generator=generator) * _COMMON * scale
    embedding = network.embedding
    embedding.copy_(0.8 * embedding[features.base] + 0.6 * embedding)
    embedding.add_(common).add_(features.keyness[:, None] * keyness)

    common = common / common.norm()
    keyness = keyness - common * (common @ keyness)
    keyness = keyness / keyness.norm()

    def free_basis() -> Tensor:
        """Orthonormal rows that avoid both shared directions; shape (width - 2, width)."""
        noise = torch.randn(shape.width, shape.width - 2, generator=generator)
        basis: Tensor = torch.linalg.qr(torch.cat([common[:, None], keyness[:, None], noise], 1))[0]
        return basis[:, 2:].T.contiguous()

    content, memory = free_basis(), free_basis()
    # After the first norm, the length of an embedding along `common`.
    along_common = (_COMMON**2 / (1 + _COMMON**2) * shape.width) ** 0.5
    _position_heads(network, common, content, memory, along_common)
    _recent_key_head(network, common, keyness, content, memory, along_common)
    for layer in range(1, shape.layers):
        rotation = torch.linalg.qr(torch.randn(shape.width, shape.width, generator=generator))[0]
        network.attention[layer, VALUE] = rotation
        network.attention[layer, OUTPUT] = 0.05 * rotation.T
    for layer, rows in enumerate(_matches(content, memory), start=1):
        network.attention[layer, OUTPUT, :, : len(rows) * head] *= _COPY / 0.05
        for index, (query_rows, key_rows) in enumerate(rows):
            _match_head(network, layer, index, query_rows, key_rows)


def _position_heads(
    network: Network, common: Tensor, content: Tensor, memory: Tensor, along_common: float
) -> None:
    """Layer 0, heads 0 to 2: one, one and two back, told apart by the phase of the fastest rotations."""
    shape = network.shape
    head = shape.head_width
    frequencies = rope_frequencies(shape)
    fast = (torch.arange(head // 2) < 4).float()
    strength = (_SHARPNESS * head**0.5) ** 0.5 / along_common
    for index, (back, start) in enumerate(((1, 0), (1, head), (2, 0))):
        rows = slice(index * head, (index + 1) * head)
        phase = back * frequencies
        query = torch.cat([fast, 0 * fast])
        key = torch.cat([fast * phase.cos(), fast * phase.sin()])
        network.attention[0, QUERY, rows] = strength * query[:, None] * common
        network.attention[0, KEY, rows] = strength * key[:, None] * common
        network.attention[0, VALUE, rows] = content[start : start + head]
        network.attention[0, OUTPUT, :, rows] = 0.1 * memory[rows].T


def _recent_key_head(
    network: Network, common: Tensor, keyness: Tensor, content: Tensor, memory: Tensor, along_common: float
) -> None:
    """Layer 0, head 3: the most recent key-like token. Middle rotations prefer near, the slowest ignores distance."""
    head = network.shape.head_width
    rows = slice(3 * head, 4 * head)
    pattern = torch.zeros(head)
    pattern[[5, 6, 7, 15]] = 1.0
    strength = (10 * head**0.5 / (7.5 * along_common)) ** 0.5
    network.attention[0, QUERY, rows] = strength * pattern[:, None] * common
    network.attention[0, KEY, rows] = strength * pattern[:, None] * keyness
    network.attention[0, VALUE, rows] = content[rows]
    network.attention[0, OUTPUT, :, rows] = 0.15 * memory[rows].T


def _matches(content: Tensor, memory: Tensor) -> Sequence[Sequence[tuple[Tensor, Tensor]]]:
    """Query and key rows (16 each) of the matching heads of layers 1 and 2."""

    def here(start: int, count: int) -> Tensor:
        return content[start : start + count]

    def before(start: int, count: int) -> Tensor:
        return memory[start : start + count]

    def two_before(start: int, count: int) -> Tensor:
        return memory[64 + start : 64 + start + count]

    def recent_key(start: int, count: int) -> Tensor:
        return memory[96 + start : 96 + start + count]

    def induction(start: int) -> tuple[Tensor, Tensor]:
        return here(start, 16), before(start, 16)

    def labelled(start: int) -> tuple[Tensor, Tensor]:
        key = recent_key(start, 8)
        return torch.cat([before(start, 8), key]), torch.cat([two_before(start, 8), key])

    return (
        (induction(0), induction(16), labelled(0), labelled(8)),
        (induction(32), induction(48), labelled(16), labelled(24)),
    )


def _match_head(network: Network, layer: int, index: int, query_rows: Tensor, key_rows: Tensor) -> None:
    """Compare content only: the rows sit on the slow half of the rotations, the fast half is silent."""
    shape: Shape = network.shape
    head, quarter = shape.head_width, shape.head_width // 4
    slow = torch.cat([torch.arange(quarter, 2 * quarter), torch.arange(3 * quarter, head)]) + index * head
    for role, rows in ((QUERY, query_rows), (KEY, key_rows)):
        network.attention[layer, role, index * head : (index + 1) * head] = 0
        network.attention[layer, role, slow] = _MATCH * rows
