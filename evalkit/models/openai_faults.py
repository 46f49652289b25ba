"""What a refusal or a broken transport means: worth another attempt, a fault of this request, or one of every request.

Refusals that are the arm's own failure are no faults; see ``own_failure``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.errors import AccessError, CallError, RequestError, RetryableError
from evalkit.models.error_reply import error_words, read_error, redirection, retry_after
from evalkit.models.own_failure import leaves_no_room

_RETRY_STATUS = frozenset({408, 409, 425, 429})
_THROTTLED = frozenset({429, 503, 529})
_NO_CREDIT = frozenset(
    {
        "insufficient_quota",  # OpenAI, Azure
        "billing_hard_limit_reached",
        "billing_not_active",
        "exceeded_current_quota_error",  # Moonshot
        "insufficient_balance",
        "arrearage",  # Alibaba
    }
)
_NO_ACCESS = frozenset(
    {
        "account_deactivated",
        "access_terminated",
        "account_flagged",
        "invalid_api_key",
        "organization_restricted",
    }
)
_TOO_LARGE = re.compile(r"Request too large for .{0,300}: Limit (?P<limit>\d+), Requested (?P<asked>\d+)")


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes, *, key_variable: str) -> CallError:
    """The error for an HTTP status that is no success.

    Args:
        status: 300 and above.
        headers: Of the reply; names in any case.
        body: Of the reply, as sent.
        key_variable: Environment variable that the user may have to look at.
    """
    error = read_error(body)
    said = f"the provider answered {status}: {error_words(body) or 'nothing'}"
    if status == 402 or (status < 500 and error.codes & _NO_CREDIT):
        return AccessError(f"{said} The account behind {key_variable} has no credit left.")
    if status == 429 and _never_fits(error.message):
        return RequestError(f"{said} This request is larger than the account's limit of a whole minute.")
    if status in _RETRY_STATUS or status >= 500:
        return RetryableError(said, retry_after(headers), throttled=status in _THROTTLED, status=status)
    if status in (401, 403) or error.codes & _NO_ACCESS:
        return AccessError(f"{said} Is {key_variable} right?")
    if status == 404:
        return AccessError(f"{said} Are the model and the base_url right?")
    if status < 400:
        return AccessError(f"{said} {redirection(headers)} Is the base_url right?")
    if leaves_no_room(error):
        return RequestError(f"{said} The prompt fits, and max_tokens asks for more than is left: lower it.")
    return RequestError(said)


def _never_fits(message: str) -> bool:
    """Whether one request is larger than what the account may ask in a whole minute, so that no wait helps."""
    size = _TOO_LARGE.match(message)
    return size is not None and int(size["asked"]) > int(size["limit"])


def fault_in_answer(body: bytes) -> CallError:
    """The error for a reply of status 200 that holds an error; it may name the status that it would have had.

    Args:
        body: The error alone.
    """
    said = f"the provider broke off: {error_words(body)}"
    status = read_error(body).status
    if status in (401, 402, 403):
        return AccessError(said)
    if status in (400, 404, 413, 422):
        return RequestError(said)
    return RetryableError(said, throttled=status in _THROTTLED, status=status)
