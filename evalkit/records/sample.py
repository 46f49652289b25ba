"""Requests to models, and the answers that came back."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from evalkit.records.case import Message, Passage
from evalkit.records.record import Count, Record, Seconds


class Status(StrEnum):
    """How a cell ended. Only ``ok`` is scored."""

    OK = "ok"
    ERROR = "error"
    LIMIT = "limit"


class Usage(Record, frozen=True, kw_only=True):
    """Tokens of one answer, normalised once.

    Attributes:
        input: Uncached prompt tokens only; the whole prompt is ``input + cache_read + cache_write``.
        cache_read: Prompt tokens read from a prompt cache, or from a prefix that was prefilled once.
        cache_write: Prompt tokens written to a cache at a price of their own.
        output: Generated tokens, ``reasoning`` included.
        reasoning: The part of ``output`` that was hidden reasoning.
    """

    input: Count
    cache_read: Count = 0
    cache_write: Count = 0
    output: Count
    reasoning: Count = 0

    @property
    def prompt(self) -> int:
        """All prompt tokens."""
        return self.input + self.cache_read + self.cache_write


class Timing(Record, frozen=True, kw_only=True):
    """Seconds of one answer; the clock runs only over the attempt that succeeded.

    Attributes:
        service_s: Send to last token of the successful attempt; for a local batch the batch's wall time.
        ttft_s: Send to first token, where the answer was streamed or generated step by step.
        queue_s: Waiting for a free slot.
        backoff_s: Waiting between attempts.
        attempts: How many were made.
        batch_size: Rows answered together.
        device_s: Device time of this row: batch wall / rows. None for hosted models.
        prefill_s: Measured seconds a cold prefill of the shared prefix takes, where one was reused.
    """

    service_s: Seconds | None = None
    ttft_s: Seconds | None = None
    queue_s: Seconds = 0.0
    backoff_s: Seconds = 0.0
    attempts: Count = 1
    batch_size: Count = 1
    device_s: Seconds | None = None
    prefill_s: Seconds = 0.0


class RetrievalUse(Record, frozen=True, kw_only=True):
    """What finding one case's passages took, apart from the model's answer.

    Attributes:
        tokens: Embedding tokens of the question; None where they were not reported or nothing was embedded.
        embed_s: Service time of embedding the question, of the attempt that succeeded; of the first real one where
            it was replayed. None where nothing was embedded.
        search_s: Seconds of the search itself, measured now.
        replayed: The question's vector came from the cache.
    """

    tokens: Count | None = None
    embed_s: Seconds | None = None
    search_s: Seconds | None = None
    replayed: bool = False

    @property
    def seconds(self) -> float | None:
        """Embedding and search together."""
        return None if self.search_s is None else self.search_s + (self.embed_s or 0.0)


class Cost(Record, frozen=True, kw_only=True):
    """Money of one answer. A part that is unknown is None, never 0.

    Attributes:
        retrieval: None also where the passages were found without an embedder.
    """

    model: Decimal | None
    retrieval: Decimal | None = None
    judge: Decimal | None = None
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no amount: a row that holds it is damaged."""
        for amount in (self.model, self.retrieval, self.judge):
            if amount is not None and not (amount.is_finite() and amount >= 0):
                raise ValueError(f"expected an amount of money from 0, got {amount}")


class Request(Record, frozen=True, kw_only=True):
    """One question for a model.

    Attributes:
        messages: The prompt. All but the last message are the prefix that a local model may prefill once.
        seed: Passed to the provider where it takes one.
        repeat: Part of the cache key, so that repeats are independent answers.
        case_id: For recorded answers only; not part of the cache key of other models.
    """

    messages: tuple[Message, ...]
    seed: int
    repeat: int = 0
    case_id: str = ""


FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "context_limit", "unknown"]


class Completion(Record, frozen=True, kw_only=True):
    """What a model gave back for one request.

    Attributes:
        output: All text, with the think blocks that it begins with.
        finish_reason: ``context_limit`` when the prompt did not fit: the arm's failure, with an empty output.
        passages: Only from recorded answers that carry their own.
        answering_model: The model's id as the provider's answer gives it; None where it gives none.
        cost: Money of the answer, only from recorded answers that state it; counted in place of tokens x price.
    """

    output: str
    finish_reason: FinishReason = "stop"
    usage: Usage | None = None
    timing: Timing = Timing()
    passages: tuple[Passage, ...] = ()
    answering_model: str | None = None
    cost: Decimal | None = None


class Sample(Record, frozen=True, kw_only=True):
    """One arm's answer to one case and repeat: a row of ``samples.jsonl``.

    Attributes:
        answering_model: The id of the model that answered, as the provider said it (OpenAI's ``model``, Gemini's
            ``modelVersion``); None where it said none.
        output: What is scored; None unless ``status`` is ok.
        reasoning_text: The think blocks that the model wrote before ``output``, with their tags; None where there were
            none. Their tokens are part of ``usage.output``.
        cost: None when it is not known.
        replayed: ISO date of the first real call when the answer came from the response cache, else None.
            Such a sample keeps that call's cost, usage and timing.
        error: Why there is no answer.
        retrieval: Tokens and seconds of finding its passages; None without retrieval.
    """

    case_id: str
    arm: str
    repeat: Count = 0
    answering_model: str | None = None
    status: Status
    prompt_digest: str
    request_digest: str
    output: str | None = None
    reasoning_text: str | None = None
    finish_reason: FinishReason | None = None
    passages: tuple[Passage, ...] = ()
    usage: Usage | None = None
    cost: Cost | None = None
    timing: Timing | None = None
    replayed: str | None = None
    error: str | None = None
    retrieval: RetrievalUse | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """``(case_id, arm, repeat)``: what resume and pairing go by."""
        return self.case_id, self.arm, self.repeat


class LatencyRow(Record, frozen=True, kw_only=True):
    """One answer of the isolated pass at batch 1: a row of ``latency.jsonl``. Never scored."""

    case_id: str
    arm: str
    timing: Timing
    retrieval: RetrievalUse | None = None
