"""A response cache that is written in batches: one transaction for what came in since the last.

A kill loses at most what is not yet written. Those cells were journaled, so their run does not need them; another run
asks again. A thread of its own would not help: handing the interpreter back and forth took longer than writing.
"""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from evalkit.errors import CacheWarning
from evalkit.store.cache import CachedCompletion, NoCache, ResponseCache, SqliteCache, cache_folder

_PAUSE_S = 0.05
_MOST_PENDING = 256


class WriteBehind:
    """Keeps new values in memory for a twentieth of a second, then writes them with the next one.

    A cache that cannot be written any more stops keeping; the run goes on.

    Args:
        cache: Where values end up.
    """

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._pending: dict[str, CachedCompletion] = {}
        self._written = time.monotonic()
        self._broken = False

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that were put, whether they are written yet or not."""
        pending = {key: self._pending[key] for key in keys if key in self._pending}
        if self._broken or len(pending) == len(keys):
            return pending
        try:
            return {**self._cache.get_many([key for key in keys if key not in pending]), **pending}
        except sqlite3.Error as error:  # even reading takes room on the disk
            self._give_up(error)
            return pending

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values; a key that is there already keeps its first value."""
        for key, value in items:
            self._pending.setdefault(key, value)
        if time.monotonic() - self._written >= _PAUSE_S or len(self._pending) >= _MOST_PENDING:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        if self._pending and not self._broken:
            try:
                self._cache.put_many(self._pending.items())
            except sqlite3.Error as error:
                self._give_up(error)
        self._pending.clear()
        self._written = time.monotonic()

    def _give_up(self, error: sqlite3.Error) -> None:
        self._broken = True
        warnings.warn(
            f"the response cache takes no more answers: {error}; the run goes on",
            CacheWarning,
            stacklevel=3,
        )

    def close(self) -> None:
        """Write what is pending and close the cache below."""
        self.flush()
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_cache(use_cache: bool) -> ResponseCache:
    """The response cache in evalkit's cache folder; one that keeps nothing where it is not to be used."""
    return WriteBehind(SqliteCache(cache_folder() / "responses.sqlite")) if use_cache else NoCache()
