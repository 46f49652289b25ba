"""A Qdrant server: each index a collection that an alias with the digest names once it is whole."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from evalkit.embeddings.protocol import Vectors
from evalkit.optional import silence_telemetry
from evalkit.retrieval.qdrant_index import IndexMeta, OpenIndex, answered, create, upload
from evalkit.suite.addresses import public_url

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_INDEXING_S = 600.0
_LOOK_EVERY_S = 0.5


class QdrantServer:
    """A ``QdrantStore`` on a server.

    The collections of builds that died stay on the server, since others may be building too.

    Args:
        url: Of the server; its REST interface.
        key_variable: Environment variable with its key; servers without one need none.
        timeout_s: For one request.

    Raises:
        InputError: That is no address of a server.
    """

    def __init__(self, url: str, *, key_variable: str, timeout_s: int) -> None:
        public_url(url)
        self._url = url
        self._key = os.environ.get(key_variable) or None
        self._timeout_s = timeout_s

    def open(self, digest: str, chunks: int) -> OpenIndex | None:
        """The collection that the alias of that digest names, if it holds as many points as there are chunks."""
        client = self._client()
        alias = _alias(digest)
        with ExitStack() as unless_opened:
            unless_opened.callback(client.close)
            aliases = {each.alias_name for each in answered(client.get_aliases).aliases}
            if alias not in aliases or answered(lambda: client.count(alias, exact=True)).count != chunks:
                return None
            info = answered(lambda: client.get_collection(alias))
            unless_opened.pop_all()
        return OpenIndex(client, alias, _meta_of(info.config, digest, chunks))

    def build(self, vectors: Vectors, meta: IndexMeta, *, reuse: bool) -> OpenIndex:
        """Fill a collection of a name of its own, wait until the server has indexed it, then point the alias at it."""
        from qdrant_client import models

        if reuse and (ready := self.open(meta.digest, meta.chunks)) is not None:
            return ready
        client = self._client()
        alias = _alias(meta.digest)
        collection = f"{alias}-{uuid4().hex[:8]}"
        with ExitStack() as on_failure:
            on_failure.callback(client.close)
            create(client, collection, meta)
            upload(client, collection, vectors, meta)
            _wait_until_indexed(client, collection)
            before = [
                each.collection_name
                for each in answered(client.get_aliases).aliases
                if each.alias_name == alias
            ]
            steps: list[models.AliasOperations] = [
                models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)) for _ in before
            ]
            steps.append(
                models.CreateAliasOperation(
                    create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
                )
            )
            answered(lambda: client.update_collection_aliases(steps))
            for old in before:
                answered(partial(client.delete_collection, old))
            on_failure.pop_all()
        return OpenIndex(client, alias, meta)

    def _client(self) -> QdrantClient:
        silence_telemetry()
        from qdrant_client import QdrantClient

        return QdrantClient(
            url=self._url, api_key=self._key, timeout=self._timeout_s, check_compatibility=False
        )


def _alias(digest: str) -> str:
    return f"evalkit-{digest}"


def _wait_until_indexed(client: QdrantClient, collection: str) -> None:
    """Green means that no optimiser runs: before that a search compares with what is not in the graph yet.

    After ten minutes it goes on: answers are right before, only slower.
    """
    from qdrant_client import models

    until = time.monotonic() + _INDEXING_S
    while answered(lambda: client.get_collection(collection)).status != models.CollectionStatus.GREEN:
        if time.monotonic() > until:
            return
        time.sleep(_LOOK_EVERY_S)


def _meta_of(config: object, digest: str, chunks: int) -> IndexMeta:
    """What the collection was built from; a server that keeps no metadata leaves tokens and seconds unknown."""
    kept = (getattr(config, "metadata", None) or {}).get("evalkit")
    try:
        return msgspec.convert(kept, IndexMeta)
    except msgspec.ValidationError:
        size = getattr(getattr(getattr(config, "params", None), "vectors", None), "size", 0)
        return IndexMeta(digest=digest, chunks=chunks, dimensions=size)
