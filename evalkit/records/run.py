"""A finished run as the report and the Python interface read it."""

from __future__ import annotations

from evalkit.records.comparison import Comparison
from evalkit.records.decision import Decision
from evalkit.records.manifest import Manifest
from evalkit.records.profile import Profile
from evalkit.records.record import Record
from evalkit.records.tuning import TuningReport


class Answer(Record, frozen=True, kw_only=True):
    """One arm's answer in an excerpt."""

    arm: str
    output: str | None
    value: float | None


class Excerpt(Record, frozen=True, kw_only=True):
    """One case on which the arms disagree, for people to read."""

    case_id: str
    input: str
    reference: str | None
    answers: tuple[Answer, ...]


class RunRecords(Record, frozen=True, kw_only=True):
    """Everything a report shows. ``use_case`` and ``economics`` are sentences about what was declared."""

    manifest: Manifest
    profile: Profile
    tuning: TuningReport | None
    comparison: Comparison
    decision: Decision
    excerpts: tuple[Excerpt, ...] = ()
    use_case: str = ""
    target: float | None = None
    confidence: float = 0.9
    embedded: bool = False
