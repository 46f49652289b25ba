"""Starting weights that already look things up, so that minutes of training suffice.

With random starting weights, and the same data, the model did not learn to pick the right passage within
four million tokens; with these it did within one. Everything is trained normally afterwards, and at
inference the model is a plain Llama. What is set by hand:

* Embeddings share one direction, `common`, on which position-only attention can be built. Key-like tokens
  (numbers, pieces of names) share a second one, labels of fields a third. Variants of a word (case,
  leading space) start close together.
* Layer 0: two heads copy the token before, one the token two before, one the most recent key-like token,
  one the most recent label. Each writes what it saw into a block of the residual stream of its own.
* Layers 1 and 2: heads compare such blocks and copy what stands where they match. See `_matches`.

The idea follows "mimetic" initialisation (Trockman and Kolter 2023, arXiv 2305.09828).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tests.embedded_model.network import KEY, OUTPUT, QUERY, VALUE, Network, rope_frequencies
from tests.embedded_model.words import LABELS, lexicon

_COMMON = 1.2  # length of the shared directions, in units of a random embedding's length
_SHARPNESS = 12.0  # logit by which a position head prefers its position
_MATCH = 4.0  # weight of a compared dimension
_COPY = 0.4  # share of identity in the value-output product of matching heads
_QUIET = 0.02  # factor on feed-forward and output matrices: noise there drowns the heads
_HEAD = 32
_PAIRS = _HEAD // 2


class Part(StrEnum):
    """One thing set by hand, which an ablation can leave out; everything else stays as it is then."""

    QUIET = "quiet"
    """Small feed-forward and output matrices."""
    TIES = "ties"
    """Variants of a word start close together."""
    BEFORE = "before"
    """Heads for the token before."""
    TWO_BEFORE = "two_before"
    """The head for the token two before."""
    RECENT_KEY = "recent_key"
    """The head for the most recent key-like token, and their shared direction."""
    RECENT_LABEL = "recent_label"
    """The head for the most recent label, and their shared direction."""
    COPY = "copy"
    """Value and output matrices that undo each other, so that a head hands on what it attends to."""
    INDUCTION = "induction"
    PAIR_INDUCTION = "pair_induction"
    LABELLED = "labelled"
    CONTINUED = "continued"
    SAME_FIELD = "same_field"


Rows = tuple[Tensor, Tensor]
"""What a matching head compares: rows for its query and for its key, 16 each."""


@dataclass(frozen=True)
class TokenFeatures:
    """What the starting weights know about each token; all tensors have shape (vocabulary,)."""

    base: Tensor
    """Index of the token this one is a variant of: its lower-case form with a leading space, or itself."""
    keyness: Tensor
    """1 for numbers, less for pieces that words are made up from, 0 for ordinary words."""
    labelness: Tensor
    """1 for names of fields, such as "Cause"."""


def token_features(tokenizer: Tokenizer) -> TokenFeatures:
    """Read the features off the tokens' texts and the lexicon."""
    size = tokenizer.get_vocab_size()
    texts = [tokenizer.decode([index], skip_special_tokens=False) for index in range(size)]
    base, keyness, labelness = torch.arange(size), torch.zeros(size), torch.zeros(size)
    known, labels = set(lexicon()), set(LABELS)
    spaced = {text[1:]: index for index, text in enumerate(texts) if text.startswith(" ")}
    for index, text in enumerate(texts):
        word = text.strip().lower()
        if re.fullmatch(r"\d+", text):
            keyness[index] = 1.0
        elif word.isascii() and word.isalpha() and len(word) > 1:
            labelness[index] = float(word in labels)
            if word in known and word in spaced:
                base[index] = spaced[word]
            elif word not in known:
                keyness[index] = 0.7
    return TokenFeatures(base, keyness, labelness)


def structure(
    network: Network,
    features: TokenFeatures,
    generator: torch.Generator,
    scale: float = 0.05,
    without: Collection[Part] = (),
) -> None:
    """Overwrite parts of freshly drawn random weights with the heads described above, except for `without`.

    Raises:
        ValueError: The heads are not 32 wide, or fewer than five.
    """
    if network.shape.head_width != _HEAD or network.shape.heads < 5:
        raise ValueError("the structured heads need head_width 32 and at least five heads")
    with torch.no_grad():
        _structure(network, features, generator, scale, without)


def _structure(
    network: Network,
    features: TokenFeatures,
    generator: torch.Generator,
    scale: float,
    without: Collection[Part],
) -> None:
    width = network.shape.width
    if Part.QUIET not in without:
        network.down.mul_(_QUIET)
        network.attention[:, OUTPUT].mul_(_QUIET)

    shared = torch.randn(3, width, generator=generator) * _COMMON * scale
    embedding = network.embedding
    if Part.TIES not in without:
        embedding.copy_(0.8 * embedding[features.base] + 0.6 * embedding)
    embedding.add_(shared[0])
    if Part.RECENT_KEY not in without:
        embedding.add_(features.keyness[:, None] * shared[1])
    if Part.RECENT_LABEL not in without:
        embedding.add_(features.labelness[:, None] * shared[2])
    directions = torch.linalg.qr(shared.T)[0].T * torch.linalg.qr(shared.T)[1].diagonal().sign()[:, None]
    common, key_like, label_like = directions

    def free_basis() -> Tensor:
        """Orthonormal rows that avoid the shared directions; shape (width - 3, width)."""
        noise = torch.randn(width, width - 3, generator=generator)
        basis: Tensor = torch.linalg.qr(torch.cat([directions.T, noise], 1))[0]
        return basis[:, 3:].T.contiguous()

    content, memory = free_basis(), free_basis()
    # After the first norm, the length of an embedding along `common`.
    along_common = (_COMMON**2 / (1 + _COMMON**2) * width) ** 0.5
    _position_heads(network, common, content, memory, along_common, without)
    # Labels follow each other within a sentence, keys at the distance of a passage: faster and slower
    # rotations. The slowest rotation of all tells such tokens from others at any distance.
    if Part.RECENT_KEY not in without:
        _recency_head(network, 3, (5, 6, 7, _PAIRS - 1), common, key_like, content, memory, along_common)
    if Part.RECENT_LABEL not in without:
        _recency_head(network, 4, (3, 4, 5, _PAIRS - 1), common, label_like, content, memory, along_common)
    for layer in range(1, network.shape.layers):
        rotation = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
        if Part.COPY not in without:
            network.attention[layer, VALUE] = rotation
            network.attention[layer, OUTPUT] = 0.05 * rotation.T
    for layer, heads in enumerate(_matches(content, memory), start=1):
        for index, (part, rows) in enumerate(heads):
            if part in without:
                continue
            if Part.COPY not in without:
                network.attention[layer, OUTPUT, :, index * _HEAD : (index + 1) * _HEAD] *= _COPY / 0.05
            _match_head(network, layer, index, rows)


def _position_heads(
    network: Network,
    common: Tensor,
    content: Tensor,
    memory: Tensor,
    along_common: float,
    without: Collection[Part],
) -> None:
    """Layer 0, heads 0 to 2: one, one and two back, told apart by the phase of the fastest rotations."""
    frequencies = rope_frequencies(network.shape)
    fast = (torch.arange(_PAIRS) < 4).float()
    strength = (_SHARPNESS * _HEAD**0.5) ** 0.5 / along_common
    for index, (back, start) in enumerate(((1, 0), (1, _HEAD), (2, 0))):
        if (Part.BEFORE if back == 1 else Part.TWO_BEFORE) in without:
            continue
        rows = slice(index * _HEAD, (index + 1) * _HEAD)
        phase = back * frequencies
        query = torch.cat([fast, 0 * fast])
        key = torch.cat([fast * phase.cos(), fast * phase.sin()])
        network.attention[0, QUERY, rows] = strength * query[:, None] * common
        network.attention[0, KEY, rows] = strength * key[:, None] * common
        network.attention[0, VALUE, rows] = content[start : start + _HEAD]
        network.attention[0, OUTPUT, :, rows] = 0.1 * memory[rows].T


def _recency_head(
    network: Network,
    index: int,
    rotations: Sequence[int],
    common: Tensor,
    direction: Tensor,
    content: Tensor,
    memory: Tensor,
    along_common: float,
) -> None:
    """Layer 0: the most recent token along `direction`, by rotations that turn little between near tokens."""
    rows = slice(index * _HEAD, (index + 1) * _HEAD)
    pattern = torch.zeros(_HEAD)
    pattern[list(rotations)] = 1.0
    strength = (10 * _HEAD**0.5 / (7.5 * along_common)) ** 0.5
    network.attention[0, QUERY, rows] = strength * pattern[:, None] * common
    network.attention[0, KEY, rows] = strength * pattern[:, None] * direction
    # The last block is three rows short where the shared directions took their place.
    size = min(_HEAD, len(content) - index * _HEAD)
    network.attention[0, VALUE, rows] = 0
    network.attention[0, OUTPUT, :, rows] = 0
    for row in range(index * _HEAD, index * _HEAD + size):
        network.attention[0, VALUE, row] = content[row]
        network.attention[0, OUTPUT, :, row] = 0.15 * memory[row]


def _matches(content: Tensor, memory: Tensor) -> Sequence[Sequence[tuple[Part, Rows]]]:
    """The matching heads of layers 1 and 2.

    `here` is the token itself, the others are what layer 0 noted at it: the token before, two before, the
    most recent key, the most recent label.
    """

    def here(start: int, count: int) -> Tensor:
        return content[start : start + count]

    def before(start: int, count: int) -> Tensor:
        return memory[start : start + count]

    def two_before(start: int, count: int) -> Tensor:
        return memory[2 * _HEAD + start : 2 * _HEAD + start + count]

    def recent_key(start: int) -> Tensor:
        return memory[3 * _HEAD + start : 3 * _HEAD + start + 8]

    def recent_label(start: int) -> Tensor:
        return memory[4 * _HEAD + start : 4 * _HEAD + start + 8]

    def induction(start: int) -> Rows:
        """What followed this token before."""
        return here(start, 16), before(start, 16)

    def pair_induction(start: int) -> Rows:
        """What followed these two tokens before."""
        query = torch.cat([here(_HEAD + start, 8), before(start, 8)])
        return query, torch.cat([before(_HEAD + start, 8), two_before(start, 8)])

    def labelled(start: int) -> Rows:
        """The token two after the label that stands one before here, under the same key."""
        key = recent_key(start)
        return torch.cat([before(start, 8), key]), torch.cat([two_before(start, 8), key])

    def continued(start: int) -> Rows:
        """What followed this token before, under the same key."""
        key = recent_key(start)
        return torch.cat([here(start, 8), key]), torch.cat([before(start, 8), key])

    def same_field(start: int) -> Rows:
        """Any token under the same key and label."""
        both = torch.cat([recent_key(start), recent_label(start)])
        return both, both

    return (
        (
            (Part.INDUCTION, induction(0)),
            (Part.PAIR_INDUCTION, pair_induction(0)),
            (Part.LABELLED, labelled(0)),
            (Part.CONTINUED, continued(8)),
        ),
        (
            (Part.INDUCTION, induction(16)),
            (Part.PAIR_INDUCTION, pair_induction(8)),
            (Part.LABELLED, labelled(16)),
            (Part.CONTINUED, continued(24)),
            (Part.SAME_FIELD, same_field(8)),
        ),
    )


def _match_head(network: Network, layer: int, index: int, rows: Rows) -> None:
    """Compare content only: the rows sit on the slow half of the rotations, the fast half is silent."""
    quarter = _HEAD // 4
    slow = torch.cat([torch.arange(quarter, 2 * quarter), torch.arange(3 * quarter, _HEAD)]) + index * _HEAD
    for role, compared in zip((QUERY, KEY), rows, strict=True):
        network.attention[layer, role, index * _HEAD : (index + 1) * _HEAD] = 0
        network.attention[layer, role, slow] = _MATCH * compared
