"""The labels of a classification: which of them an answer names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from pydantic.dataclasses import dataclass

from evalkit.errors import did_you_mean
from evalkit.metrics.answer import find_answer
from evalkit.metrics.options import STRICT, compiled
from evalkit.records.case import Case
from evalkit.text.normalise import normalise


@dataclass(frozen=True, config=STRICT)
class LabelReader:
    """Base of the classification metrics: reads labels as people write them.

    Attributes:
        labels: All labels there are. An answer that is none of them is wrong, whatever the references are.
        extract: A regular expression that finds the label in the output, as for ``exact_match``; default: the whole
            output is the label.
        normalise: Compare without regard to case, width and punctuation (see ``evalkit.text.normalise``); English
            articles count, since a label may be one letter.
    """

    labels: list[str] | None = None
    extract: str | None = None
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse a pattern that does not compile, and labels that cannot be told apart."""
        _ = self._pattern
        if self.labels is None:
            return
        if len(self.labels) < 2:
            raise ValueError("labels must list at least two labels")
        for label in self.labels:
            first = self._by_form[self.form(label)]
            if not self.form(label):
                raise ValueError("labels holds an empty label")
            if first != label or self.labels.count(label) > 1:
                raise ValueError(f"labels holds {label!r}, which reads the same as {first!r}")

    def form(self, text: str) -> str:
        """The form in which labels are compared."""
        return normalise(text, articles=True) if self.normalise else text.strip()

    def answer(self, output: str) -> str | None:
        """What the output gives as its label, as written; None where the pattern finds nothing."""
        return find_answer(output, self._pattern)

    def label_of(self, text: str) -> str | None:
        """The declared label that ``text`` is; None where it is none of them."""
        return self._by_form.get(self.form(text))

    def accepted(self, case: Case) -> tuple[str, ...]:
        """The declared labels that are right for a case, its own first; only for cases that are not refused."""
        return tuple(label for text in case.reference if (label := self.label_of(text)) is not None)

    def refuse(self, case: Case) -> str | None:
        """Why the case cannot be scored: a reference that is no label. See ``Metric``."""
        for text in case.reference if self.labels is not None else ():
            if self.label_of(text) is None:
                return f"reference {text!r} is none of the labels. {did_you_mean(text, self._declared)}"
        return None

    @property
    def _declared(self) -> Sequence[str]:
        return self.labels or ()

    @cached_property
    def _by_form(self) -> dict[str, str]:
        """Declared labels by their form; of two that read the same, the first."""
        return {self.form(label): label for label in reversed(self._declared)}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return None if self.extract is None else compiled(self.extract, re.MULTILINE)
