"""Search by Qdrant: on this machine (its local mode, from vectors in a folder), or on a server by ``url``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

import msgspec

from evalkit.calls.one_request import ONE_REQUEST
from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.errors import CallError
from evalkit.optional import present
from evalkit.records.retrieval import IndexFacts
from evalkit.retrieval.dense import use_of
from evalkit.retrieval.options import checked_options
from evalkit.retrieval.passage_vectors import PassageVectors, prepared
from evalkit.retrieval.protocol import Found
from evalkit.retrieval.qdrant_folder import QdrantFolder
from evalkit.retrieval.qdrant_index import Hit, IndexMeta, OpenIndex, QdrantStore
from evalkit.retrieval.qdrant_server import QdrantServer
from evalkit.secrets import Secrets
from evalkit.suite.models import Strict

T = TypeVar("T")
EXTRA = "retrieval"
_COMPARED = 50
_ATTEMPTS = RetryPolicy(attempts=4)


class _Options(Strict):
    url: str | None = None
    api_key_env: str = "QDRANT_API_KEY"
    ef: int | None = None
    timeout_s: int = 60


class QdrantRetriever:
    """Cosine search by Qdrant. Its index is kept between runs under a digest of corpus, chunking and embedder.

    The first 50 questions are searched for exactly as well, outside the time that is counted, and ``facts`` says
    which share of the exact passages the index gave. Local mode always searches exactly.

    Args:
        vectors: What is searched.
        options: ``url`` of a server (default: a folder in evalkit's cache folder), ``api_key_env`` (name of the
            environment variable with its key, default QDRANT_API_KEY), ``ef`` (how many candidates the server's HNSW
            graph keeps; more finds more and takes longer), ``timeout_s``.

    Raises:
        InputError: An option is unknown or of the wrong type.
        MissingExtraError: qdrant-client is not installed.
    """

    embeds: ClassVar[bool] = True

    def __init__(self, vectors: PassageVectors, *, options: Mapping[str, object] | None = None) -> None:
        present("qdrant_client", EXTRA)
        self._options = checked_options(
            _Options,
            options,
            "qdrant",
            lambda given: given.timeout_s >= 1 and (given.ef is None or given.ef >= 1),
            "timeout_s >= 1 and ef >= 1",
        )
        self.vectors = vectors
        self._secrets = Secrets([os.environ.get(self._options.api_key_env)])
        self._secrets.add_address(self._options.url or "")
        self._secrets.add_proxies()
        self._index: OpenIndex | None = None
        self._facts: IndexFacts | None = None
        self._agreed: dict[str, float] = {}

    @property
    def facts(self) -> IndexFacts | None:
        """What is searched and what building it took; None before ``prepare``. Recall is over the questions so far."""
        if self._facts is None or not self._agreed:  # local mode, or nothing was searched for yet
            return self._facts
        recall = sum(self._agreed.values()) / len(self._agreed)
        return msgspec.structs.replace(self._facts, recall=recall, compared=len(self._agreed))

    async def prepare(self, progress: Callable[[int], None]) -> None:
        """Open the index that is there, else embed the chunks and build it.

        Args:
            progress: Called with the number of chunks that each step has embedded.
        """
        if self._index is not None:
            return
        vectors, began = self.vectors, time.perf_counter()
        store, digest, count = self._store(), vectors.digest, len(vectors.chunks)
        opened = None
        if vectors.place.reuse:
            opened = await self._retried(lambda: store.open(digest, count))
        reused = opened is not None
        if opened is None:
            embedded = await vectors.embedded(progress)
            meta = IndexMeta(
                digest=digest,
                chunks=count,
                dimensions=embedded.vectors.shape[1],
                tokens=embedded.tokens,
                embed_s=embedded.service_s,
            )
            opened = await self._retried(
                lambda: store.build(embedded.vectors, meta, reuse=vectors.place.reuse)
            )
        else:
            progress(count)
        self._index, meta = opened, opened.meta
        self._facts = IndexFacts(
            digest=digest,
            method="qdrant",
            embedder=vectors.embedder,
            corpus=vectors.corpus,
            documents=vectors.documents,
            chunks=count,
            dimensions=meta.dimensions,
            tokens=meta.tokens,
            embed_s=meta.embed_s,
            seconds=time.perf_counter() - began,
            cost=vectors.caller.price(meta.tokens, meta.embed_s),
            reused=reused,
            recall=1.0 if opened.always_exact else None,
        )

    async def find(self, query: str, k: int) -> Found:
        """The ``k`` nearest chunks that the index gives, with their cosines."""
        index, ef = prepared(self._index), self._options.ef
        question = await self.vectors.query(query)
        vector = question.vectors[0]

        def search() -> tuple[list[Hit], float]:
            began = time.perf_counter()
            hits = index.search(vector, k, ef=ef)
            return hits, time.perf_counter() - began

        hits, search_s = await self._retried(search)
        if not index.always_exact and len(self._agreed) < _COMPARED and query not in self._agreed:
            exact = await self._retried(lambda: index.search(vector, k, exact=True))
            self._agreed[query] = _share(hits, exact)
        passages = tuple(self.vectors.passage(hit.position, hit.score) for hit in hits)
        return Found(passages, use_of(question, search_s))

    def close(self) -> None:
        """Close the client."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def _store(self) -> QdrantStore:
        options = self._options
        if options.url is None:
            return QdrantFolder(self.vectors.place.folder)
        return QdrantServer(options.url, key_variable=options.api_key_env, timeout_s=options.timeout_s)

    async def _retried(self, blocking: Callable[[], T]) -> T:
        """A call of the client in a thread, tried again where a server did not answer."""

        async def attempt() -> T:
            with ONE_REQUEST:
                return await asyncio.to_thread(blocking)

        try:
            done, _ = await with_retries(attempt, _ATTEMPTS)
        except CallError as error:
            self._secrets.hide_in(error)
            raise
        return done


def _share(hits: list[Hit], exact: list[Hit]) -> float:
    """Share of the exact passages among those given. One that is as near as the last exact one counts as it."""
    if not exact:
        return 1.0
    edge = exact[-1].score - 1e-6
    wanted = {hit.position for hit in exact}
    agreed = sum(hit.position in wanted or hit.score >= edge for hit in hits[: len(exact)])
    return agreed / len(exact)
