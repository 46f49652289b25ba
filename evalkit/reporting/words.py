"""How arms, claims and findings are worded."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from evalkit.records.arm import ArmKind
from evalkit.records.comparison import Difference, Estimate
from evalkit.records.decision import Finding
from evalkit.text.number_format import UNKNOWN, percent, percent_interval

FAMILIES = {
    "reference": "every candidate against the reference arm",
    "tuned": "every tuned arm against the best untuned one",
    "slice": "the same pair, tag by tag",
    "extra": "tuned against the reference arm on another task set",
    "curve": "steps of a curve",
    "descriptive": "other pairs, for information",
}
_CLAIMS = {
    "superior": "better",
    "worse": "worse",
    "non_inferior": "not worse by more than the margin",
    "equivalent": "equal within the margin",
    "no_claim": "no clear difference",
}
STATUSES = {"met": "yes", "not_met": "no", "unknown": "not known", "blocked": "blocked"}
SPEAKS_FOR = {"tuning": "for tuning", "against": "against tuning", "neither": "neutral"}
SEVERITIES = {"invalid": "Invalid", "warn": "Warning"}
FAILURE_KINDS = {
    "format": "wrong format",
    "truncation": "cut off",
    "refusal_or_empty": "refused or empty",
    "missing_knowledge": "missing knowledge",
    "retrieval_miss": "passage not found",
    "reading_miss": "passage misread",
    "other": "other",
}
KINDS = {
    ArmKind.ZERO_SHOT: "zero-shot",
    ArmKind.FEW_SHOT: "few-shot",
    ArmKind.RAG: "retrieval",
    ArmKind.FINE_TUNED: "fine-tuned",
    ArmKind.FINE_TUNED_RAG: "fine-tuned, retrieval",
}
_METRICS = {
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
    "json_schema": "JSON schema",
    "macro_f1": "macro F1",
}


def spaced(name: str) -> str:
    """A code word as people write it: ``token_f1`` is "token f1"."""
    return name.replace("_", " ")


def metric_name(name: str) -> str:
    """A metric in words."""
    return _METRICS.get(name, spaced(name))


def title(text: str) -> str:
    """The same with a capital."""
    return text[:1].upper() + text[1:]


def clipped(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was left out; no half characters."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def claim(difference: Difference) -> str:
    """What may be said about a difference, in a few words."""
    return _CLAIMS[difference.claim]


def pair(difference: Difference) -> str:
    """Which arm compared with which, in few letters: for cells and labels."""
    return f"{difference.treatment} vs {difference.control}"


def gathered_notes(differences: Iterable[Difference]) -> list[str]:
    """The notes of several differences, each once with the pairs that it is about."""
    pairs: dict[str, list[str]] = {}
    for item in differences:
        if item.note:
            pairs.setdefault(item.note.rstrip("."), []).append(pair(item))
    return [f"{', '.join(dict.fromkeys(named))}: {note}" for note, named in pairs.items()]


def finding_status(finding: Finding) -> str:
    """Status and which side the finding is on."""
    if finding.status in ("unknown", "blocked"):
        return STATUSES[finding.status]
    return f"{STATUSES[finding.status]} ({SPEAKS_FOR[finding.speaks_for]})"


def estimate(mean: float | None, low: float | None, high: float | None) -> str:
    """A mean with its interval: ``97.6% (93.9 to 99.1%)``."""
    if mean is None:
        return UNKNOWN
    if low is None or high is None:
        return percent(mean)
    return f"{percent(mean)} ({percent_interval(low, high).removesuffix('%')})"


def estimate_of(of_arm: Estimate | None) -> str:
    """The same for an estimate that may not be there."""
    return UNKNOWN if of_arm is None else estimate(of_arm.mean, of_arm.low, of_arm.high)
