"""Which refusals are the arm's own failure: a prompt that is longer than the model reads, or one that a filter stops.

Such a refusal is an answer, empty and scored; every other one is an error, of this request or of all. The fields that
an error has for programs decide before its words do. Words decide only where they are a known server's whole sentence
and where the two numbers in it, tokens of the prompt and tokens that fit, say that the prompt alone is too long: where
the prompt does fit, the room for the answer (``max_tokens``) was the fault, which is a setting of the suite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evalkit.models.error_reply import ErrorReply, read_error
from evalkit.records.sample import Completion, FinishReason, Timing

_MOST_READ = 2000
_MOST_DIGITS = 18
_OF_ONE_REQUEST = frozenset({400, 403, 413, 422})
_OF_OLD_LLAMA_CPP = 500
"""Its status for a prompt that is too long, told from other faults by the counts beside the words."""
_CONTEXT_CODES = frozenset(
    {
        "context_length_exceeded",  # OpenAI, Azure, Groq, OpenRouter
        "exceed_context_size_error",  # llama.cpp
        "model_max_prompt_tokens_exceeded",  # GitHub
    }
)
_FILTER_CODES = frozenset(
    {
        "content_filter",  # Azure, Moonshot
        "responsibleaipolicyviolation",  # Azure, also through LiteLLM
        "content_policy_violation",  # OpenAI, OpenRouter
        "data_inspection_failed",  # Alibaba
        "datainspectionfailed",
    }
)
# What gateways and SDKs put before the words of the server behind them.
_WRAPPERS = re.compile(
    r"(?:(?:litellm\.)?[A-Za-z ]{0,40}(?:Error|Exception)(?::| -) |Error code: \d+ - |Provider returned error "
    r"|Input validation error: |Invalid request: |<\d+> )*"
)
_MODELS_WINDOW = r"(?:This model's|This endpoint's) maximum context length is (?P<limit>\d+) tokens"
_SIZES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # OpenAI, Azure, vLLM, DeepSeek, OpenRouter
        _MODELS_WINDOW + r"\. However, your \w+ resulted in (?P<prompt>\d+) tokens",
        _MODELS_WINDOW + r"[.,] however,? you requested (?:about )?\d+ tokens \((?P<prompt>\d+) (?:in|of) ",
        _MODELS_WINDOW + r"\. However, your request has (?P<prompt>\d+) input tokens",
        _MODELS_WINDOW
        + r"\. However, you requested \d+ output tokens and your prompt contains (?:at least )?"
        r"(?P<prompt>\d+) input tokens",
        r"'?max_\w+'?(?: or '\w+')? is too large: \d+\. " + _MODELS_WINDOW + " and your request has "
        r"(?P<prompt>\d+) input tokens",
        r"The \w+ prompt \(length (?P<prompt>\d+)\) is longer than the maximum model length of (?P<limit>\d+)",
        r"Input tokens exceed the configured limit of (?P<limit>\d+) tokens\. Your messages resulted in "
        r"(?P<prompt>\d+) tokens",
        # SGLang, Together
        r"The input \((?P<prompt>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+) tokens\)",
        r"Requested token count exceeds the model's maximum context length of (?P<limit>\d+) tokens\. You requested a "
        r"total of \d+ tokens: (?P<prompt>\d+) tokens from the input messages",
        r"Input length \((?P<prompt>\d+)(?: tokens)?\) exceeds (?:the |model's )?maximum (?:allowed|context) length "
        r"\((?P<limit>\d+)",
        # llama.cpp, Ollama, LM Studio
        r"request \((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<limit>\d+) tokens\)",
        r"Trying to keep the first (?P<prompt>\d+) tokens when context (?:the )?overflows\. However, the model is "
        r"loaded with context length of only (?P<limit>\d+) tokens",
        r"The number of tokens to keep from the initial prompt is greater than the context length "
        r"\(n_keep: (?P<prompt>\d+) ?>= ?n_ctx: (?P<limit>\d+)\)",
        # text-generation-inference
        r"`inputs` must have less than (?P<limit>\d+) tokens\. Given: (?P<prompt>\d+)",
        r"`inputs` tokens \+ `max_new_tokens` must be <= (?P<limit>\d+)\. Given: (?P<prompt>\d+) `inputs` tokens",
        # Mistral, xAI, Anthropic, Gemini, GitHub
        r"Prompt contains (?P<prompt>\d+) tokens(?: and \d+ draft tokens)?, too large for model with (?P<limit>\d+) "
        r"maximum context length",
        r"This model's maximum prompt length is (?P<limit>\d+) but the request contains (?P<prompt>\d+) tokens",
        r"prompt is too long: (?P<prompt>\d+) tokens(?: > (?P<limit>\d+) maximum)?",
        r"input length and `max_tokens` exceed context limit: (?P<prompt>\d+) \+ \d+ > (?P<limit>\d+)",
        r"The input token count(?: \((?P<prompt>\d+)\))? exceeds the maximum number of tokens allowed "
        r"\(?(?P<limit>\d+)\)?",
        r"prompt token count of (?P<prompt>\d+) exceeds the limit of (?P<limit>\d+)",
    )
)
# Whole sentences without numbers that speak of the prompt alone.
_TOO_LONG = re.compile(
    r"(?:Input token length too long|Input is too long for requested model\.?"  # Moonshot, Bedrock
    # Ollama
    r"|prompt too long; exceeded max context length by \d+ tokens|the input length exceeds the context length)"
    r"\s*(?:\n|$)",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"(?:Content Exists Risk\s*$"  # DeepSeek
    r"|The response was filtered due to the prompt triggering Azure OpenAI's content management policy\.)"
)
_FILTERED_BY_XAI = re.compile(
    r"Content violates usage guidelines\.\s*(?:$|.{0,300}Failed check: SAFETY_CHECK_TYPE_\w+)"
)
_FLAGGED_BY_OPENAI = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
_LITELLM_TOO_LONG = "litellm.ContextWindowExceededError: "
"""LiteLLM names the class of its exception; it is believed where the words behind it speak of no ``max_tokens``."""


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Tokens of a prompt and tokens that fit, as a refusal says them; None where it does not say."""

    prompt: int | None
    limit: int | None

    @property
    def fits(self) -> bool:
        """Whether the prompt alone would fit, so that the room for the answer was the fault."""
        return self.prompt is not None and self.limit is not None and self.prompt < self.limit


def own_failure(status: int, body: bytes, timing: Timing) -> Completion | None:
    """An empty answer where a refusal is surely the arm's own failure, else None.

    Args:
        status: Of the reply.
        body: Of the reply, as sent.
        timing: Of the attempt.
    """
    if status not in _OF_ONE_REQUEST and status != _OF_OLD_LLAMA_CPP:
        return None
    error = read_error(body)
    if status == _OF_OLD_LLAMA_CPP and "n_prompt_tokens" not in error.counts:
        return None
    reason = _reason(status, error)
    return None if reason is None else Completion(output="", finish_reason=reason, timing=timing)


def leaves_no_room(error: ErrorReply) -> bool:
    """Whether the prompt fits and the answer that may follow does not: ``max_tokens`` is too high."""
    size = _size(error)
    return size is not None and size.fits


def _reason(status: int, error: ErrorReply) -> FinishReason | None:
    words = _words(error)
    if error.codes & _FILTER_CODES or error.flagged:
        return "content_filter"
    if status == 403:
        return "content_filter" if _FILTERED_BY_XAI.match(words) else None
    if _FILTERED.match(words) or ("invalid_prompt" in error.codes and words.startswith(_FLAGGED_BY_OPENAI)):
        return "content_filter"
    if (size := _size(error)) is not None:
        return None if size.fits else "context_limit"
    wrapper = error.message[: len(error.message[:_MOST_READ]) - len(words)]
    named = _LITELLM_TOO_LONG in wrapper and "max_" not in words
    if error.codes & _CONTEXT_CODES or named or _TOO_LONG.match(words):
        return "context_limit"
    return None


def _size(error: ErrorReply) -> PromptSize | None:
    if (prompt := error.counts.get("n_prompt_tokens")) is not None and "n_ctx" in error.counts:
        return PromptSize(prompt, error.counts["n_ctx"])
    words = _words(error)
    for pattern in _SIZES:
        if (found := pattern.match(words)) is not None:
            return PromptSize(_count(found["prompt"]), _count(found["limit"]))
    return None


def _count(digits: str | None) -> int | None:
    return None if digits is None else int(digits[:_MOST_DIGITS])


def _words(error: ErrorReply) -> str:
    """The message without what gateways put before it. Only its beginning counts: an error may quote the prompt."""
    message = error.message[:_MOST_READ]
    wrapper = _WRAPPERS.match(message)
    return message if wrapper is None else message[wrapper.end() :]
