"""Token counts of a provider's answer, normalised once.

Providers agree on neither names nor sums:

    =============  =======================  ====================  =========================================
    shape          cached prompt tokens     reasoning tokens      recognised by
    =============  =======================  ====================  =========================================
    OpenAI, Azure  inside ``prompt_tokens``  inside the output    ``prompt_tokens``
    Responses API  inside ``input_tokens``   inside the output    ``input_tokens`` with ``_details``
    Anthropic      outside ``input_tokens``   inside the output    ``input_tokens`` without
    Gemini         inside the prompt         outside the output    ``promptTokenCount``
    =============  =======================  ====================  =========================================

xAI words its usage like OpenAI and counts reasoning outside the output, which its total shows.

What a provider says is checked before it becomes money: no prompt has 0 tokens, and parts that do not add up to the
total are completed where it is known what is missing, else the usage is unknown.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from evalkit.models.lenient_json import UNREADABLE
from evalkit.records.sample import Usage

MOST_TOKENS = 10**9
"""Of one request: a count above it is none, and the usage is unknown."""
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None


class _Details(msgspec.Struct):
    cached_tokens: Count = None
    cache_write_tokens: Count = None  # OpenRouter
    cache_creation_tokens: Count = None  # LiteLLM
    reasoning_tokens: Count = None


class UsagePayload(msgspec.Struct):
    """The ``usage`` (Gemini: ``usageMetadata``) of an answer, as any of the providers words it."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    cached_tokens: Count = None  # Moonshot
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: Count = None  # DeepSeek

    input_tokens: Count = None
    output_tokens: Count = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None

    prompt: Count = msgspec.field(default=None, name="promptTokenCount")
    candidates: Count = msgspec.field(default=None, name="candidatesTokenCount")
    thoughts: Count = msgspec.field(default=None, name="thoughtsTokenCount")
    cached_content: Count = msgspec.field(default=None, name="cachedContentTokenCount")
    tool_use_prompt: Count = msgspec.field(default=None, name="toolUsePromptTokenCount")
    total: Count = msgspec.field(default=None, name="totalTokenCount")


MOST_TOKENS = 10**9
"""No request takes as many: a count above it is none."""

_decode = msgspec.json.Decoder(UsagePayload, strict=False).decode


def read_usage(payload: msgspec.Raw | bytes) -> Usage | None:
    """Usage from the JSON of a payload, or None where it does not say both prompt and output tokens."""
    try:
        return normalise_usage(_decode(payload))
    except UNREADABLE:
        return None  # null, or a shape of its own: unknown is not zero, and no reason to ask again


def normalise_usage(payload: UsagePayload) -> Usage | None:
    """Uncached prompt, cache reads and writes apart; output with its reasoning inside. None where it cannot be."""
    if payload.prompt_tokens is not None:
        return _openai(payload)
    if payload.input_tokens is not None:
        inside = payload.input_tokens_details is not None or payload.output_tokens_details is not None
        return _responses(payload) if inside else _anthropic(payload)
    return _gemini(payload)


def latest_counts(before: UsagePayload | None, payload: msgspec.Raw | bytes) -> UsagePayload | None:
    """The counts of a stream whose events say them more than once: the last that are not all zero.

    Args:
        before: Those so far.
        payload: JSON of an event's usage; null and zeros say nothing.
    """
    try:
        now = _decode(payload)
    except UNREADABLE:
        return before
    counts = (getattr(now, name) for name in now.__struct_fields__)
    return now if any(isinstance(count, int) and count > 0 for count in counts) else before


def plausible_usage(text: str, usage: Usage | None) -> Usage | None:
    """The usage of an answer; None where it is unknown: no prompt has 0 tokens, and no text was written with none.

    Nor does a request take a thousand million tokens.

    >>> plausible_usage("Paris", Usage(input=9, output=0)) is None
    True
    """
    if usage is None or usage.prompt == 0 or (text and usage.output == 0):
        return None
    if max(usage.prompt, usage.output) >= MOST_TOKENS:
        return None
    return usage


def _openai(payload: UsagePayload) -> Usage | None:
    prompt, output = payload.prompt_tokens or 0, payload.completion_tokens
    if output is None:
        return None
    details = payload.prompt_tokens_details or _Details()
    read = (
        details.cached_tokens
        or payload.prompt_cache_hit_tokens
        or payload.cache_read_input_tokens
        or payload.cached_tokens
        or 0
    )
    write = (
        details.cache_write_tokens
        or details.cache_creation_tokens
        or payload.cache_creation_input_tokens
        or 0
    )
    reasoning = (payload.completion_tokens_details or _Details()).reasoning_tokens or 0
    # A total of 0 beside counts says nothing.
    beside = (payload.total_tokens or prompt + output) - prompt - output
    if beside and beside == reasoning:
        output += reasoning
    elif beside and beside == read + write:  # gateways that count the cache outside the prompt
        prompt += beside
    elif beside and beside == read + write + reasoning:
        prompt, output = prompt + read + write, output + reasoning
    elif beside:  # tokens that are billed, and nothing says as what
        return None
    return _inside(prompt, read, write, output, reasoning)


def _responses(payload: UsagePayload) -> Usage | None:
    if payload.output_tokens is None:
        return None
    details = payload.input_tokens_details or _Details()
    reasoning = (payload.output_tokens_details or _Details()).reasoning_tokens or 0
    prompt = payload.input_tokens or 0
    if payload.total_tokens and payload.total_tokens != prompt + payload.output_tokens:
        return None
    return _inside(payload.input_tokens or 0, details.cached_tokens or 0, 0, payload.output_tokens, reasoning)


def _anthropic(payload: UsagePayload) -> Usage | None:
    if payload.output_tokens is None:
        return None
    usage = Usage(
        input=payload.input_tokens or 0,
        cache_read=payload.cache_read_input_tokens or 0,
        cache_write=payload.cache_creation_input_tokens or 0,
        output=payload.output_tokens,
    )
    # Anthropic gives no total; gateways that do give it with or without the cache.
    totals = (0, None, usage.input + usage.output, usage.prompt + usage.output)
    return usage if payload.total_tokens in totals else None


def _gemini(payload: UsagePayload) -> Usage | None:
    written = payload.candidates is not None or payload.thoughts is not None
    # proto3 leaves out a count of zero: where a total came, what is not there was nothing.
    if payload.prompt is None or not (written or payload.total is not None):
        return None
    thoughts = payload.thoughts or 0
    prompt = payload.prompt + (payload.tool_use_prompt or 0)
    output = (payload.candidates or 0) + thoughts
    beside = (payload.total or prompt + output) - prompt - output
    if beside < 0:
        return None
    if (
        beside and payload.thoughts is None
    ):  # what is neither prompt nor answer was thought, and is billed as output
        thoughts = beside
    elif beside:
        return None
    return _inside(prompt, payload.cached_content or 0, 0, (payload.candidates or 0) + thoughts, thoughts)


def _inside(prompt: int, read: int, write: int, output: int, reasoning: int) -> Usage | None:
    """Usage where ``read`` and ``write`` are parts of ``prompt``, and ``reasoning`` one of ``output``; else None."""
    if read + write > prompt or reasoning > output:
        return None
    return Usage(
        input=prompt - read - write, cache_read=read, cache_write=write, output=output, reasoning=reasoning
    )
