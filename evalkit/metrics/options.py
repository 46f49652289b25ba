"""How the built-in metrics declare their options: as fields, checked when the metric is built."""

from __future__ import annotations

import re

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
"""For ``pydantic.dataclasses.dataclass``: an unknown or ill-typed option is a ``ValidationError``, a ValueError."""


def compiled(pattern: str, flags: re.RegexFlag = re.RegexFlag.NOFLAG) -> re.Pattern[str]:
    """A regular expression.

    Raises:
        ValueError: It is not one; the message says where.
    """
    try:
        return re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
