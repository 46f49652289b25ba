"""One request in, one completion out, with the promises of evalkit.

Every model is asked through a ``Caller``: it looks in the response cache first, heeds what the endpoint bears,
retries what is worth a retry, keeps waiting apart from service time, and asks no question twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from evalkit.calls.cache_key import identity_digest, request_digest
from evalkit.calls.endpoint import Endpoint, Halted, HaltedError, Queued
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.clock import Clock
from evalkit.errors import AccessError, CallError
from evalkit.models.protocol import BatchModel, Model, RateLimitedModel
from evalkit.records.sample import Completion, Request
from evalkit.store.cache import CachedCompletion, NoCache, ResponseCache

__all__ = ["CallResult", "Caller", "HaltedError"]


@dataclass(frozen=True, slots=True)
class CallResult:
    """A completion and where it came from.

    Attributes:
        request_digest: The cache key.
        replayed: ISO date of the first real call when it came from the cache, else None.
    """

    completion: Completion
    request_digest: str
    replayed: str | None


def _never() -> bool:
    return False


def _tokens_of(completion: Completion) -> int | None:
    usage = completion.usage
    return None if usage is None else usage.prompt + usage.output


class Caller:
    """Asks one model.

    Args:
        model: Who answers.
        cache: Where completions are looked up and kept.
        clock: For the date of new answers.
        policy: When to try again.
        limits: How often the endpoint may be asked.
    """

    def __init__(
        self,
        model: Model,
        *,
        cache: ResponseCache,
        clock: Clock | None = None,
        policy: RetryPolicy | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.model = model
        self._by_case = model.answers_by_case
        self._cache: ResponseCache = NoCache() if self._by_case else cache
        self._keeps = not isinstance(self._cache, NoCache)
        self._clock = clock or Clock()
        self._policy = policy or RetryPolicy()
        self._identity = identity_digest(model.identity)
        self._endpoint = Endpoint(limits or RateLimits(), breaks=not self._by_case)
        self._asking: dict[str, asyncio.Future[None]] = {}
        if isinstance(model, RateLimitedModel):
            model.hear_headers = self._endpoint.hear

    @property
    def refused(self) -> AccessError | None:
        """Why no request to this model can succeed, once one was refused that way or too many failed."""
        return self._endpoint.refused

    @property
    def answered(self) -> bool:
        """Whether the model itself has answered, and not only the cache."""
        return self._endpoint.answered

    @property
    def ease(self) -> Callable[[], None]:
        """To be called when our own event loop cannot keep up."""
        return self._endpoint.ease

    @property
    def batch_model(self) -> BatchModel | None:
        """The model where it answers batches on this machine, else None."""
        # isinstance would ask for every property before Python 3.12, and the context limit loads the weights.
        return cast(BatchModel, self.model) if hasattr(self.model, "complete_batch") else None

    def digest(self, request: Request, *, isolated: bool = False) -> str:
        """The cache key of a request; one that is timed alone has a key of its own."""
        case_id = request.case_id if self._by_case else None
        return request_digest(self._identity, request, case_id=case_id, isolated=isolated)

    def knows_alone(self, request: Request) -> bool:
        """Whether the cache has a timing of this request answered alone."""
        return self.replay(self.digest(request, isolated=True)) is not None

    def replay(self, key: str) -> CallResult | None:
        """The answer from the cache, or None."""
        if not self._keeps:
            return None
        known = self._cache.get_many((key,)).get(key)
        return None if known is None else CallResult(known.completion, key, known.answered_on)

    async def call(self, request: Request, *, isolated: bool = False) -> CallResult:
        """One answer, from the cache or from the model.

        Args:
            request: What to ask.
            isolated: Timed alone; kept apart in the cache.

        Raises:
            CallError: No answer; see its kinds for which.
        """
        key = self.digest(request, isolated=isolated)
        return self.replay(key) or await self.ask(request, key)

    async def ask(self, request: Request, key: str, *, halted: Halted = _never) -> CallResult:
        """One answer from the model. Where the same question is being asked, its answer is waited for instead.

        Args:
            request: What to ask.
            key: Its digest; the cache is known not to have it.
            halted: Whether the run was asked to stop; looked at while waiting.

        Raises:
            CallError: No answer; see its kinds for which.
            HaltedError: The run stopped before the request was sent.
        """
        if not self._keeps:
            return CallResult(await self._ask(request, halted), key, None)
        while (twin := self._asking.get(key)) is not None:
            await asyncio.shield(twin)
            if (known := self.replay(key)) is not None:
                return known
        done = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            completion = await self._ask(request, halted)
            self._keep([(key, completion)])
        finally:
            del self._asking[key]
            done.set_result(None)
        return CallResult(completion, key, None)

    def call_batch(self, requests: Sequence[Request]) -> list[CallResult]:
        """Answers of one batch on this machine. Blocking.

        When only part of the batch is in the cache the whole batch is computed again, as the whole batch is
        what an undisturbed run would have computed; the cached rows keep their cached answers.
        """
        model = self.batch_model
        if model is None:
            raise TypeError("call_batch needs a model that answers batches")
        keys = [self.digest(request) for request in requests]
        known = self._cache.get_many(keys)
        if all(key in known for key in keys):
            return [CallResult(known[key].completion, key, known[key].answered_on) for key in keys]
        completions = model.complete_batch(requests)
        self._keep([(key, done) for key, done in zip(keys, completions, strict=True) if key not in known])
        return [
            CallResult(known[key].completion, key, known[key].answered_on)
            if key in known
            else CallResult(done, key, None)
            for key, done in zip(keys, completions, strict=True)
        ]

    async def _ask(self, request: Request, halted: Halted) -> Completion:
        endpoint, queued = self._endpoint, Queued()
        try:
            completion, attempted = await with_retries(
                lambda: endpoint.attempt(lambda: self.model.complete(request), halted, queued, _tokens_of),
                self._policy,
                sleep=lambda seconds: endpoint.sleep(seconds, halted),
            )
        except CallError as error:
            endpoint.failed(error)
            raise
        timing = msgspec.structs.replace(
            completion.timing,
            queue_s=queued.seconds,
            backoff_s=attempted.backoff_s,
            attempts=attempted.attempts,
        )
        return msgspec.structs.replace(completion, timing=timing)

    def _keep(self, items: list[tuple[str, Completion]]) -> None:
        today = self._clock.today().isoformat()
        self._cache.put_many(
            (key, CachedCompletion(completion=done, answered_on=today)) for key, done in items
        )
