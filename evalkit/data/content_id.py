"""Ids for rows that have none."""

from __future__ import annotations

from typing import Any

from evalkit.digest import digest_of


class ContentIds:
    """Gives rows ids by what they hold, so that an id survives reordering and new rows.

    Rows with the same content are told apart by a count; which is which cannot matter. Holds 100 bytes or so
    for each row.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def new(self, values: dict[str, Any]) -> str:
        """An id for the next row, made of its columns; the same for the same rows in the same order."""
        digest = digest_of(values)[:16]
        count = self._counts[digest] = self._counts.get(digest, 0) + 1
        return digest if count == 1 else f"{digest}-{count}"
