"""The response cache: one SQLite file with JSON values, shared by all runs of a user.

The key is a digest of everything that decides an answer (see ``evalkit.calls``), so a second model, a changed
prompt or another repeat can never be given this one's answer.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from platformdirs import user_cache_path

from evalkit.errors import CacheWarning
from evalkit.records.record import Record, decoder_of, to_json
from evalkit.records.sample import Completion
from evalkit.store.sqlite_table import SqliteTable


class CachedCompletion(Record, frozen=True, kw_only=True):
    """A completion with the ISO date of the call that made it."""

    completion: Completion
    answered_on: str


def worth_keeping(completion: Completion) -> bool:
    """Whether a completion may be replayed in another run.

    Not so an empty one that stands for a refusal: it cost nothing, and an account that was mended or a server that
    was given a longer context answers next time. Where the provider answered (and counted tokens) and its finish
    reason says that a filter stopped the answer, it may.
    """
    refused = completion.finish_reason in ("context_limit", "content_filter")
    told = completion.usage is not None or completion.timing.device_s is not None
    return told or bool(completion.output) or not refused


class ResponseCache(Protocol):
    """Completions by key. Keys are digests; a value once put never changes."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are there."""
        ...

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values; a key that is there already keeps its first value."""
        ...

    def close(self) -> None:
        """Close the file, where there is one."""
        ...


class NoCache:
    """Remembers nothing: ``--no-cache``."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """An empty mapping: nothing was kept."""
        return {}

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Do nothing: the values are not kept."""

    def close(self) -> None:
        """Do nothing: no file is open."""


def cache_folder() -> Path:
    """``EVALKIT_CACHE_DIR``, else the user's cache folder of this system."""
    named = os.environ.get("EVALKIT_CACHE_DIR")
    return Path(named) if named else user_cache_path("evalkit")


class SqliteCache:
    """A response cache in one file, safe with several processes.

    Args:
        path: Created when missing, with its folder.

    Raises:
        RunError: The file cannot be opened.

    Warns:
        CacheWarning: The file is damaged, and is set aside.
    """

    def __init__(self, path: Path) -> None:
        self._decode = decoder_of(CachedCompletion)
        self._unreadable = 0
        self._path = path
        self._table = SqliteTable[tuple[str, bytes]](
            path,
            title="response cache",
            name="completions",
            columns=("key TEXT PRIMARY KEY", "value BLOB NOT NULL"),
            options="WITHOUT ROWID",
        )

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are there.

        A value that cannot be read, or that an earlier version kept of a refusal, counts as missing and makes way for
        the next one. How many are no JSON at all is said when the cache is closed.
        """
        values: dict[str, CachedCompletion] = {}
        stale: list[str] = []
        for key, value in self._table.select(keys):
            try:
                cached = self._decode(value)
            except msgspec.ValidationError:  # written by an older format: ask again
                stale.append(key)
                continue
            except msgspec.MsgspecError:
                self._unreadable += 1
                stale.append(key)
                continue
            if worth_keeping(cached.completion):
                values[key] = cached
            else:
                stale.append(key)
        if stale:
            self._table.delete(stale)
        return values

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values in one transaction; a key that is there already keeps its first value."""
        self._table.insert((key, to_json(value)) for key, value in items)

    def close(self) -> None:
        """Close the file.

        Warns:
            CacheWarning: Some values could not be read.
        """
        self._table.close()
        if self._unreadable:
            warnings.warn(
                f"{self._path}: {self._unreadable} of its answers could not be read and were asked for again",
                CacheWarning,
                stacklevel=2,
            )
