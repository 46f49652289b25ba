"""What a refusal or a broken transport means: worth another attempt, a fault of this request, or one of every request.

The arm's own failures come as refusals too: a prompt over the context limit, or one that the provider's content
filter stops. They are answers with their finish reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.errors import AccessError, CallError, RequestError, RetryableError
from evalkit.models.error_reply import error_code, error_words, retry_after
from evalkit.records.sample import Completion, Timing

_RETRY_STATUS = frozenset({408, 409, 425, 429})
_THROTTLED = frozenset({429, 503, 529})
_OVER_CONTEXT = (
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context",
    "context window",
    "contextwindowexceeded",  # LiteLLM
    "exceed_context_size",  # llama.cpp
    "available context size",
    "max context size",
    "model's context length",  # SGLang, Together
    "maximum model length",  # vLLM
    "maximum prompt length",  # xAI
    "reduce the length of the messages",  # Groq
    "exceeds the maximum number of tokens",  # Gemini
    "prompt is too long",
    "input is too long",
)
_FILTERED = ("content_filter", "content_policy", "responsibleaipolicyviolation", "moderation", "flagged")
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit", "insufficient balance", "credit balance is too low")


def completion_of_refusal(status: int, body: bytes, timing: Timing) -> Completion | None:
    """An empty answer where the refusal is the arm's own failure, else None."""
    if status not in (400, 403, 413, 422):
        return None
    code = error_code(body)
    if status != 403 and any(word in code for word in _OVER_CONTEXT):
        return Completion(output="", finish_reason="context_limit", timing=timing)
    if any(word in code for word in _FILTERED):
        return Completion(output="", finish_reason="content_filter", timing=timing)
    return None


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes, *, key_variable: str) -> CallError:
    """The error for an HTTP status that is no success.

    Args:
        status: 300 and above.
        headers: Of the reply; names in any case.
        body: Of the reply, as sent.
        key_variable: Environment variable that the user may have to look at.
    """
    said = f"the provider answered {status}: {error_words(body) or 'nothing'}"
    if status in (402, 429) and any(word in error_code(body) for word in _NO_CREDIT):
        return AccessError(f"{said} The account behind {key_variable} has no credit left.")
    if status in _RETRY_STATUS or status >= 500:
        return RetryableError(said, retry_after(headers), throttled=status in _THROTTLED)
    if status in (401, 402, 403):
        return AccessError(f"{said} Is {key_variable} right?")
    if status == 404:
        return AccessError(f"{said} Are the model and the base_url right?")
    if status < 400:
        return AccessError(f"{said} Is the base_url right? It answers with a redirection that leads nowhere.")
    return RequestError(said)
