"""Texts in, vectors out, with the promises of evalkit: cache, limits, retries, breaker, budget, timing.

Every embedder is asked through an ``EmbeddingCaller``, which asks for nothing twice: neither within a run nor, through
the vector cache, in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from evalkit.calls.budget import Budget
from evalkit.calls.cache_key import identity_digest
from evalkit.calls.caller import HaltedError
from evalkit.calls.endpoint import Endpoint, Halted, Queued
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.digest import digest_of
from evalkit.embeddings.protocol import Embedded, Embedder, Purpose, Vectors
from evalkit.errors import CallError, RequestError
from evalkit.models.protocol import RateLimitedModel
from evalkit.pricing.embedding_cost import EmbeddingPricer
from evalkit.store.vectors import CachedVector, NoVectors, VectorCache
from evalkit.text.token_rate import approximate_tokens

_MOST_TOKENS = 50_000
"""Of one request, by the rule of thumb: OpenAI refuses requests of more than 300,000."""
_READ_AT_ONCE = 5000
_REMEMBERED = 256

_Batch = list[tuple[str, int, str]]
"""Key, row and text of each."""


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """Vectors of some texts.

    Attributes:
        vectors: Shape (n_texts, dimensions), each of length 1, or 0 where a text has nothing to embed.
        tokens: Of all of them, paid now or earlier, a repeated text once; None where those of one are not known.
        service_s: Seconds of the successful attempts, summed; of the first real ones where they were replayed.
        replayed: How many came from the cache.
    """

    vectors: Vectors
    tokens: int | None
    service_s: float
    replayed: int


@dataclass(frozen=True, slots=True)
class Spend:
    """How a run's money limits embedding.

    Attributes:
        budget: What may still be spent.
        price: What tokens and seconds cost.
        reach_limit: Called when the next request may pass the limit.
        halted: Whether the run was asked to stop.
    """

    budget: Budget
    price: EmbeddingPricer
    reach_limit: Callable[[], None]
    halted: Halted


class EmbeddingCaller:
    """Asks one embedder.

    Args:
        embedder: Who embeds.
        spend: The run's money.
        cache: Where vectors are looked up and kept.
        policy: When to try again.
        limits: How often the endpoint may be asked.
        concurrency: Requests in flight.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        spend: Spend,
        cache: VectorCache | None = None,
        policy: RetryPolicy | None = None,
        limits: RateLimits | None = None,
        concurrency: int = 1,
    ) -> None:
        self.embedder = embedder
        self._spend = spend
        self._cache: VectorCache = cache if cache is not None and embedder.worth_keeping else NoVectors()
        self._policy = policy or RetryPolicy()
        self._endpoint = Endpoint(limits or RateLimits())
        self._identity = identity_digest(embedder.identity)
        self._concurrency = concurrency
        self._asking: dict[str, asyncio.Future[EmbeddedTexts]] = {}
        self._last: dict[str, EmbeddedTexts] = {}
        self._dimensions: int | None = None
        if isinstance(embedder, RateLimitedModel):
            embedder.hear_headers = self._endpoint.hear

    @property
    def identity(self) -> str:
        """Digest of everything that decides a vector beside its text."""
        return self._identity

    @property
    def price(self) -> EmbeddingPricer:
        """What tokens and seconds cost."""
        return self._spend.price

    async def query(self, text: str) -> EmbeddedTexts:
        """The vector of one question, asked in a request of its own as a user's would be.

        Raises:
            CallError: No vector; see its kinds for which.
            HaltedError: The run stopped before the request was sent.
        """
        if (known := self._last.get(text)) is not None:  # the repeats of a case come one after the other
            return replace(known, replayed=1)
        if (asking := self._asking.get(text)) is not None:
            return replace(await asyncio.shield(asking), replayed=1)
        asking = self._asking[text] = asyncio.get_running_loop().create_future()
        try:
            found = await self._embed([text], "query", lambda done: None)
            asking.set_result(found)
        except BaseException as error:
            asking.set_exception(error)
            asking.exception()  # seen here: where nobody else waits, asyncio must not complain
            raise
        finally:
            del self._asking[text]
        self._last[text] = found
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        return found

    async def passages(self, texts: Sequence[str], told: Callable[[int], None]) -> EmbeddedTexts:
        """The vectors of many passages, in requests of as many as the embedder takes.

        What one finished request gave is kept at once, so that a run that dies owes only those in flight.

        Args:
            texts: At least one.
            told: Given the number of texts that each step has brought.

        Raises:
            CallError: A request found no answer.
            HaltedError: The run stopped before all were embedded.
        """
        return await self._embed(texts, "passage", told)

    async def close(self) -> None:
        """Close the embedder."""
        await self.embedder.close()

    async def _embed(
        self, texts: Sequence[str], purpose: Purpose, told: Callable[[int], None]
    ) -> EmbeddedTexts:
        sheet = _Sheet(len(texts), self._dimensions)
        owed: dict[str, tuple[int, str]] = {}
        again: list[tuple[int, int]] = []
        replayed = 0
        for start in range(0, len(texts), _READ_AT_ONCE):
            part = texts[start : start + _READ_AT_ONCE]
            keys = [digest_of([self._identity, purpose, text]) for text in part]
            known = self._cache.get_many(keys)
            for row, (key, text) in enumerate(zip(keys, part, strict=True), start):
                if (cached := known.get(key)) is not None:
                    sheet.put(row, cached)
                elif key in owed:
                    again.append((row, owed[key][0]))
                else:
                    owed[key] = row, text
            replayed += sum(key in known for key in keys)
        told(replayed)
        await self._ask_all(list(_batches(owed, self.embedder.max_batch)), purpose, sheet, told)
        for row, first in again:
            sheet.copy(row, first)
        told(len(again))
        self._dimensions = sheet.dimensions
        return sheet.whole(replayed)

    async def _ask_all(
        self, batches: list[_Batch], purpose: Purpose, sheet: _Sheet, told: Callable[[int], None]
    ) -> None:
        """All batches; where one fails, those in flight end, for they are paid, and the others are not begun."""
        left = iter(batches)
        faults: list[BaseException] = []

        async def worker() -> None:
            for batch in left:  # one iterator shared by all workers
                try:
                    found = await self._ask([text for _, _, text in batch], purpose)
                    fresh = list(_shared_out(batch, found))
                    self._cache.put_many((key, value) for key, _, value in fresh)
                    for _, row, value in fresh:
                        sheet.put(row, value)
                    told(len(batch))
                except (CallError, HaltedError) as error:
                    faults.append(error)
                if faults:
                    return

        await asyncio.gather(*(worker() for _ in range(min(self._concurrency, len(batches)))))
        if faults:
            raise faults[0]

    async def _ask(self, texts: list[str], purpose: Purpose) -> Embedded:
        spend, endpoint, queued = self._spend, self._endpoint, Queued()
        may_cost = self._most(texts) if spend.budget.limited else Decimal(0)
        if not await spend.budget.hold(may_cost):
            spend.reach_limit()
            raise HaltedError
        paid, cost = False, None
        try:
            found, _ = await with_retries(
                lambda: endpoint.attempt(
                    lambda: self.embedder.embed(texts, purpose),
                    spend.halted,
                    queued,
                    lambda done: done.tokens,
                ),
                self._policy,
                sleep=lambda seconds: endpoint.sleep(seconds, spend.halted),
            )
            paid, cost = True, spend.price(found.tokens, found.service_s)
        except CallError as error:
            endpoint.failed(error)
            raise
        finally:
            spend.budget.settle(may_cost, cost, answered=paid)
        return found

    def _most(self, texts: list[str]) -> Decimal:
        """Money that a request may take: half a token a byte is more than any tokenizer makes of prose."""
        return self._spend.price(sum(len(text.encode()) for text in texts) / 2 + len(texts), None) or Decimal(
            0
        )


class _Sheet:
    """Rows of vectors with what they took, filled in any order."""

    def __init__(self, rows: int, dimensions: int | None) -> None:
        self.dimensions = dimensions
        self._rows = rows
        self._vectors: Vectors | None = None
        self._tokens = np.full(rows, np.nan)
        self._seconds = np.zeros(rows)

    def put(self, row: int, value: CachedVector) -> None:
        """Fill one row.

        Raises:
            RequestError: The vector is of another length than those before: the endpoint's model changed.
        """
        length = len(value.vector)
        if self.dimensions not in (None, length):
            raise RequestError(
                f"the embedder gives vectors of {length} numbers and gave {self.dimensions} before: its model changed. "
                "Give it its new name in the suite, or use --no-cache."
            )
        self.dimensions = length
        if self._vectors is None:
            self._vectors = np.zeros((self._rows, length), dtype=np.float32)
        self._vectors[row] = value.vector
        self._tokens[row] = np.nan if value.tokens is None else value.tokens
        self._seconds[row] = value.service_s

    def copy(self, row: int, first: int) -> None:
        """The same text again: the same vector, and nothing more to pay."""
        if self._vectors is not None:
            self._vectors[row] = self._vectors[first]
        self._tokens[row] = 0.0

    def whole(self, replayed: int) -> EmbeddedTexts:
        """All rows, each vector scaled to length 1."""
        if self._vectors is None:
            raise ValueError("there was no text to embed")
        lengths = np.linalg.norm(self._vectors, axis=1, keepdims=True)
        np.divide(self._vectors, lengths, out=self._vectors, where=lengths > 0)
        tokens = float(self._tokens.sum())
        return EmbeddedTexts(
            vectors=self._vectors,
            tokens=round(tokens) if np.isfinite(tokens) else None,
            service_s=float(self._seconds.sum()),
            replayed=replayed,
        )


def _batches(owed: dict[str, tuple[int, str]], most: int) -> Iterator[_Batch]:
    """Texts in order, at most ``most`` and about 50,000 tokens together; a longer one goes alone."""
    batch: _Batch = []
    tokens = 0.0
    for key, (row, text) in owed.items():
        count = approximate_tokens(text)
        if batch and (len(batch) == most or tokens + count > _MOST_TOKENS):
            yield batch
            batch, tokens = [], 0.0
        batch.append((key, row, text))
        tokens += count
    if batch:
        yield batch


def _shared_out(batch: _Batch, found: Embedded) -> Iterator[tuple[str, int, CachedVector]]:
    """A request's tokens shared out by the lengths of its texts, so that the shares sum to what was billed."""
    weights = [approximate_tokens(text) + 1 for _, _, text in batch]
    whole = sum(weights)
    for (key, row, _), vector, weight in zip(batch, found.vectors, weights, strict=True):
        tokens = None if found.tokens is None else found.tokens * weight / whole
        yield key, row, CachedVector(vector, tokens, found.service_s / len(batch))
