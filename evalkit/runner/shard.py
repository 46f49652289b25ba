"""Which cells a shard answers: eight jobs share a run, and nothing but ``3/8`` has to be agreed on.

Cells of a hosted or recorded model go by case: a case's id decides its shard, so that it stays there when other cases
come, go or move, and when arms are added; a job that keeps its own response cache finds its answers again.

Cells of a local model go by batch. A row's low bits may depend on its neighbours, and its tokens are counted with
theirs, so every shard plans the batches of the whole run and answers every so-manieth of them: the answers are those of
one run. Where passages are found by an embedder, such a plan would need the vectors of all questions in every shard,
and would be another one where a question cannot be embedded; those cells go by case, and batches are of one shard.
"""

from __future__ import annotations

import hashlib
import re

from evalkit.errors import InputError
from evalkit.records.shard import Shard

MOST_SHARDS = 10_000
_FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def parse_shard(text: str) -> Shard:
    """The shard that a user names.

    Args:
        text: ``3/8``: the third of eight.

    Raises:
        InputError: It is not of that form, or there is no such shard.

    Example:
        >>> str(parse_shard("3/8"))
        '3/8'
    """
    matched = _FORM.fullmatch(text.strip())
    if matched is None:
        raise InputError(f"--shard takes a part and how many there are, such as 3/8, not {text!r}")
    index, count = int(matched[1]), int(matched[2])
    if not 1 <= count <= MOST_SHARDS:
        raise InputError(f"--shard {text}: a run has 1 to {MOST_SHARDS} shards")
    if not 1 <= index <= count:
        raise InputError(f"--shard {text}: the shards of such a run are 1/{count} to {count}/{count}")
    return Shard(index=index, count=count)


def holds_case(shard: Shard, case_id: str) -> bool:
    """Whether a shard answers this case; decided by its id alone, every case by exactly one shard."""
    return _number(case_id) % shard.count == shard.index - 1


def holds_batch(shard: Shard, arm: str, number: int) -> bool:
    """Whether a shard answers this batch of the whole run's plan; every batch by exactly one shard.

    The first batch of an arm goes to a shard that follows from the arm's name, so that the arms of a small suite, which
    have a batch or two each, are spread over the shards.

    Args:
        shard: The shard.
        arm: The arm's name.
        number: Which chunk of the arm's cells the batch is of plus which batch of the chunk, each from 0.
    """
    return (_number(arm) + number) % shard.count == shard.index - 1


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
