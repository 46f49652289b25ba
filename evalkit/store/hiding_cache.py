"""A response cache that is given no secret to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from evalkit.records.sample import Completion
from evalkit.secrets import Secrets
from evalkit.store.cache import CachedCompletion, ResponseCache


class HidingCache:
    """Passes completions on to a cache without the secrets that they may repeat.

    Args:
        cache: Where values end up.
        secrets: What it may not hold.
    """

    def __init__(self, cache: ResponseCache, secrets: Secrets) -> None:
        self._cache = cache
        self._secrets = secrets

    def get_many(self, keys: Sequence[str]) -> Mapping[str, CachedCompletion]:
        """The values of those keys that are there."""
        return self._cache.get_many(keys)

    def put_many(self, items: Iterable[tuple[str, CachedCompletion]]) -> None:
        """Keep values without the secrets in them."""
        self._cache.put_many(
            (key, replace(value, completion=self._hidden(value.completion))) for key, value in items
        )

    def close(self) -> None:
        """Close the cache below."""
        self._cache.close()

    def _hidden(self, completion: Completion) -> Completion:
        model = completion.answering_model
        return replace(
            completion,
            output=self._secrets.hide(completion.output),
            answering_model=None if model is None else self._secrets.hide(model),
        )
