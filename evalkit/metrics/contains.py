"""Does the answer hold a text?"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from evalkit.metrics.excerpt import excerpt
from evalkit.metrics.options import STRICT
from evalkit.records.case import Case
from evalkit.records.sample import Sample
from evalkit.records.score import Score
from evalkit.text.normalise import normalise


@dataclass(frozen=True, config=STRICT)
class Contains:
    """1 when the output holds the values looked for, else 0.

    A value that begins or ends with a digit must not touch another digit: 12 is not in 112, nor 3 in 3.5.

    Attributes:
        value: What to look for; default: the accepted answers of each case.
        mode: ``any`` of the values is enough, or ``all`` must be there.
        normalise: Look without regard to case, width and punctuation.
    """

    binary: ClassVar[bool] = True

    value: str | list[str] | None = None
    mode: Literal["any", "all"] = "any"
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse an empty value, which every output would hold."""
        if self.value is not None and (not self._declared() or not all(map(str.strip, self._declared()))):
            raise ValueError("value must not be empty")

    @property
    def needs_reference(self) -> bool:
        """Whether it looks for the accepted answers: no value is declared."""
        return self.value is None

    def score(self, case: Case, sample: Sample) -> Score:
        """The score of one answer; see ``Metric.score``."""
        wanted = self._declared() or list(case.reference)
        if not wanted:
            return Score.missing("no_reference")
        output = self._form(sample.output or "")
        absent = [value for value in wanted if not _holds(output, self._form(value))]
        right = not absent if self.mode == "all" else len(absent) < len(wanted)
        shown = ", ".join(excerpt(value) for value in absent[:3])
        return Score(value=float(right), explanation=f"not found: {shown}" if absent else "found")

    def _declared(self) -> list[str]:
        return [self.value] if isinstance(self.value, str) else list(self.value or ())

    def _form(self, text: str) -> str:
        return normalise(text, articles=True) if self.normalise else text.strip()


def _holds(output: str, value: str) -> bool:
    if not value:
        return not output
    before = r"(?<!\d)(?<!\d[.,])" if value[0].isdigit() else ""
    after = r"(?!\d|[.,]\d)" if value[-1].isdigit() else ""
    return re.search(before + re.escape(value) + after, output) is not None
