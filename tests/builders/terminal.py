"""Commands on a real pseudo terminal, whose every byte is kept."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMANDS = """
import json, sys
from evalkit.cli import main as door
from evalkit.cli.screen import show_foreign_messages_plain
show_foreign_messages_plain()
for arguments in json.loads(sys.argv[1]):
    code = door.run(arguments)
    print(f"\\n=== ended with {code} ===", flush=True)
"""


@dataclass(frozen=True)
class Shown:
    """What a command did.

    Attributes:
        code: Its exit code.
        screen: The bytes that reached the terminal, standard output and standard error together.
    """

    code: int
    screen: bytes

    @property
    def text(self) -> str:
        """The same as text with one kind of line end."""
        return self.screen.decode(errors="replace").replace("\r\n", "\n")


def on_terminal(
    commands: Sequence[Sequence[str]], folder: Path, *, columns: int = 100, **environment: str
) -> list[Shown]:
    """Run commands one after the other in one process on a pseudo terminal.

    Args:
        commands: The arguments of each.
        folder: Where they are run.
        columns: Width of the terminal.
        environment: Variables besides those of this process.
    """
    ours, theirs = pty.openpty()
    _set_size(theirs, columns)
    here = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMANDS, json.dumps([list(map(str, each)) for each in commands])],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**here, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        screen = read_all(ours)
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    *parts, _ = screen.split(b"\r\n=== ended with ")
    codes = [int(rest.split(b" ===")[0]) for rest in screen.split(b"\r\n=== ended with ")[1:]]
    assert len(codes) == len(commands), screen.decode(errors="replace")
    first, *others = parts
    return [
        Shown(code, part)
        for code, part in zip(
            codes, [first, *(each.split(b" ===\r\n", 1)[1] for each in others)], strict=True
        )
    ]


def read_all(terminal: int, *, longest_s: float = 120) -> bytes:
    """All that is written to a terminal until its last writer has closed it."""
    screen, began = b"", time.monotonic()
    while time.monotonic() - began < longest_s:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                piece = os.read(terminal, 65_536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            screen += piece
    return screen


def _set_size(terminal: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
