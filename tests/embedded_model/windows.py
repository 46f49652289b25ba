"""The curriculum, and packed batches of windows as arrays of token ids.

The order matters. Copying is learned first on random tokens and on key/value lists, then across a gap of
random words, and only then on passages; passages from the start did not lead to selection within the
same number of tokens.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tests.embedded_model.answers import Role
from tests.embedded_model.episodes import (
    Episode,
    Maker,
    format_episode,
    gap_episode,
    list_episode,
    records_episode,
)
from tests.embedded_model.routing import routing_episode
from tests.embedded_model.scenes import Settings

PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
FIRST_ORDINARY_TOKEN = 3


@dataclass(frozen=True)
class Stage:
    """A stretch of training that ends before step `until`; `hard` rises linearly from first to second value."""

    until: int
    batch: int
    hard: tuple[float, float]
    settings: Settings
    mix: dict[str, float]
    """Weights of the episode kinds: tokens, gap, list, records, format, routing."""


@dataclass(frozen=True)
class Batches:
    """Consecutive batches of one stage. Arrays have shape (batches * rows, tokens + 1)."""

    ids: NDArray[np.int64]
    roles: NDArray[np.int8]
    tallies: list[str]
    """One per row: where its accuracy is counted."""
    rows: int
    """Windows per batch."""


_MAKERS: dict[str, Maker] = {
    "gap": gap_episode,
    "list": list_episode,
    "records": records_episode,
    "format": format_episode,
    "routing": routing_episode,
}

CURRICULUM: Sequence[Stage] = (
    Stage(
        until=150,
        batch=32,
        hard=(0.0, 0.0),
        settings=Settings(128, 0.0, 0.1, 0.2, 0.0, (1, 2), (0,), (3, 4, 6), 2, 0.0),
        mix={"tokens": 0.4, "gap": 0.4, "list": 0.2},
    ),
    Stage(
        until=400,
        batch=32,
        hard=(0.0, 0.2),
        settings=Settings(128, 0.0, 0.2, 0.2, 0.0, (2, 3), (0, 0, 1), (4, 6, 8), 4, 0.0),
        mix={"tokens": 0.05, "gap": 0.4, "list": 0.1, "records": 0.45},
    ),
    Stage(
        until=800,
        batch=26,
        hard=(0.2, 0.7),
        settings=Settings(160, 0.0, 0.3, 0.16, 0.05, (1, 2, 3, 4), (0, 1, 2), (6, 8), 5, 0.05),
        mix={"tokens": 0.02, "gap": 0.13, "list": 0.03, "records": 0.68, "format": 0.07, "routing": 0.07},
    ),
    Stage(
        until=2000,
        batch=20,
        hard=(0.7, 1.0),
        settings=Settings(208, 0.0, 0.35, 0.16, 0.12, (1, 2, 3, 4), (0, 1, 2, 2), (4, 6, 8), 6, 0.15),
        mix={"gap": 0.05, "list": 0.02, "records": 0.74, "format": 0.07, "routing": 0.12},
    ),
    Stage(
        until=10**9,
        batch=14,
        hard=(1.0, 1.0),
        settings=Settings(
            304, 1.0, 0.35, 0.16, 0.12, (1, 2, 3, 3, 4, 5), (0, 1, 2, 2, 2, 3, 5), (4, 8), 6, 0.25
        ),
        mix={"gap": 0.02, "list": 0.02, "records": 0.76, "format": 0.07, "routing": 0.13},
    ),
)


def moment(step: int) -> tuple[Stage, Settings]:
    """The stage that holds this step and its settings, with the difficulty of just this step."""
    start = 0
    for stage in CURRICULUM:
        if step < stage.until:
            share = (step - start) / (stage.until - start)
            low, high = stage.hard
            return stage, replace(stage.settings, hard=low + (high - low) * share)
        start = stage.until
    raise ValueError(f"step {step} is past the last stage")


def draw_episode(rng: random.Random, settings: Settings, mix: dict[str, float]) -> Episode:
    """One window of text, its kind drawn from the weights of `mix`, which must not hold "tokens"."""
    kind = rng.choices(list(mix), list(mix.values()))[0]
    return _MAKERS[kind](rng, settings)


def token_window(rng: random.Random, tokens: int, vocabulary: int) -> tuple[list[int], list[int]]:
    """Ids and roles of a warm-up window on random tokens: a repeated string, or a re-listed key/value list."""

    def draw(count: int) -> list[int]:
        return [rng.randrange(FIRST_ORDINARY_TOKEN, vocabulary) for _ in range(count)]

    ids: list[int] = []
    roles: list[int] = []
    if rng.random() < 0.4:
        repeated = draw(rng.randint(8, 40))
        while len(ids) < tokens:
            roles += [Role.VALUE if ids else Role.CONTEXT] * len(repeated)
            ids += repeated
        return ids, roles
    count = rng.choice((3, 4, 6, 8))
    key_length, value_length = rng.choice((1, 1, 2)), rng.choice((1, 1, 2, 3))
    mark, shared = draw(rng.choice((0, 0, 1))), draw(1)

    def draw_key() -> list[int]:
        if key_length == 1:
            return draw(1)
        return (shared if rng.random() < 0.5 else draw(1)) + draw(1)

    keys = [draw_key() for _ in range(count)]
    pairs = [(key + mark, draw(value_length)) for key in keys]
    while len(ids) < tokens:
        rng.shuffle(pairs)
        first, later = (Role.VALUE, Role.VALUE_REST) if ids else (Role.CONTEXT, Role.CONTEXT)
        for key, value in pairs:
            ids += key + value
            roles += [Role.CONTEXT] * len(key) + [first] + [later] * (len(value) - 1)
    return ids, roles


def draw_batches(tokenizer: Tokenizer, seed: int, step: int, batches: int) -> Batches:
    """The batches of `batches` steps from `step` on, a pure function of the arguments.

    All of them use the stage of the first step, so stages should start at multiples of `batches`.
    """
    stage, settings = moment(step)
    rng = random.Random(f"{seed}/{step}")
    rows, width = stage.batch * batches, settings.tokens + 1
    ids = np.zeros((rows, width), np.int64)
    roles = np.zeros((rows, width), np.int8)
    ids[:, 0] = BOS_ID
    tallies: list[str] = []
    text_mix = {kind: weight for kind, weight in stage.mix.items() if kind != "tokens"}
    for row in range(rows):
        if rng.random() < stage.mix.get("tokens", 0.0):
            drawn, kinds = token_window(rng, settings.tokens, tokenizer.get_vocab_size())
            ids[row, 1:], roles[row, 1:] = drawn[: width - 1], kinds[: width - 1]
            tallies.append("tokens")
        else:
            episode = draw_episode(rng, settings, text_mix)
            _write(tokenizer, episode, ids[row], roles[row])
            tallies.append(episode.tally)
    return Batches(ids, roles, tallies, stage.batch)


def _write(tokenizer: Tokenizer, episode: Episode, ids: NDArray[np.int64], roles: NDArray[np.int8]) -> None:
    """Put one window into its rows, after the <bos> that is already there; what does not fit is cut."""
    texts = [segment.text for segment in episode.segments]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    position = 1
    for segment, encoding in zip(episode.segments, encodings, strict=True):
        taken = encoding.ids[: len(ids) - position]
        if not taken:
            return
        ids[position : position + len(taken)] = taken
        roles[position : position + len(taken)] = segment.role
        if segment.role is Role.VALUE:
            roles[position + 1 : position + len(taken)] = Role.VALUE_REST
        position += len(taken)
