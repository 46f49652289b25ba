"""What may name an arm, a model, a metric: letters of every script, and no punctuation with a meaning elsewhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

LETTERS = r"A-Za-z0-9_\u00c0-\u1fff\u3005-\u3007\u3040-\ud7ff\uf900-\ufaff"
Name = Annotated[str, Field(pattern=rf"^[{LETTERS}][{LETTERS}.\- ]*$", max_length=80)]
FolderName = Annotated[str, Field(pattern=rf"^[{LETTERS}][{LETTERS}.\-]*$", max_length=80)]
"""The name of a suite: its runs are kept in a folder of that name, so it holds no space."""


def pattern_words(pattern: str) -> str:
    """What a value that does not fit ``pattern`` should look like."""
    if LETTERS not in pattern:
        return f"does not fit the pattern {pattern}"
    return "is not a name: it begins with a letter or a digit; letters, digits, _ . - may follow" + (
        ", and spaces" if " " in pattern else ""
    )
