"""A part of a run that one of several jobs answers, and what became of it."""

from __future__ import annotations

from evalkit.records.record import Count, Record


class Shard(Record, frozen=True, kw_only=True):
    """Which part of a run: ``3/8`` is the third of eight.

    Attributes:
        index: From 1 to ``count``.
        count: How many parts there are.
    """

    index: Count
    count: Count

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class ShardAnswers(Record, frozen=True, kw_only=True):
    """What a shard answered: what ``evalkit run --shard --json`` prints.

    Attributes:
        run: Its folder.
        answered: Cells with an answer; those of the extra task sets are not counted.
        failed: Cells without one, for a reason that is not the arm's.
    """

    suite: str
    run: str
    shard: Shard
    answered: Count
    failed: Count
