"""Is the answer JSON of the right shape?"""

from __future__ import annotations

import json
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from pydantic.dataclasses import dataclass

from evalkit.bounded_file import SETTINGS_BYTES, read_bounded
from evalkit.digest import digest_of
from evalkit.metrics.excerpt import LONGEST_SEARCHED
from evalkit.metrics.options import STRICT
from evalkit.metrics.watched_process import (
    CHECK_LIMIT_S,
    LIMIT_S,
    OverLimitError,
    missing_over_limit,
    watched,
)
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


@dataclass(frozen=True, config=STRICT)
class JsonSchema:
    """1 when the whole output is JSON that fits the schema, else 0. Needs no reference.

    Nothing is repaired: text or a code fence around the JSON, NaN, or more than 100,000 characters score 0. An answer
    for which the schema takes more than 1 s of processor time has no score.

    Attributes:
        schema: The JSON Schema itself.
        path: A file that holds it, relative to the suite. Give one of the two.
        folder: The suite's folder; filled in by ``build_metrics``.
    """

    binary: ClassVar[bool] = True

    schema: dict[str, Any] | None = None
    path: str | None = None
    folder: Path = Path()

    def __post_init__(self) -> None:
        """Refuse what is not a JSON Schema, or takes more than 10 s of processor time to check."""
        try:
            checked = watched.ask_schema(self._key, self._parsed, None, CHECK_LIMIT_S)
        except OverLimitError as error:
            raise ValueError(f"the schema cannot be checked: it {error}") from None
        if "refused" in checked:
            raise ValueError(checked["refused"])

    @missing_over_limit
    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        output = (sample.output or "").strip()
        if len(output) > LONGEST_SEARCHED:
            return Score(value=0.0, explanation=f"longer than {LONGEST_SEARCHED:,} characters")
        judged = watched.ask_schema(self._key, self._parsed, output, LIMIT_S)
        return Score(
            value=judged.get("value"), reason=judged.get("reason"), explanation=judged["explanation"]
        )

    @cached_property
    def _key(self) -> str:
        return digest_of(self._parsed)

    @cached_property
    def _parsed(self) -> Any:
        """The schema as JSON; a day that YAML read as a date is the text that was written."""
        try:
            return json.loads(json.dumps(self._read(), default=_day, allow_nan=False))
        except (ValueError, TypeError) as error:
            raise ValueError(f"holds what JSON has not: {error}") from None
        except RecursionError:
            raise ValueError("is nested too deeply") from None

    def _read(self) -> dict[str, Any]:
        if (self.schema is None) == (self.path is None):
            raise ValueError("give either schema or path")
        if self.schema is not None:
            return self.schema
        file = self.folder / str(self.path)
        try:
            return msgspec.json.decode(read_bounded(file, SETTINGS_BYTES), type=dict[str, Any])
        except OSError as error:
            raise ValueError(f"path: {file} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ValueError(f"path: {file} does not hold a JSON object: {error}") from None


def _day(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} {str(value)[:80]!r}")
