"""What every reader of a data format gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file.

    Attributes:
        line: 1-based line where the row starts; the row's number where the format has no lines.
        values: Column name to value. Any JSON value; None where the file has nothing.
        offset: Byte offset at which the row's JSON object starts, where it can be read again from there up to
            the end of its line; else None.
    """

    line: int
    values: dict[str, Any]
    offset: int | None = None


class Reader(Protocol):
    """Reads the rows of one format, one at a time."""

    def __call__(self, path: Path, *, shown_as: str) -> Iterator[Row]:
        """The rows of ``path`` in file order, without holding them all.

        Args:
            path: An existing file.
            shown_as: How messages name it.

        Raises:
            DataError: A row cannot be read; the problem has its line.
        """
        ...
