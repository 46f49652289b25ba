"""One request in, one completion out, with the promises of evalkit.

Every model is asked through a ``Caller``: it looks in the response cache first, retries what is worth a
retry, keeps waiting apart from service time, and stops asking an endpoint that refuses everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from evalkit.calls.key import identity_digest, request_digest
from evalkit.calls.retry import RetryPolicy, with_retries
from evalkit.clock import Clock
from evalkit.errors import AccessError
from evalkit.models.protocol import BatchModel, Model
from evalkit.records.sample import Completion, Request
from evalkit.store.cache import CachedCompletion, NoCache, ResponseCache


@dataclass(frozen=True, slots=True)
class Answered:
    """A completion and where it came from.

    Attributes:
        request_digest: The cache key.
        replayed: ISO date of the first real call when it came from the cache, else None.
    """

    completion: Completion
    request_digest: str
    replayed: str | None


class Caller:
    """Asks one model.

    Args:
        model: Who answers.
        cache: Where completions are looked up and kept.
        clock: For the date of new answers.
        policy: When to try again.
    """

    def __init__(
        self,
        model: Model,
        *,
        cache: ResponseCache,
        clock: Clock | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.model = model
        self._by_case = model.answers_by_case
        self._cache: ResponseCache = NoCache() if self._by_case else cache
        self._clock = clock or Clock()
        self._policy = policy or RetryPolicy()
        self._identity = identity_digest(model.identity)
        self._refused: AccessError | None = None

    @property
    def refused(self) -> AccessError | None:
        """Why no request to this model can succeed, once one was refused that way."""
        return self._refused

    @property
    def batch_model(self) -> BatchModel | None:
        """The model where it answers batches on this machine, else None."""
        return self.model if isinstance(self.model, BatchModel) else None

    def digest(self, request: Request) -> str:
        """The cache key of a request."""
        return self._key(request)

    def knows_alone(self, request: Request) -> bool:
        """Whether the cache has a timing of this request answered alone."""
        key = self._key(request, isolated=True)
        return key in self._cache.get_many([key])

    async def call(self, request: Request, *, queue_s: float = 0.0, isolated: bool = False) -> Answered:
        """One answer, from the cache or from the model.

        Args:
            request: What to ask.
            queue_s: Seconds this request has waited for a slot.
            isolated: Timed alone; kept apart in the cache.

        Raises:
            CallError: No answer; see its kinds for which.
        """
        key = self._key(request, isolated=isolated)
        if (known := self._cache.get_many([key]).get(key)) is not None:
            return Answered(known.completion, key, known.answered_on)
        if self._refused is not None:
            raise self._refused
        try:
            completion, attempted = await with_retries(lambda: self.model.complete(request), self._policy)
        except AccessError as error:
            self._refused = error
            raise
        timing = msgspec.structs.replace(
            completion.timing, queue_s=queue_s, backoff_s=attempted.backoff_s, attempts=attempted.attempts
        )
        completion = msgspec.structs.replace(completion, timing=timing)
        self._keep([(key, completion)])
        return Answered(completion, key, None)

    def call_batch(self, requests: Sequence[Request]) -> list[Answered]:
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
            return [Answered(known[key].completion, key, known[key].answered_on) for key in keys]
        completions = model.complete_batch(requests)
        self._keep([(key, done) for key, done in zip(keys, completions, strict=True) if key not in known])
        return [
            Answered(known[key].completion, key, known[key].answered_on)
            if key in known
            else Answered(done, key, None)
            for key, done in zip(keys, completions, strict=True)
        ]

    def _key(self, request: Request, *, isolated: bool = False) -> str:
        case_id = request.case_id if self._by_case else None
        return request_digest(self._identity, request, case_id=case_id, isolated=isolated)

    def _keep(self, items: list[tuple[str, Completion]]) -> None:
        today = self._clock.today().isoformat()
        self._cache.put_many(
            (key, CachedCompletion(completion=done, answered_on=today)) for key, done in items
        )
