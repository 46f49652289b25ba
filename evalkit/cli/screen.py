"""What a command shows, on its way out: cleaned, in letters that the stream has, and no command to a CI service.

A stream whose reader went away (``evalkit decide latest | head -1``, a terminal that was closed) takes the rest in
silence: the command does its work and ends with its own exit code.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from evalkit.errors import InputError
from evalkit.plain import escaped_in_json, in_encoding, plain, unobeyed

if TYPE_CHECKING:
    from rich.console import Console

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ESHUTDOWN, errno.ECONNRESET})
_CI = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
_NARROWEST = 20
_TOO_LONG = re.compile(r"(?<!\S)\S{4200,}")
"""No path is so long: a key, an id or a name of megabytes is not shown whole. Looked for at the start of a word."""


class Screen:
    """A text stream that loses what nobody reads, and writes nothing that a CI service would obey.

    Args:
        stream: Standard output or standard error; None where the process has none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._starts_line = True

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a person reads it."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        """The number of the file; raises as the stream does where it has none."""
        if self._stream is None:
            raise OSError(errno.EBADF, "the process has no such stream")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write text that may hold colours of ours; strangers' text is cleaned before."""
        if self._stream is not None and text:
            shown = text
            if not self.isatty() or any(os.environ.get(name) for name in _CI):
                shown = unobeyed(text) if self._starts_line else unobeyed(f".{text}")[1:]
            self._starts_line = text.endswith("\n")
            with _reader_may_go(self._stream):
                self._stream.write(in_encoding(shown, self.encoding))
        return len(text)

    def write_bytes(self, content: bytes) -> None:
        """Write a document in UTF-8, whatever the encoding of the terminal is."""
        if self._stream is not None:
            with _reader_may_go(self._stream):
                self._stream.flush()
                self._stream.buffer.write(content)
        self.flush()

    def flush(self) -> None:
        """Hand over what was written."""
        if self._stream is not None:
            with _reader_may_go(self._stream):
                self._stream.flush()


@contextlib.contextmanager
def _reader_may_go(stream: TextIO) -> Iterator[None]:
    """Take an error of the stream for what it is: a reader that went away, or a disk that takes no more."""
    try:
        yield
    except OSError as error:
        _let_go(stream)
        if error.errno not in _GONE and stream is not sys.stderr:
            raise InputError(f"standard output cannot be written: {error.strerror or error}") from error
    except ValueError:  # closed
        pass


def ci_stream(*, json_on_stdout: bool) -> TextIO:
    """The bare stream for commands that a CI system is meant to obey; whoever writes them cleans every text in them.

    Args:
        json_on_stdout: Standard output holds one JSON document, so the commands go to standard error.
    """
    stream = sys.stderr if json_on_stdout else sys.stdout
    if stream is None or stream.closed:
        return io.StringIO()
    with contextlib.suppress(OSError):
        stream.flush()
    return stream


def _let_go(stream: TextIO) -> None:
    """Send what comes after nowhere; else the interpreter would fail at its end, with what is still buffered."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say(text: object = "") -> None:
    """Show lines on standard output."""
    _show(sys.stdout, str(text))


def tell(text: object) -> None:
    """Show lines on standard error: messages, warnings, notes, errors."""
    _show(sys.stderr, str(text))


def say_json(document: bytes) -> None:
    """Show one JSON document on standard output."""
    Screen(sys.stdout).write_bytes(escaped_in_json(document.decode()).encode())


def _show(stream: TextIO | None, text: str) -> None:
    screen = Screen(stream)
    screen.write(_TOO_LONG.sub(_begin, plain(text)).removesuffix("\n") + "\n")
    screen.flush()


def _begin(word: re.Match[str]) -> str:
    return f"{word[0][:200]}… ({len(word[0]):,} characters)"


def console(*, stderr: bool = False) -> Console:
    """A console of rich on such a stream; its caller cleans what strangers wrote."""
    from rich.console import Console

    screen = Screen(sys.stderr if stderr else sys.stdout)
    made = Console(file=screen, emoji=False, markup=False)  # type: ignore[arg-type]  # what rich asks of a file
    if made.width < _NARROWEST:  # a terminal that says 0 does not know its width
        made.width = 80 if made.width < 1 else _NARROWEST
    return made


def show_foreign_messages_plain() -> None:
    """Let warnings and log messages of libraries, which may quote names and answers, pass the same cleaner."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        if file is None:
            tell(text)
        else:
            file.write(text)

    class Plain(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return unobeyed(plain(super().format(record)))

    warnings.showwarning = show
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Plain())


def flush_screens() -> None:
    """Hand over what is still held; nothing is left for the interpreter's end, which would report a closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        Screen(stream).flush()
