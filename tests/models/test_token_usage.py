"""Tokens of every provider's usage, by hand: cached, written, reasoning, each counted once."""

from __future__ import annotations

import json

import pytest

from evalkit.models.token_usage import latest_counts, normalise_usage, plausible_usage, read_usage
from evalkit.records.sample import Usage

PAYLOADS = {
    "openai-cached-and-reasoning": (
        {
            "prompt_tokens": 1200,
            "completion_tokens": 300,
            "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 256, "accepted_prediction_tokens": 0},
        },
        Usage(input=176, cache_read=1024, output=300, reasoning=256),
    ),
    "azure-without-details": (
        {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
        Usage(input=10, output=3),
    ),
    "vllm-null-details": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        },
        Usage(input=10, output=3),
    ),
    "xai-reasoning-beside-the-output": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(input=32, output=103, reasoning=94),
    ),
    "deepseek-cache-hits": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "prompt_cache_hit_tokens": 64,
            "prompt_cache_miss_tokens": 36,
        },
        Usage(input=36, cache_read=64, output=5),
    ),
    "openrouter-cache-writes": (
        {
            "prompt_tokens": 1000,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 600},
        },
        Usage(input=100, cache_read=300, cache_write=600, output=5),
    ),
    "litellm-anthropic-in-openai-words": (
        {
            "prompt_tokens": 1000,
            "completion_tokens": 5,
            "cache_creation_input_tokens": 600,
            "cache_read_input_tokens": 300,
        },
        Usage(input=100, cache_read=300, cache_write=600, output=5),
    ),
    "openai-responses": (
        {
            "input_tokens": 1200,
            "output_tokens": 300,
            "input_tokens_details": {"cached_tokens": 1024},
            "output_tokens_details": {"reasoning_tokens": 256},
        },
        Usage(input=176, cache_read=1024, output=300, reasoning=256),
    ),
    "anthropic-cache-beside-the-input": (
        {
            "input_tokens": 50,
            "output_tokens": 120,
            "cache_creation_input_tokens": 2000,
            "cache_read_input_tokens": 100000,
        },
        Usage(input=50, cache_read=100000, cache_write=2000, output=120),
    ),
    "anthropic-without-cache": (
        {"input_tokens": 50, "output_tokens": 120},
        Usage(input=50, output=120),
    ),
    "gemini-cached-inside-thoughts-beside": (
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 100,
            "totalTokenCount": 1120,
        },
        Usage(input=200, cache_read=800, output=120, reasoning=100),
    ),
    "gemini-blocked-prompt-leaves-zero-out": (
        {"promptTokenCount": 8, "totalTokenCount": 8},
        Usage(input=8, output=0),
    ),
    "gemini-tool-prompt-beside": (
        {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2},
        Usage(input=15, output=2),
    ),
    "moonshot-cached-beside-the-details": (
        {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cached_tokens": 900},
        Usage(input=100, cache_read=900, output=10),
    ),
    "gateway-that-counts-the-cache-beside-the-prompt": (
        {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 955, "cache_read_input_tokens": 900},
        Usage(input=50, cache_read=900, output=5),
    ),
    "gateway-that-counts-cache-and-reasoning-beside": (
        {
            "prompt_tokens": 50,
            "completion_tokens": 5,
            "total_tokens": 995,
            "cache_read_input_tokens": 900,
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
        Usage(input=50, cache_read=900, output=45, reasoning=40),
    ),
    "gemini-thoughts-only-in-the-total": (
        {"promptTokenCount": 21, "candidatesTokenCount": 9, "totalTokenCount": 81},
        Usage(input=21, output=60, reasoning=51),
    ),
    "a-total-of-0-beside-counts": (
        {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 0},
        Usage(input=10, output=3),
    ),
    "counts-as-text": ({"prompt_tokens": "10", "completion_tokens": "3"}, Usage(input=10, output=3)),
}


@pytest.mark.parametrize("name", list(PAYLOADS))
def test_tokens_are_normalised_once(name):
    payload, expected = PAYLOADS[name]
    assert read_usage(json.dumps(payload).encode()) == expected


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"prompt_tokens": 3},
        {"completion_tokens": 3},
        {"input_tokens": 3},
        {"promptTokenCount": 3},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"total_tokens": 7},
        "many",
        {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
        {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 100},
        {"input_tokens": 20, "output_tokens": 8, "total_tokens": 90, "output_tokens_details": {}},
        {"input_tokens": 20, "output_tokens": 8, "total_tokens": 90},
        {"promptTokenCount": 21, "candidatesTokenCount": 9, "thoughtsTokenCount": 1, "totalTokenCount": 81},
        {"promptTokenCount": 21, "candidatesTokenCount": 9, "totalTokenCount": 8},
        {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "total_tokens": 13,
            "completion_tokens_details": {"reasoning_tokens": 400},
        },
    ],
    ids=str,
)
def test_what_is_not_said_is_unknown_and_never_zero(payload):
    assert read_usage(json.dumps(payload).encode()) is None


@pytest.mark.parametrize(
    ("text", "usage", "known"),
    [
        ("Paris", Usage(input=9, output=2), True),
        ("", Usage(input=9, output=0), True),
        ("", Usage(input=0, cache_read=9, output=0), True),
        ("Paris", Usage(input=9, output=0), False),
        ("Paris", Usage(input=0, output=2), False),
        ("", Usage(input=0, output=0), False),
        ("Paris", None, False),
        ("Paris", Usage(input=10**18, output=2), False),
        ("Paris", Usage(input=9, output=10**30), False),
    ],
)
def test_no_tokens_for_a_text_or_a_prompt_are_unknown(text, usage, known):
    assert plausible_usage(text, usage) == (usage if known else None)


def test_of_a_stream_the_last_counts_that_are_not_all_zero_hold():
    """Also where they contradict each other: earlier ones count only a part of the answer."""
    said = [
        b'{"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}',
        b"null",
        b'{"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}',
        b'{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}',
    ]
    counts = None
    for payload in said:
        counts = latest_counts(counts, payload)
    assert counts is not None
    assert normalise_usage(counts) == Usage(input=20, output=5)
    counts = latest_counts(counts, b'{"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 99}')
    assert counts is not None
    assert normalise_usage(counts) is None


def test_more_cached_than_prompt_tokens_is_unknown_and_no_negative_count():
    """Whether the cache is counted inside the prompt or beside it, nothing says: two prices apart."""
    usage = read_usage(
        b'{"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 20}}'
    )
    assert usage is None
