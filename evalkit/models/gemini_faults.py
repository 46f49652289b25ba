"""What a refusal of Google's APIs means. Their errors are ``google.rpc.Status``: a code, words, and typed details.

A wrong key is a 400 (``API_KEY_INVALID``), a used-up quota a 429 whose ``RetryInfo`` says how long to wait.
"""

from __future__ import annotations

import msgspec

from evalkit.errors import AccessError, CallError, RequestError, RetryableError
from evalkit.models.error_reply import error_words, redirection, retry_after, wait_of
from evalkit.models.http_transport import Reply
from evalkit.models.lenient_json import UNREADABLE

_THROTTLED = frozenset({429, 503})
_PASSING = frozenset({408, 409, 429, 499})
_KEY_INVALID = ("API_KEY_INVALID", "API_KEY_EXPIRED")
_KEY_WORDS = ("API key not valid", "API key expired")
"""How the message begins where a proxy has left out the details."""
_NO_SERVICE = ("FAILED_PRECONDITION",)
"""The place or the account may not use the API: so for every request."""


class _Violation(msgspec.Struct, rename="camel"):
    quota_id: str = ""


class _Detail(msgspec.Struct, rename="camel"):
    reason: str = ""
    retry_delay: str = ""
    violations: list[_Violation] = []


class _Status(msgspec.Struct):
    message: str = ""
    status: str = ""
    details: list[_Detail] = []


class _Body(msgspec.Struct):
    error: _Status = msgspec.field(default_factory=_Status)


def fault_of(reply: Reply, *, access: str) -> CallError:
    """The error for a reply that is no success.

    Args:
        reply: Of status 300 or above.
        access: What the user may have to look at: the variable of the key, or the credentials.
    """
    status = _status(reply.body)
    said = f"the provider answered {reply.status}: {error_words(reply.body) or 'nothing'}"
    if reply.status == 429 and (daily := _daily_quota(status)) is not None:
        return AccessError(f"{said} The quota of the day is used up ({daily}); resume the run tomorrow.")
    if reply.status in _PASSING or reply.status >= 500:
        return RetryableError(
            said, _wait_s(status, reply), throttled=reply.status in _THROTTLED, status=reply.status
        )
    invalid_key = status.message.startswith(_KEY_WORDS) or any(
        detail.reason in _KEY_INVALID for detail in status.details
    )
    if reply.status in (401, 403) or invalid_key:
        return AccessError(f"{said} Is {access} right?")
    if reply.status == 404:
        return AccessError(f"{said} Are the model, the project and the location right?")
    if status.status in _NO_SERVICE:
        return AccessError(said)
    if reply.status < 400:
        return AccessError(f"{said} {redirection(reply.headers)} Is the base_url right?")
    return RequestError(said)


def _status(body: bytes) -> _Status:
    """The error of a body; streams put it into a list."""
    try:
        decoded = msgspec.json.decode(body, type=_Body | list[_Body])
    except UNREADABLE:
        return _Status()
    if isinstance(decoded, list):
        decoded = decoded[0] if decoded else _Body()
    return decoded.error


def _daily_quota(status: _Status) -> str | None:
    """The quota that only a new day fills again. Its ``RetryInfo`` says seconds all the same."""
    named = (violation.quota_id for detail in status.details for violation in detail.violations)
    return next((quota for quota in named if "PerDay" in quota), None)


def _wait_s(status: _Status, reply: Reply) -> float | None:
    """``RetryInfo``'s delay, a Duration in JSON such as ``34.07s``, or else the header's."""
    named = (wait_of(detail.retry_delay.removesuffix("s")) for detail in status.details)
    return next((wait for wait in named if wait is not None), retry_after(reply.headers))
