"""One table of values by key in a SQLite file of its own: what the response cache and the vector cache stand on.

A file that turns out to be damaged, at once or in the middle of a run, is set aside and a new one begun. A file that is
only busy or full is left as it is.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from filelock import FileLock

from evalkit.errors import Problem, RunError
from evalkit.store.set_aside import set_aside

_MOST_VARIABLES = 500
_BUSY_S = 30.0
_BESIDE = ("-wal", "-shm", "-journal")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
Row = TypeVar("Row", bound=tuple[Any, ...])
T = TypeVar("T")


class _OtherLayoutError(sqlite3.DatabaseError):
    """The file is a sound database with another table in it."""


class SqliteTable(Generic[Row]):
    """Rows by key, safe with several processes. A row once inserted never changes; it can be removed.

    Args:
        path: Created when missing, with its folder.
        title: What the file is, for messages, such as "response cache".
        name: The table's.
        columns: The table's columns as SQL, the first of them the key.
        options: What follows the columns in its ``CREATE TABLE``.

    Raises:
        RunError: The file cannot be opened or made, or another program keeps it locked.

    Warns:
        CacheWarning: What was there is no such file, and is set aside.
    """

    def __init__(
        self, path: Path, *, title: str, name: str, columns: Sequence[str], options: str = ""
    ) -> None:
        self._path = path
        self._title = title
        self._name = name
        self._width = len(columns)
        self._schema = f"{name} ({', '.join(columns)}) {options}".rstrip()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that make the file at once would find it locked in ways that no waiting mends.
            with FileLock(self._lock_file):
                self._database = self._opened()
        except (sqlite3.Error, OSError) as error:
            message = f"the {title} cannot be opened: {error}. " + (
                "Another program keeps it locked; wait for it, or use --no-cache"
                if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                else "Name another folder with EVALKIT_CACHE_DIR, or use --no-cache"
            )
            raise RunError(Problem(str(path), None, "", message)) from error

    def select(self, keys: Sequence[str]) -> list[Row]:
        """The rows of those keys that the table has, in no particular order."""
        return self._whatever_the_file(lambda: list(self._rows(keys)))

    def insert(self, rows: Iterable[Row]) -> None:
        """Keep rows in one transaction; a key that is there already keeps its first row."""
        marks = ", ".join("?" * self._width)
        statement = f"INSERT OR IGNORE INTO {self._name} VALUES ({marks})"  # noqa: S608
        kept = list(rows)
        self._whatever_the_file(lambda: self._change(statement, kept))

    def delete(self, keys: Sequence[str]) -> None:
        """Remove the rows of some keys in one transaction, so that others can take their place."""
        statement = f"DELETE FROM {self._name} WHERE key = ?"  # noqa: S608
        self._whatever_the_file(lambda: self._change(statement, [(key,) for key in keys]))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def _lock_file(self) -> Path:
        return self._path.with_name(f".{self._path.name}.lock")

    def _rows(self, keys: Sequence[str]) -> Iterator[Row]:
        for start in range(0, len(keys), _MOST_VARIABLES):
            part = keys[start : start + _MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            query = f"SELECT * FROM {self._name} WHERE key IN ({marks})"  # noqa: S608
            yield from cast(Iterator[Row], self._database.execute(query, part))

    def _change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, rows)

    def _whatever_the_file(self, work: Callable[[], T]) -> T:
        """Do something with the table; where the file turns out to be damaged, do it with a new one."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            with FileLock(self._lock_file):
                self._replace(error)
            return work()

    def _opened(self) -> sqlite3.Connection:
        """The file with its table, made where it is missing; only with the lock held."""
        if os.path.lexists(self._path) and not self._path.is_file():
            self._set_aside("it is no regular file")
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(error)
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        # Batches are answered in a worker thread; calls never overlap.
        database = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        with ExitStack() as on_failure:
            on_failure.callback(database.close)
            database.text_factory = _text
            _wait_for_wal(database)
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute("PRAGMA trusted_schema=OFF")
            self._refuse_programs(database)
            database.execute(f"CREATE TABLE IF NOT EXISTS {self._schema}")
            there = database.execute(f"PRAGMA table_info({self._name})").fetchall()
            if len(there) != self._width or there[0][1] != "key":
                raise _OtherLayoutError("its table has other columns")
            self._file = self._path.stat()
            on_failure.pop_all()
        return database

    def _refuse_programs(self, database: sqlite3.Connection) -> None:
        """Refuse what would be computed inside SQLite, where no signal ends it: views, triggers, computed columns."""
        kinds = database.execute("SELECT type, coalesce(sql, '') FROM sqlite_master").fetchall()
        if any(
            kind not in ("table", "index") or sql.upper().startswith("CREATE VIRTUAL") for kind, sql in kinds
        ):
            raise _OtherLayoutError("it holds a view, a trigger or a virtual table, and evalkit makes none")
        columns = database.execute(f"PRAGMA table_xinfo({self._name})").fetchall()
        if any(hidden for *_, hidden in columns):
            raise _OtherLayoutError("it has a computed column, and evalkit makes none")

    def _replace(self, why: sqlite3.Error) -> None:
        """Go on with a new file, unless another process has begun one meanwhile: then with that one."""
        self._database.close()
        try:
            replaced = not os.path.samestat(self._file, self._path.stat())
        except FileNotFoundError:
            replaced = True
        if not replaced:
            self._set_aside(why)
        self._database = self._opened()

    def _set_aside(self, why: object) -> None:
        set_aside(self._path, f"the {self._title}", why, alongside=_BESIDE)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is at fault, rather than the disk or another process."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _OtherLayoutError) or (code is not None and code & 0xFF in _DAMAGED)


def _text(content: bytes) -> str:
    """A text of the database; what is no UTF-8 in it stays recognisable instead of ending the query."""
    return content.decode("utf-8", errors="surrogateescape")


def _wait_for_wal(database: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait there for a process that has the file for itself."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
