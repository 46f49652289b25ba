"""Has the answer a form?"""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from evalkit.metrics.answer import search
from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT, compiled
from evalkit.metrics.watched_process import missing_over_limit
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score


@dataclass(frozen=True, config=STRICT)
class Regex:
    """1 when the pattern matches the output, else 0. Needs no reference.

    Outer white space of the output is ignored. An output of more than 100,000 characters is cut there before
    it is matched. An answer for which the pattern takes more than 1 s of processor time has no score.

    Attributes:
        pattern: A Python regular expression; flags go inside it, as in ``(?is)...``.
        match: ``search`` finds the pattern anywhere, ``full`` wants the whole output to match.
    """

    binary: ClassVar[bool] = True

    pattern: str
    match: Literal["search", "full"] = "search"

    def __post_init__(self) -> None:
        """Refuse a pattern that does not compile."""
        _ = self._compiled

    @missing_over_limit
    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        output = (sample.output or "").strip()
        matches = search(self._compiled, output, full=self.match == "full") is not None
        sign = "matches" if matches else "does not match"
        return Score(value=float(matches), explanation=f"{excerpt(output)} {sign} {self.pattern!r}")

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return compiled(self.pattern)
