"""A Qdrant collection: how it is filled, searched, and recognised by its digest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec

from evalkit.embeddings.protocol import Vectors
from evalkit.errors import AccessError, RequestError, RetryableError
from evalkit.models.error_reply import redirection
from evalkit.records.record import Record

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

T = TypeVar("T")
_POINTS_A_REQUEST = 500
_NO_ACCESS = (401, 403)
_RETRY_STATUS = (408, 429)


class IndexMeta(Record, frozen=True, kw_only=True):
    """What an index was built from; kept next to it, and written last.

    Attributes:
        tokens: Embedding tokens of all chunks; None where they are not known.
        embed_s: Service seconds of embedding them.
    """

    digest: str
    chunks: int
    dimensions: int
    tokens: int | None = None
    embed_s: float | None = None


class Hit(NamedTuple):
    """One passage of a search: its position in the corpus and its cosine."""

    position: int
    score: float


class OpenIndex:
    """A collection that can be searched. Blocking.

    Args:
        client: Owned from now on.
        collection: Its name.
        meta: What it was built from.
        always_exact: Every search compares with every point, as local mode does.
    """

    def __init__(
        self,
        client: QdrantClient,
        collection: str,
        meta: IndexMeta,
        *,
        always_exact: bool = False,
    ) -> None:
        self.meta = meta
        self.always_exact = always_exact
        self._client = client
        self._collection = collection

    def search(self, question: Vectors, k: int, *, ef: int | None = None, exact: bool = False) -> list[Hit]:
        """The ``k`` nearest points, best first; equally near ones in the order of the corpus.

        Qdrant cuts equally near points in an order of its own, so it is asked for more until the cut parts none.

        Args:
            question: Shape (dimensions,).
            k: At least 1.
            ef: Candidates that the HNSW graph keeps.
            exact: Compare with every point instead of following the graph.

        Raises:
            CallError: The server did not answer.
        """
        from qdrant_client import models

        parameters = models.SearchParams(exact=True) if exact else models.SearchParams(hnsw_ef=ef)
        sent = None if self.always_exact else parameters  # local mode warns of parameters that it ignores

        def asked(limit: int) -> list[Hit]:
            response = self._client.query_points(
                self._collection,
                query=question.tolist(),
                limit=limit,
                with_payload=False,
                search_params=sent,
            )
            hits = [Hit(int(point.id), float(point.score)) for point in response.points]
            return sorted(hits, key=lambda hit: (-hit.score, hit.position))

        limit = k + 1
        hits = answered(partial(asked, limit))
        while len(hits) == limit and hits[-1].score == hits[k - 1].score:
            limit *= 2
            hits = answered(partial(asked, limit))
        return hits[:k]

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class QdrantStore(Protocol):
    """Where collections are kept. Blocking."""

    def open(self, digest: str, chunks: int) -> OpenIndex | None:
        """The whole index of that digest, or None where there is none.

        Raises:
            CallError: The server did not answer.
        """
        ...

    def build(self, vectors: Vectors, meta: IndexMeta, *, reuse: bool) -> OpenIndex:
        """Fill a new index and put it in place when it is whole.

        Args:
            vectors: Shape (n, dimensions); point i is row i.
            meta: Kept with it.
            reuse: Whether one that somebody else has finished meanwhile is taken instead.

        Raises:
            CallError: The server did not answer.
        """
        ...


def create(client: QdrantClient, collection: str, meta: IndexMeta) -> None:
    """Make an empty collection.

    Raises:
        CallError: The server did not answer.
    """
    from qdrant_client import models

    answered(
        lambda: client.create_collection(
            collection,
            vectors_config=models.VectorParams(size=meta.dimensions, distance=models.Distance.COSINE),
            metadata={"evalkit": msgspec.to_builtins(meta)},
        )
    )


def upload(client: QdrantClient, collection: str, vectors: Vectors, meta: IndexMeta) -> None:
    """Upload the vectors of all points, without their texts, which the corpus has.

    Raises:
        CallError: The server did not answer, or holds another number of points in the end.
    """
    from qdrant_client import models

    for start in range(0, len(vectors), _POINTS_A_REQUEST):
        part = vectors[start : start + _POINTS_A_REQUEST]
        points = models.Batch(ids=list(range(start, start + len(part))), vectors=part.tolist())
        answered(partial(client.upsert, collection, points=points, wait=True))
    there = answered(lambda: client.count(collection, exact=True)).count
    if there != meta.chunks:
        raise RetryableError(f"Qdrant holds {there} of {meta.chunks} points of the new index")


def answered(ask: Callable[[], T]) -> T:
    """The result of a call of the Qdrant client, with its errors translated into evalkit's.

    Raises:
        RetryableError: No connection, or a server that is busy or broken.
        AccessError: The key is wrong.
        RequestError: The server refuses this.
    """
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

    try:
        return ask()
    except ResourceExhaustedResponse as error:
        raise RetryableError(f"Qdrant: {error}", float(error.retry_after_s), throttled=True) from error
    except ResponseHandlingException as error:
        raise RetryableError(f"Qdrant does not answer: {error.source}") from error
    except UnexpectedResponse as error:
        status = error.status_code or 0
        said = f"Qdrant answered {status}: {error.content.decode(errors='replace')[:300]}"
        if status in _NO_ACCESS:
            raise AccessError(f"{said} Is its key right?") from error
        if 300 <= status < 400:
            where = redirection(error.headers)
            raise AccessError(f"Qdrant answered {status}: {where} Is its url right?") from error
        if status >= 500 or status in _RETRY_STATUS:
            raise RetryableError(said) from error
        raise RequestError(said) from error
    except ApiException as error:
        raise RetryableError(f"Qdrant: {error}") from error
