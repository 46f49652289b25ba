"""A response cache that is written beside the work: one transaction for what came in meanwhile.

A kill loses what is not yet written, and those answers are asked again or, where their cells were journaled, never
needed. A cache that cannot be written any more stops keeping; the run goes on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence

from evalkit.store.cache import CachedCompletion, ResponseCache

_PAUSE_S = 0.05


class WriteBehind:
    """Keeps new values in memory until a thread of its own has written them.

    The thread lives while there is something to write. It is no daemon: an interpreter that ends waits for it.

    Args:
        cache: Where values end up. Read from the caller's thread, written from another.
    """

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._pending: dict[str, CachedCompletion] = {}
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._broken = False

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are known, written or not."""
        with self._lock:
            found = {key: self._pending[key] for key in keys if key in self._pending}
        if len(found) == len(keys):
            return found
        return {**self._cache.get_many([key for key in keys if key not in found]), **found}

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values; a key that is there already keeps its first value."""
        with self._lock:
            if self._broken:
                return
            for key, value in items:
                self._pending.setdefault(key, value)
            if self._pending and self._writer is None:
                self._writer = threading.Thread(target=self._write, name="evalkit-cache")
                self._writer.start()

    def flush(self) -> None:
        """Wait until everything is written."""
        if (writer := self._writer) is not None:
            writer.join()

    def _write(self) -> None:
        while True:
            time.sleep(_PAUSE_S)
            with self._lock:
                items = list(self._pending.items())
                if not items:
                    self._writer = None
                    return
            try:
                self._cache.put_many(items)
            except sqlite3.Error as error:
                self._broken = True
                warnings.warn(f"the response cache takes no more answers: {error}", stacklevel=1)
            with self._lock:
                for key, _ in items:
                    del self._pending[key]
