"""One request in, one completion out, with the promises of evalkit.

Every model is asked through a ``Caller``: it looks in the response cache first, stays within the run's cost limit and
the endpoint's rate limits, retries what is worth a retry, keeps waiting apart from service time, and asks no question
twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from evalkit.calls.budget import Spending
from evalkit.calls.cache_key import identity_digest, request_digest
from evalkit.calls.endpoint import Endpoint, HaltedError, Queued
from evalkit.calls.expected_cost import AnswerPrice, ExpectedCost
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.calls.rate_limiter import RateLimits
from evalkit.calls.retry import RetryPolicy, WaitNotices, with_retries
from evalkit.clock import Clock
from evalkit.errors import AccessError, CallError, RetryableError
from evalkit.models.protocol import BatchModel, Model, RateLimitedModel
from evalkit.models.token_usage import plausible_usage
from evalkit.records.record import to_json
from evalkit.records.sample import Completion, Request
from evalkit.store.cache import CachedCompletion, NoCache, ResponseCache, worth_keeping

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


def _tokens_of(completion: Completion) -> int | None:
    usage = completion.usage
    return None if usage is None else usage.prompt + usage.output


def _with_usage_checked(completion: Completion) -> Completion:
    """The same completion, its usage None where it cannot be; earlier caches and plugins have such too."""
    usage = plausible_usage(completion.output, completion.usage)
    return completion if usage is completion.usage else msgspec.structs.replace(completion, usage=usage)


class Caller:
    """Asks one model.

    Args:
        model: Who answers.
        cache: Where completions are looked up and kept.
        spending: The run's money: a request that may pass its limit is not sent.
        expected_cost: What a request may cost, and what an answer did cost.
        clock: For the date of new answers.
        policy: When to try again.
        limits: How often the endpoint may be asked.
    """

    def __init__(
        self,
        model: Model,
        *,
        cache: ResponseCache,
        spending: Spending,
        expected_cost: ExpectedCost,
        clock: Clock | None = None,
        policy: RetryPolicy | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.model = model
        self._by_case = model.answers_by_case
        self._cache: ResponseCache = NoCache() if self._by_case else cache
        self._keeps = not isinstance(self._cache, NoCache)
        self._spending = spending
        self._expected_cost = expected_cost
        self._clock = clock or Clock()
        self._policy = policy or RetryPolicy()
        self._identity = identity_digest(model.identity)
        self._notices = WaitNotices(self._policy)
        self._endpoint = Endpoint(
            limits or RateLimits(), breaks=not self._by_case, on_pause=self._notices.pausing
        )
        self._in_flight: dict[str, asyncio.Future[None]] = {}
        if isinstance(model, RateLimitedModel):
            model.hear_headers = self._endpoint.on_headers

    @property
    def price(self) -> AnswerPrice:
        """What one answer costs, from its usage and timing."""
        return self._expected_cost.price

    @property
    def blocked_by(self) -> AccessError | None:
        """Why no request can succeed: access was refused, or too many requests failed. None while one may."""
        return self._endpoint.blocked_by

    @property
    def answered(self) -> bool:
        """Whether the model itself has answered, and not only the cache."""
        return self._endpoint.answered

    @property
    def reduce_concurrency(self) -> Callable[[], None]:
        """To be called when our own event loop cannot keep up."""
        return self._endpoint.reduce_concurrency

    @property
    def batch_model(self) -> BatchModel | None:
        """The model where it answers batches on this machine, else None."""
        # isinstance would ask for every property before Python 3.12, and the context limit loads the weights.
        return cast(BatchModel, self.model) if hasattr(self.model, "complete_batch") else None

    def digest(self, request: Request, *, isolated: bool = False) -> str:
        """The cache key of a request; one that is timed alone has a key of its own."""
        case_id = request.case_id if self._by_case else None
        return request_digest(self._identity, request, case_id=case_id, isolated=isolated)

    def has_isolated_timing(self, request: Request) -> bool:
        """Whether the cache has a timing of this request answered alone."""
        return self.replay(self.digest(request, isolated=True)) is not None

    def replay(self, key: str) -> CallResult | None:
        """The answer that the cache has under a key, or None."""
        if not self._keeps:
            return None
        cached = self._cache.get_many((key,)).get(key)
        if cached is None:
            return None
        return CallResult(_with_usage_checked(cached.completion), key, cached.answered_on)

    async def call(self, request: Request, *, isolated: bool = False) -> CallResult:
        """One answer, from the cache or from the model, within the run's cost limit.

        Where the same question is in flight already, its answer is waited for instead of asking twice.

        Args:
            request: What to ask.
            isolated: Timed alone; kept apart in the cache.

        Raises:
            CallError: No answer; see its kinds for which.
            HaltedError: The run stopped, or the request may pass its cost limit; the request was not sent.
        """
        key = self.digest(request, isolated=isolated)
        return self.replay(key) or await self._ask_once(request, key)

    async def call_batch(self, requests: Sequence[Request]) -> list[CallResult]:
        """Answers of one batch on this machine, computed in a thread. Its cost is counted once it is known.

        When only part of the batch is in the cache the whole batch is computed again, as the whole batch is
        what an undisturbed run would have computed; the cached rows keep their cached answers.

        Raises:
            TypeError: The model does not answer batches.
            CallError: The model could not compute the batch.
        """
        results = await asyncio.to_thread(self._compute_batch, requests)
        for result in results:
            if result.replayed is None:
                self._spending.spend(self._expected_cost.paid(result.completion))
        return results

    async def _ask_once(self, request: Request, key: str) -> CallResult:
        """One answer from the model, or from another call that asks the same; the cache is known not to have it."""
        if not self._keeps:
            return CallResult(await self._ask_within_limit(request), key, None)
        while (twin := self._in_flight.get(key)) is not None:
            await asyncio.shield(twin)
            if (cached := self.replay(key)) is not None:
                return cached
        done = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            completion = await self._ask_within_limit(request)
            self._keep([(key, completion)])
        finally:
            del self._in_flight[key]
            done.set_result(None)
        return CallResult(completion, key, None)

    async def _ask_within_limit(self, request: Request) -> Completion:
        expected = self._expected_cost
        completion = await self._spending.within_limit(
            lambda: expected.of(request.messages), lambda: self._ask(request), expected.paid
        )
        expected.learn(request.messages, completion.usage)
        return completion

    async def _ask(self, request: Request) -> Completion:
        endpoint, queued, halted = self._endpoint, Queued(), self._spending.halted
        try:
            answered, attempted = await with_retries(
                lambda: endpoint.attempt(lambda: self._attempt(request), halted, queued, _tokens_of),
                self._policy,
                sleep=lambda seconds: endpoint.sleep(seconds, halted),
                notices=self._notices,
            )
        except CallError as error:
            endpoint.failed(error)
            raise
        completion = _with_usage_checked(answered)
        timing = msgspec.structs.replace(
            completion.timing,
            queue_s=queued.seconds,
            backoff_s=attempted.backoff_s,
            attempts=attempted.attempts,
        )
        return msgspec.structs.replace(completion, timing=timing)

    async def _attempt(self, request: Request) -> Completion:
        """One answer; one that came and could not be used counts as the most that it can have cost.

        Raises:
            HaltedError: What earlier attempts may have cost leaves nothing for this one.
        """
        spending = self._spending
        if spending.budget.overdrawn:
            spending.reach_limit()
            raise HaltedError
        try:
            with ONE_REQUEST:
                completion = await self.model.complete(request)
                to_json(completion)  # it can be written down: the cache and the journal need not look again
            return completion
        except RetryableError as error:
            if error.billed and spending.budget.limited:
                spending.budget.count_unknown(self._expected_cost.of(request.messages))
            raise

    def _compute_batch(self, requests: Sequence[Request]) -> list[CallResult]:
        model = self.batch_model
        if model is None:
            raise TypeError("call_batch needs a model that answers batches")
        keys = [self.digest(request) for request in requests]
        cached = self._cache.get_many(keys)
        if all(key in cached for key in keys):
            return [CallResult(cached[key].completion, key, cached[key].answered_on) for key in keys]
        completions = [_with_usage_checked(done) for done in model.complete_batch(requests)]
        self._keep([(key, done) for key, done in zip(keys, completions, strict=True) if key not in cached])
        return [
            CallResult(cached[key].completion, key, cached[key].answered_on)
            if key in cached
            else CallResult(done, key, None)
            for key, done in zip(keys, completions, strict=True)
        ]

    def _keep(self, items: list[tuple[str, Completion]]) -> None:
        today = self._clock.today().isoformat()
        self._cache.put_many(
            (key, CachedCompletion(completion=done, answered_on=today))
            for key, done in items
            if worth_keeping(done)
        )
