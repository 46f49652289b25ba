"""The ten findings, in order."""

from __future__ import annotations

from evalkit.decision.alternatives import prompting, retrieval
from evalkit.decision.benefits import cost, extensibility, quality
from evalkit.decision.costs import compute, data, effort, tunability
from evalkit.decision.dossier import Dossier
from evalkit.decision.use_case import use_case
from evalkit.records.decision import Finding

_QUESTIONS = (use_case, prompting, retrieval, tunability, effort, compute, data, quality, cost, extensibility)


def checklist(dossier: Dossier) -> tuple[Finding, ...]:
    """Answer every question; one that cannot be answered says what to do to know."""
    return tuple(question(dossier) for question in _QUESTIONS)
