"""How many layers, heads and experts a model says that it has, checked before any of them is made.

A library builds them one by one, so that a count of ten million holds a process up for as long as it takes memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.bounded_file import DOCUMENT_BYTES, read_bounded
from evalkit.errors import InputError

MOST_PARTS = 10_000
"""The largest models have a few hundred layers and a few hundred experts in each."""

_COUNTS = re.compile(r"(^|[_.])(layers?|blocks?|experts|heads?|(layer|block|expert|head)_count(_kv)?|depth)$")


def refuse_impossible_counts(folder: Path) -> None:
    """Refuse a model folder whose ``config.json`` tells of more parts than any model has.

    A file that cannot be read is passed over here: loading it says what is wrong.

    Raises:
        InputError: Names the key and its value.
    """
    file = folder / "config.json"
    try:
        settings = json.loads(read_bounded(file, DOCUMENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(settings, dict):
        refuse_counts(file, settings)


def refuse_counts(file: Path, settings: Mapping[str, object]) -> None:
    """Refuse settings of a model that tell of more parts than any model has.

    Args:
        file: Where they stand, for the message.
        settings: Keys and values; settings inside settings are looked at too.

    Raises:
        InputError: Names the key and its value.
    """
    for key, count in _counts(settings):
        if count > MOST_PARTS:
            shown = f"{count:,}" if count < 10**15 else "a number of more than 15 digits"
            raise InputError(
                f"{file}: says {key}: {shown}, and no model has more than {MOST_PARTS:,} of them; the file is damaged "
                "or no model's"
            )


def _counts(settings: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _counts(value)
        elif isinstance(value, int) and _COUNTS.search(key):
            yield key, value
