"""What must not be let out: keys, tokens, and the passwords that a URL may hold."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from evalkit.errors import InputError
from evalkit.suite.addresses import address_fault, shown_address

REDACTED = "[redacted]"
_SHORTEST_SECRET = 8


class Secrets:
    """Texts that must not reach a log, a journal, a cache or a message; a provider may echo a key.

    Args:
        texts: Those of less than 8 characters are left alone: servers that need no key are given ``x`` or ``EMPTY``,
            and the words of an answer must not lose such letters.
    """

    def __init__(self, texts: Iterable[str | None]) -> None:
        self._texts: list[str] = []
        self._bytes: list[bytes] = []
        for text in texts:
            self.add(text)

    def add(self, text: str | None) -> None:
        """Hide one more text, such as an access token that was fetched meanwhile."""
        if text and len(text) >= _SHORTEST_SECRET and text not in self._texts:
            self._texts.append(text)
            self._bytes.append(text.encode())

    def hide(self, text: str) -> str:
        """The text with each secret replaced by ``[redacted]``."""
        for secret in self._texts:
            text = text.replace(secret, REDACTED)
        return text

    def hide_bytes(self, content: bytes) -> bytes:
        """A body with each secret replaced by ``[redacted]``."""
        for secret in self._bytes:
            if secret in content:
                content = content.replace(secret, REDACTED.encode())
        return content


def public_url(url: str) -> str:
    """A URL without the user name and password that it may hold.

    Raises:
        InputError: It is no URL of a server.
    """
    if (fault := address_fault(url)) is not None:
        raise InputError(f"{shown_address(url)!r} is no address of a server: it {fault}")
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
