"""The cache key: everything that decides an answer."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.digest import digest_of
from evalkit.records.case import Message
from evalkit.records.sample import Request


def identity_digest(identity: Mapping[str, object]) -> str:
    """Digest of the identity of a model or an embedder; computed once for each, since it is part of every key."""
    return digest_of(identity)


def request_digest(
    identity: str, request: Request, *, case_id: str | None = None, isolated: bool = False
) -> str:
    """The key of one request.

    Args:
        identity: ``identity_digest`` of the model.
        request: Its messages, seed and repeat count.
        case_id: Counts too where answers are looked up by case (recorded ones), else None.
        isolated: Whether the answer is timed alone. Such answers have entries of their own, since their
            timing differs.
    """
    turns = [[message.role, message.content] for message in request.messages]
    apart = [part for part in (case_id, "isolated" if isolated else None) if part is not None]
    return digest_of([identity, turns, request.seed, request.repeat, *apart])


def prompt_digest(messages: tuple[Message, ...]) -> str:
    """Digest of a prompt's messages; ``prompts.jsonl`` holds each prompt once under it."""
    return digest_of([[message.role, message.content] for message in messages])
