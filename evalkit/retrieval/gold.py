"""The passages that answer the case: the ceiling that no retriever can pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.errors import InputError
from evalkit.records.case import Case, Passage


class GoldRetriever:
    """Gives each case the passages it names as gold, in corpus order and without scores.

    A case that names none gets none. An arm with this retriever is no candidate: it reads what only the
    task set knows.

    Args:
        passages: With text.
        options: There are none.

    Raises:
        InputError: An option was given.
    """

    def __init__(self, passages: Sequence[Passage], *, options: Mapping[str, object] | None = None) -> None:
        if options:
            raise InputError(f"gold retrieval has no options (given: {', '.join(map(repr, options))})")
        self._order = {passage.id: position for position, passage in enumerate(passages)}
        self._passages = passages

    def search(self, query: str, k: int, case: Case) -> list[Passage]:
        """At most ``k`` of the case's gold passages; ids that the corpus lacks are passed over."""
        positions = sorted(self._order[name] for name in set(case.gold_passages) if name in self._order)
        return [self._passages[position] for position in positions[:k]]
