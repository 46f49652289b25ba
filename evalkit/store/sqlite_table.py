"""One table of values by key in a SQLite file of its own: what the response cache and the vector cache stand on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from evalkit.errors import Problem, RunError

_MOST_VARIABLES = 500
Row = TypeVar("Row", bound=tuple[Any, ...])


class SqliteTable(Generic[Row]):
    """Rows by key, safe with several processes. A row once inserted never changes; it can be removed.

    Args:
        path: Created when missing, with its folder.
        title: What the file is, for messages, such as "response cache".
        name: The table's.
        columns: The table's columns as SQL, the first of them the key.
        options: What follows the columns in its ``CREATE TABLE``.

    Raises:
        RunError: The file is no SQLite file or cannot be opened.
    """

    def __init__(
        self, path: Path, *, title: str, name: str, columns: Sequence[str], options: str = ""
    ) -> None:
        self._name = name
        self._width = len(columns)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Batches are answered in a worker thread; calls never overlap.
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            schema = f"{name} ({', '.join(columns)}) {options}".rstrip()
            self._database.execute(f"CREATE TABLE IF NOT EXISTS {schema}")
        except (sqlite3.Error, OSError) as error:
            message = f"the {title} cannot be opened: {error}. Remove it, or use --no-cache"
            raise RunError(Problem(str(path), None, "", message)) from error

    def select(self, keys: Sequence[str]) -> Iterator[Row]:
        """The rows of those keys that the table has, in no particular order."""
        for start in range(0, len(keys), _MOST_VARIABLES):
            part = keys[start : start + _MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            query = f"SELECT * FROM {self._name} WHERE key IN ({marks})"  # noqa: S608
            yield from cast(Iterator[Row], self._database.execute(query, part))

    def insert(self, rows: Iterable[Row]) -> None:
        """Keep rows in one transaction; a key that is there already keeps its first row."""
        marks = ", ".join("?" * self._width)
        rows = list(rows)
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany(f"INSERT OR IGNORE INTO {self._name} VALUES ({marks})", rows)  # noqa: S608

    def delete(self, keys: Sequence[str]) -> None:
        """Remove the rows of some keys in one transaction, so that others can take their place."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany(
                f"DELETE FROM {self._name} WHERE key = ?",  # noqa: S608
                [(key,) for key in keys],
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()
