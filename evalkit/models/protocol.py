"""What every model can do. Each file next to this one is one kind of back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from evalkit.records.run_observations import AnnouncedDay
from evalkit.records.sample import Completion, Request


class Model(Protocol):
    """Answers one request.

    A model is built by ``evalkit.models.build.build_model`` from its section of the suite. It raises the
    errors of ``evalkit.errors.CallError`` for faults of the transport or the provider; the arm's own failures
    (a refusal, a length stop, a prompt over the context limit) are ordinary completions with their
    finish reason.
    """

    @property
    def identity(self) -> Mapping[str, object]:
        """Everything that decides an answer apart from messages, seed and repeat.

        Provider, base URL, model, weights fingerprint and every parameter: the response cache is keyed by it,
        so two models that could answer differently must differ here. Holds no secret.
        """
        ...

    @property
    def answers_by_case(self) -> bool:
        """Whether answers are looked up by case id (recorded answers) and so are never cached."""
        ...

    async def complete(self, request: Request) -> Completion:
        """One completion.

        Raises:
            RetryableError: Worth another attempt.
            RequestError: This request will never succeed.
            AccessError: No request will succeed.
        """
        ...

    async def close(self) -> None:
        """Give back connections and memory."""
        ...


@runtime_checkable
class RateLimitedModel(Protocol):
    """A model whose provider says in headers how much more it may be asked.

    Attributes:
        hear_headers: Set by the caller; to be given the headers of every reply, refusals too.
    """

    hear_headers: Callable[[Mapping[str, str]], None] | None


@runtime_checkable
class AnnouncingModel(Protocol):
    """A model whose provider says in its list of models until when it answers."""

    @property
    def announces(self) -> bool:
        """Whether this provider is known to say so; False for servers that only speak like it."""
        ...

    async def announced(self, name: str, today: date) -> tuple[AnnouncedDay, ...]:
        """What the list says of this model and its base.

        Args:
            name: The model's in the suite.
            today: For the record.

        Raises:
            CallError: The list cannot be read.
        """
        ...


@runtime_checkable
class BatchModel(Protocol):
    """A model on this machine that answers several requests in one pass. Blocking; called in a thread."""

    @property
    def max_batch(self) -> int:
        """Requests per pass."""
        ...

    def complete_batch(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order. Timing says batch size and device seconds per row."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` by the model's own tokenizer, without special tokens."""
        ...

    @property
    def context_limit(self) -> int:
        """Prompt plus output tokens that fit."""
        ...
