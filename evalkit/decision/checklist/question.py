"""The ten questions of the checklist, and how an answer to one is written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evalkit.records.decision import Evidence, Finding

Group = Literal["use case", "alternatives", "cost", "benefit"]
Side = Literal["tuning", "against", "neither"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the checklist.

    Attributes:
        number: 1 to 10.
        group: One of the four groups.
        text: As it is asked.
    """

    number: int
    group: Group
    text: str

    def met(self, answer: str, evidence: Iterable[Evidence] = (), *, speaks_for: Side = "tuning") -> Finding:
        """The answer speaks for tuning, or takes away a reason against it."""
        return self._finding("met", speaks_for, answer, evidence)

    def not_met(
        self, answer: str, evidence: Iterable[Evidence] = (), *, speaks_for: Side = "against"
    ) -> Finding:
        """The answer speaks against tuning now."""
        return self._finding("not_met", speaks_for, answer, evidence)

    def unknown(self, answer: str, evidence: Iterable[Evidence] = ()) -> Finding:
        """Nobody knows; the answer says what to do to know."""
        return self._finding("unknown", "neither", answer, evidence)

    def blocked(self, answer: str, evidence: Iterable[Evidence] = ()) -> Finding:
        """Tuning is not possible, whatever the rest says."""
        return self._finding("blocked", "against", answer, evidence)

    def _finding(
        self,
        status: Literal["met", "not_met", "unknown", "blocked"],
        speaks_for: Side,
        answer: str,
        evidence: Iterable[Evidence],
    ) -> Finding:
        return Finding(
            number=self.number,
            group=self.group,
            question=self.text,
            status=status,
            speaks_for=speaks_for,
            answer=answer,
            evidence=tuple(evidence),
        )


USE_CASE = Question(
    1, "use case", "What should improve, by how much, and is it the kind of thing tuning improves?"
)
PROMPTING = Question(2, "alternatives", "Was prompt engineering tried?")
RETRIEVAL = Question(3, "alternatives", "Was retrieval tried?")
TUNABILITY = Question(4, "cost", "Is there a way to tune, through the whole horizon?")
EFFORT = Question(5, "cost", "Is the work paid back?")
COMPUTE = Question(6, "cost", "Is the compute paid back?")
DATA = Question(7, "cost", "Is there enough clean training data?")
QUALITY = Question(8, "benefit", "Does tuning answer better?")
COST = Question(9, "benefit", "Do cheaper or faster answers pay for tuning?")
EXTENSIBILITY = Question(
    10, "benefit", "Does the tuned model keep what it could do before, and can you export it?"
)
