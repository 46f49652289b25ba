"""What must not be let out: keys, tokens, the passwords that a URL may hold, and values that came through ``${NAME}``.

A server may echo a key, and not only as it was sent: escaped in JSON, percent-encoded, or as the base64 of
``user:password``. Texts are searched after they were decoded, for every such form.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import unquote, unquote_plus, urlsplit

from evalkit.errors import EvalkitError, InputError, Problem

REDACTED = "[redacted]"
_SHORTEST = 8
_SHORTEST_MIXED = 6
_LONG_NUMBER = 12
_ROUNDS = 3
_KEY_NAME = re.compile(
    r"key|token(?!s)|secret|passw|credential|(?:^|[_-])(?:auth|sig|signature|pat|pw|pwd)(?:$|[_-])",
    re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(r"[-+]?[\d.,:_TZ-]+|true|false|null|none|yes|no|on|off", re.IGNORECASE)
_ESCAPED = re.compile(  # begins with a class of characters, which the engine skips to
    r"[%\\&](?:(?<=%)(?P<url>[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*)"
    r"|(?<=\\)(?:u(?P<four>[0-9a-fA-F]{4})|x(?P<two>[0-9a-fA-F]{2})|(?P<mark>[^\w\s]))"
    r"|(?<=&)(?P<html>(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);))"
)


def is_searched_for(text: str) -> bool:
    """Whether a value is hidden wherever it stands in a text.

    One of at least 8 characters is, and one of 6 or 7 with both letters and digits. A shorter one is not, nor are a
    date, a number of less than 12 digits and ``true`` or ``none``: they stand in every other answer, which must not
    lose them.

    >>> [is_searched_for(text) for text in ("sk-12345", "sh0rtK1", "EMPTY", "128", "2026-11-28", "true")]
    [True, True, False, False, False, False]
    """
    if is_plain_value(text):
        return False
    mixed = any(map(str.isalpha, text)) and any(map(str.isdigit, text))
    return len(text) >= (_SHORTEST_MIXED if mixed else _SHORTEST)


def is_plain_value(text: str) -> bool:
    """Whether a value is a number of less than 12 digits, a date, or a word such as ``true`` or ``none``."""
    return len(text) < _LONG_NUMBER and _PLAIN_VALUE.fullmatch(text) is not None


def names_a_secret(name: str) -> bool:
    """Whether a variable or a parameter is called like something secret: a key, a token, a password."""
    return _KEY_NAME.search(name) is not None


class Secrets:
    """Texts that must not reach a log, a journal, a cache or a message.

    Args:
        texts: Keys and passwords. Those that ``is_searched_for`` leaves out are left alone: servers that need no key
            are given ``x`` or ``EMPTY``.
    """

    def __init__(self, texts: Iterable[str | None] = ()) -> None:
        self._known: dict[str, str] = {}
        for text in texts:
            self.add(text)

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, text: str | None, shown: str = REDACTED) -> None:
        """Hide one more text, such as an access token that was fetched meanwhile.

        Args:
            text: None adds nothing.
            shown: What stands in its place.
        """
        text = (text or "").strip()  # a key out of a file may end with a line end, and is told without it
        if text in self._known or not is_searched_for(text):
            return
        forms = [text, *(encode(text.encode()).decode().rstrip("=") for encode in _BASE_64)]
        known = {**self._known, **dict.fromkeys(forms, shown)}
        self._known = dict(sorted(known.items(), key=lambda item: -len(item[0])))  # the longest first

    def add_address(self, url: str) -> None:
        """Hide what lets in where it stands in a URL: user, password, both as a header has them, keys of the query."""
        try:
            parts = urlsplit(url)
            user, password = parts.username, parts.password
        except ValueError:
            return
        for text in (user, password):
            self.add(text)
            self.add(None if text is None else unquote(text))
        if user is not None and password is not None:
            self.add(f"{unquote(user)}:{unquote(password)}")
        for parameter in parts.query.split("&"):
            name, _, value = parameter.partition("=")
            if names_a_secret(unquote_plus(name)):
                for form in (value, unquote(value), unquote_plus(value)):  # a server reads a plus as it likes
                    self.add(form)

    def add_proxies(self) -> None:
        """Hide what lets in to the proxies that the environment names (``HTTPS_PROXY``): a proxy may echo it."""
        from urllib.request import getproxies  # a fifth of a second that `evalkit --help` does without

        for address in getproxies().values():
            self.add_address(address)

    def hide(self, text: str) -> str:
        """The text with each secret replaced. Where one stands there escaped, the text is given unescaped."""
        for secret in self._known:
            if secret in text:
                break
        else:  # almost always
            if not self._known or ("\\" not in text and "%" not in text and "&" not in text):
                return text
        text = self._replaced(text)
        decoded = text
        for _ in range(_ROUNDS):  # a gateway may quote an error that quotes another one
            if "\\" not in decoded and "%" not in decoded and "&" not in decoded:
                break
            before, decoded = decoded, _ESCAPED.sub(_unescaped, decoded)
            if decoded == before:
                break
            if (hidden := self._replaced(decoded)) != decoded:
                text = decoded = hidden
        return text

    def hide_in(self, error: Exception) -> None:
        """Hide each secret in what an error says."""
        if not self._known:
            return
        error.args = tuple(self.hide(each) if isinstance(each, str) else each for each in error.args)
        if isinstance(error, InputError):
            error.problems = tuple(map(self._hidden_problem, error.problems))

    def _replaced(self, text: str) -> str:
        for secret, shown in self._known.items():
            if secret in text:
                text = text.replace(secret, shown)
        return text

    def _hidden_problem(self, problem: Problem | str) -> Problem | str:
        if isinstance(problem, str):
            return self.hide(problem)
        return Problem(problem.file, problem.line, problem.where, self.hide(problem.message))


@contextmanager
def hidden_in_errors(secrets: Secrets) -> Iterator[None]:
    """Hides secrets in what an error of evalkit's says that leaves the block."""
    try:
        yield
    except EvalkitError as error:
        secrets.hide_in(error)
        raise


_BASE_64 = (b64encode, urlsafe_b64encode)


def _unescaped(escaped: re.Match[str]) -> str:
    """One escape of a URL, of JSON or of HTML as what it stands for."""
    if (inside := escaped["url"]) is not None:
        return unquote(f"%{inside}")
    if (inside := escaped["four"] or escaped["two"]) is not None:
        return chr(int(inside, 16))
    return escaped["mark"] or unescape(f"&{escaped['html']}")
