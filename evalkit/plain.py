"""Text of strangers made fit to be shown: no control character of it reaches a terminal, a page or a log."""

from __future__ import annotations

import re

_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # all of Unicode's Bidi_Control
_UNSHOWABLE = (
    rf"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}\u206a-\u206f\ud800-\udfff\ufff9-\ufffb\ufffe\uffff"
)
_CONTROL = re.compile(f"[{_UNSHOWABLE}]")
_BREAKS_A_LINE = re.compile(r"[\n\t]")
_ASCII = str.maketrans({"−": "-", "–": "-", "“": '"', "”": '"', "’": "'", "×": "x", "…": "..."})
# What a CI service obeys in a log: GitHub `::` at a line's start and `##[`, Azure `##vso[`, TeamCity `##teamcity[`.
_OBEYED = re.compile(
    r"^(?:[^\S\n]|\x1b\[[\d;]*m)*(?=::)|##(?=(?:vso|teamcity)?\[)", re.MULTILINE | re.IGNORECASE
)


def plain(text: str) -> str:
    r"""Text without control characters, direction overrides and lone surrogates; line breaks and tabs stay.

    Outputs, corpora, suites and names of files are untrusted: an escape sequence must not reach a terminal.

    >>> plain("\x1b[31mred\r\n")
    '�[31mred\n'
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""The same in one line: a name that holds a line break must not look like a message of its own.

    >>> one_line("a\nsuite.yaml: all is well")
    'a\\nsuite.yaml: all is well'
    """
    return _BREAKS_A_LINE.sub(lambda match: "\\n" if match[0] == "\n" else "\\t", plain(text))


def visible(text: str) -> str:
    r"""The same characters written as numbers, so that they can be seen: XML holds hardly any of them.

    >>> visible("bell \a, line\n, \u202e")
    'bell #x07, line\n, #x202E'
    """
    return _CONTROL.sub(lambda match: f"#x{ord(match[0]):02X}", text.replace("\r\n", "\n"))


def is_plain(text: str) -> bool:
    r"""Whether a terminal shows the text as it is, in one line, and no CI service obeys it.

    >>> is_plain("my suite"), is_plain("a\nb"), is_plain("##vso[task.debug]")
    (True, False, False)
    """
    return one_line(text) == text and unobeyed(text) == text


def unobeyed(text: str) -> str:
    r"""Text whose lines no CI service takes for commands: a backslash stands before ``::`` and behind ``##``.

    >>> print(unobeyed("  ::error::x\n##vso[task.setvariable]\na::b"))
      \::error::x
    ##\vso[task.setvariable]
    a::b
    """
    return _OBEYED.sub(lambda match: match[0] + "\\", text)


def in_encoding(text: str, encoding: str) -> str:
    r"""Text in letters that a stream of this encoding can take: plain signs for typographic ones, else ``\u4e2d``.

    >>> in_encoding("−3 to 5 × 中", "ascii")
    '-3 to 5 x \\u4e2d'
    """
    if encoding.lower().replace("-", "").startswith("utf"):
        return text
    return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)


def escaped_in_json(document: str) -> str:
    r"""A JSON document with every such character written as ``\uXXXX``: the same document to who reads it as JSON.

    >>> escaped_in_json('{"a": "\u202e ##[error]"}')
    '{"a": "\\u202e \\u0023#[error]"}'
    """
    shown = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
    return re.sub(r"#(?=#(?:vso|teamcity)?\[)", r"\\u0023", shown, flags=re.IGNORECASE)
