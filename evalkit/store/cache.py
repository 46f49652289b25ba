"""The response cache: one SQLite file with JSON values, shared by all runs of a user.

The key is a digest of everything that decides an answer (see ``evalkit.calls``), so a second model, a changed
prompt or another repeat can never be given this one's answer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from platformdirs import user_cache_path

from evalkit.errors import Problem, RunError
from evalkit.records.record import Record, to_json
from evalkit.records.sample import Completion

_MOST_VARIABLES = 500


class CachedCompletion(Record, frozen=True, kw_only=True):
    """A completion with the ISO date of the call that made it."""

    completion: Completion
    answered_on: str


class ResponseCache(Protocol):
    """Completions by key. Keys are digests; a value once put never changes."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are known."""
        ...

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values; a key that is there already keeps its first value."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


class NoCache:
    """Remembers nothing: ``--no-cache``."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """Nothing."""
        return {}

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Drop them."""

    def close(self) -> None:
        """Nothing is held open."""


def cache_folder() -> Path:
    """``EVALKIT_CACHE_DIR``, else the user's cache folder of this system."""
    named = os.environ.get("EVALKIT_CACHE_DIR")
    return Path(named) if named else user_cache_path("evalkit")


class SqliteCache:
    """A cache in one file, safe with several processes.

    Args:
        path: Created when missing, with its folder.

    Raises:
        RunError: The file is not a cache or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._decode = msgspec.json.Decoder(CachedCompletion).decode
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Batches are answered in a worker thread; calls never overlap.
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS completions (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise RunError(
                Problem(
                    str(path),
                    None,
                    "",
                    f"the response cache cannot be opened: {error}. Remove it, or use --no-cache",
                )
            ) from error

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are known; a value that cannot be read counts as unknown."""
        found: dict[str, CachedCompletion] = {}
        for start in range(0, len(keys), _MOST_VARIABLES):
            part = keys[start : start + _MOST_VARIABLES]
            marks = ",".join("?" * len(part))
            rows = self._database.execute(f"SELECT key, value FROM completions WHERE key IN ({marks})", part)  # noqa: S608
            for key, value in rows:
                try:
                    found[key] = self._decode(value)
                except msgspec.MsgspecError:
                    continue  # written by an older format: ask again
        return found

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values in one transaction."""
        rows = [(key, to_json(value)) for key, value in items]
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
