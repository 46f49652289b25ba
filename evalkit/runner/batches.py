"""Which rows a local model answers together.

The plan depends on the whole cell list only, never on what is already answered: a row's low bits may depend on
its neighbours, so a resumed run must compute the batches an undisturbed run would have computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from evalkit.runner.cells import Cell

CHUNK = 1024
"""Cells that are sorted together. Prompts of one chunk are in memory at a time, whatever the number of cases."""

_SMALL_GROUP = 4


def plan_batches(cells: Sequence[Cell], max_batch: int) -> Iterator[list[Cell]]:
    """Cells of one chunk in batches: those that share a prefix together, then by length.

    Args:
        cells: One chunk.
        max_batch: Rows a batch may have.
    """
    groups: dict[tuple[object, ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.request.messages[:-1]].append(cell)
    alone: list[Cell] = []
    for group in groups.values():
        if len(group) < _SMALL_GROUP:  # a prefill of their own would not pay
            alone.extend(group)
        else:
            yield from _by_length(group, max_batch)
    yield from _by_length(alone, max_batch)


def _by_length(cells: list[Cell], max_batch: int) -> Iterator[list[Cell]]:
    ordered = sorted(cells, key=lambda cell: sum(len(message.content) for message in cell.request.messages))
    for start in range(0, len(ordered), max_batch):
        yield ordered[start : start + max_batch]
