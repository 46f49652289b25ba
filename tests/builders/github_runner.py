"""What GitHub's runner does with a line of a log, as far as it obeys it.

It takes ``::name key=value,...::data`` at the start of a line (blanks before it do not matter) and ``##[name ...]data``
anywhere in one; between ``::stop-commands::token`` and ``::token::`` it takes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMAND = re.compile(r"\s*::(?P<name>[A-Za-z-]+)(?: (?P<properties>.*?))?::(?P<data>.*)", re.DOTALL)
_OLD = re.compile(r"##\[(?P<name>[^\]\s]+)[^\]]*\](?P<data>.*)")


@dataclass(frozen=True)
class Obeyed:
    """A command that the runner took."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(log: str) -> Iterator[Obeyed]:
    """The commands in a log, unescaped."""
    token = None
    for line in re.split(r"\r\n|\n|\r", log):
        if token is not None:
            if line.strip() == f"::{token}::":
                token = None
            continue
        if (old := _OLD.search(line)) is not None:
            yield Obeyed(old["name"], {}, old["data"])
        if (new := _COMMAND.match(line)) is None:
            continue
        if new["name"] == "stop-commands":
            token = new["data"]
            continue
        pairs = (pair.partition("=") for pair in (new["properties"] or "").split(",") if pair)
        yield Obeyed(
            new["name"],
            {key.strip(): _plain(value, property_=True) for key, _, value in pairs},
            _plain(new["data"]),
        )


def _plain(text: str, *, property_: bool = False) -> str:
    marks = {"%0D": "\r", "%0A": "\n", **({"%3A": ":", "%2C": ","} if property_ else {}), "%25": "%"}
    return re.sub("|".join(marks), lambda match: marks[match[0]], text)
