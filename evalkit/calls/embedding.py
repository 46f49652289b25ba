"""Texts in, vectors out, with the promises of evalkit: cache, cost limit, rate limits, retries, timing.

Every embedder is asked through an ``EmbeddingCaller``, which asks for nothing twice: neither within a run nor, through
the vector cache, in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from evalkit.calls.budget import Spending
from evalkit.calls.cache_key import identity_digest
from evalkit.calls.embedded_texts import EmbeddedTexts, VectorSheet
from evalkit.calls.endpoint import Endpoint, HaltedError, Queued
from evalkit.calls.expected_cost import TOKENS_PER_BYTE
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy, WaitNotices, with_retries
from evalkit.digest import digest_of
from evalkit.embeddings.protocol import Embedded, Embedder, Purpose
from evalkit.errors import CallError
from evalkit.models.protocol import RateLimitedModel
from evalkit.store.vectors import CachedVector, NoVectors, VectorCache
from evalkit.text.token_rate import approximate_tokens

_MOST_TOKENS = 50_000
"""Of one request, by the rule of thumb: OpenAI refuses requests of more than 300,000."""
_READ_AT_ONCE = 5000
_REMEMBERED = 256

EmbeddingPrice = Callable[[float | None, float | None], Decimal | None]
"""What embedding costs, from tokens and seconds; None where that is not known."""

_Batch = list[tuple[str, int, str]]
"""Key, row and text of each."""


class EmbeddingCaller:
    """Asks one embedder.

    Args:
        embedder: Who embeds.
        spending: The run's money: a request that may pass its limit is not sent.
        price: What tokens and seconds cost.
        cache: Where vectors are looked up and kept.
        policy: When to try again.
        limits: How often the endpoint may be asked.
        concurrency: Requests in flight.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        spending: Spending,
        price: EmbeddingPrice,
        cache: VectorCache | None = None,
        policy: RetryPolicy | None = None,
        limits: RateLimits | None = None,
        concurrency: int = 1,
    ) -> None:
        self.embedder = embedder
        self.price = price
        self._spending = spending
        self._cache: VectorCache = cache if cache is not None and embedder.worth_keeping else NoVectors()
        self._policy = policy or RetryPolicy()
        self._notices = WaitNotices(self._policy)
        self._endpoint = Endpoint(limits or RateLimits(), on_pause=self._notices.pausing)
        self._identity = identity_digest(embedder.identity)
        self._concurrency = concurrency
        self._in_flight: dict[str, asyncio.Task[EmbeddedTexts]] = {}
        self._last: dict[str, EmbeddedTexts] = {}
        self._dimensions: int | None = None
        if isinstance(embedder, RateLimitedModel):
            embedder.hear_headers = self._endpoint.on_headers

    @property
    def identity(self) -> str:
        """Digest of everything that decides a vector except its text."""
        return self._identity

    async def query(self, text: str) -> EmbeddedTexts:
        """The vector of one question, asked in a request of its own as a user's would be.

        Raises:
            CallError: No vector; see its kinds for which.
            HaltedError: The run stopped before the request was sent.
        """
        if (last := self._last.get(text)) is not None:  # the repeats of a case come one after the other
            return replace(last, replayed=1)
        if (twin := self._in_flight.get(text)) is not None:
            return replace(await asyncio.shield(twin), replayed=1)
        task = self._in_flight[text] = asyncio.create_task(self._embed([text], "query", lambda done: None))
        try:
            embedded = await task
        finally:
            del self._in_flight[text]
        self._last[text] = embedded
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        return embedded

    async def passages(self, texts: Sequence[str], progress: Callable[[int], None]) -> EmbeddedTexts:
        """The vectors of many passages, in requests of as many as the embedder takes.

        What one finished request gave is kept at once, so that a run that dies owes only those in flight.

        Args:
            texts: At least one.
            progress: Called with the number of texts that each step has embedded.

        Raises:
            CallError: A request found no answer.
            HaltedError: The run stopped before all were embedded.
        """
        return await self._embed(texts, "passage", progress)

    async def close(self) -> None:
        """Close the embedder."""
        await self.embedder.close()

    async def _embed(
        self, texts: Sequence[str], purpose: Purpose, progress: Callable[[int], None]
    ) -> EmbeddedTexts:
        sheet = VectorSheet(len(texts), self._dimensions)
        owed: dict[str, tuple[int, str]] = {}
        repeated: list[tuple[int, int]] = []
        replayed = 0
        for start in range(0, len(texts), _READ_AT_ONCE):
            part = texts[start : start + _READ_AT_ONCE]
            keys = [digest_of([self._identity, purpose, text]) for text in part]
            cached = self._cache.get_many(keys)
            for row, (key, text) in enumerate(zip(keys, part, strict=True), start):
                if (value := cached.get(key)) is not None:
                    sheet.put(row, value)
                elif key in owed:
                    repeated.append((row, owed[key][0]))
                else:
                    owed[key] = row, text
            replayed += sum(key in cached for key in keys)
        progress(replayed)
        await self._ask_all(list(_batches(owed, self.embedder.max_batch)), purpose, sheet, progress)
        for row, first in repeated:
            sheet.copy(row, first)
        progress(len(repeated))
        self._dimensions = sheet.dimensions
        return sheet.whole(replayed)

    async def _ask_all(
        self, batches: list[_Batch], purpose: Purpose, sheet: VectorSheet, progress: Callable[[int], None]
    ) -> None:
        """All batches; where one fails, those in flight end, for they are paid, and the others are not begun."""
        left = iter(batches)
        faults: list[BaseException] = []

        async def embed(batch: _Batch) -> None:
            embedded = await self._ask([text for _, _, text in batch], purpose)
            fresh = list(_shared_out(batch, embedded))
            self._cache.put_many((key, value) for key, _, value in fresh)
            for _, row, value in fresh:
                sheet.put(row, value)
            progress(len(batch))

        async def worker() -> None:
            for batch in left:  # one iterator shared by all workers
                try:
                    with ONE_REQUEST:
                        await embed(batch)
                except (CallError, HaltedError) as error:
                    faults.append(error)
                if faults:
                    return

        await asyncio.gather(*(worker() for _ in range(min(self._concurrency, len(batches)))))
        if faults:
            raise faults[0]

    async def _ask(self, texts: list[str], purpose: Purpose) -> Embedded:
        return await self._spending.within_limit(
            lambda: self._expected_cost(texts),
            lambda: self._request(texts, purpose),
            lambda embedded: self.price(embedded.tokens, embedded.service_s),
        )

    async def _attempt(self, texts: list[str], purpose: Purpose) -> Embedded:
        with ONE_REQUEST:
            return await self.embedder.embed(texts, purpose)

    async def _request(self, texts: list[str], purpose: Purpose) -> Embedded:
        endpoint, queued, halted = self._endpoint, Queued(), self._spending.halted
        try:
            embedded, _ = await with_retries(
                lambda: endpoint.attempt(
                    lambda: self._attempt(texts, purpose),
                    halted,
                    queued,
                    lambda done: done.tokens,
                ),
                self._policy,
                sleep=lambda seconds: endpoint.sleep(seconds, halted),
                notices=self._notices,
            )
        except CallError as error:
            endpoint.failed(error)
            raise
        return embedded

    def _expected_cost(self, texts: list[str]) -> Decimal:
        """Money that a request may take; 0 where the price is not known."""
        tokens = sum(len(text.encode()) for text in texts) * TOKENS_PER_BYTE + len(texts)
        return self.price(tokens, None) or Decimal(0)


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


def _shared_out(batch: _Batch, embedded: Embedded) -> Iterator[tuple[str, int, CachedVector]]:
    """A request's tokens shared out by the lengths of its texts, so that the shares sum to what was billed."""
    weights = [approximate_tokens(text) + 1 for _, _, text in batch]
    whole = sum(weights)
    for (key, row, _), vector, weight in zip(batch, embedded.vectors, weights, strict=True):
        tokens = None if embedded.tokens is None else embedded.tokens * weight / whole
        yield key, row, CachedVector(vector, tokens, embedded.service_s / len(batch))
