"""Draws training data in a second process, a little ahead of the training.

Apart from the training loop, so that the second process need not load torch.
"""

import multiprocessing
from collections.abc import Iterator
from itertools import islice

from tokenizers import Tokenizer

from tests.embedded_model.windows import Batches, draw_batches

CHUNK = 25
"""Steps whose data are drawn at once. Part of the recipe: a chunk has one seed."""

_AHEAD = 3


def stream(tokenizer: Tokenizer, seed: int, steps: int) -> Iterator[Batches]:
    """Chunks of batches that cover `steps` steps; the last may hold more."""
    starts = iter(range(0, steps, CHUNK))
    # A spawned worker inherits no locks or threads of torch.
    with multiprocessing.get_context("spawn").Pool(1, _open_tokenizer, (tokenizer.to_str(),)) as pool:
        pending = [pool.apply_async(_draw, (seed, start)) for start in islice(starts, _AHEAD)]
        while pending:
            yield pending.pop(0).get()
            pending += [pool.apply_async(_draw, (seed, start)) for start in islice(starts, 1)]


_worker_tokenizer: Tokenizer | None = None


def _open_tokenizer(serialised: str) -> None:
    global _worker_tokenizer
    _worker_tokenizer = Tokenizer.from_str(serialised)


def _draw(seed: int, step: int) -> Batches:
    if _worker_tokenizer is None:
        raise RuntimeError("the worker has no tokenizer")
    return draw_batches(_worker_tokenizer, seed, step, CHUNK)
