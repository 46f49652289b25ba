"""The ten findings, in order."""

from __future__ import annotations

from evalkit.decision.checklist.alternatives import prompting, retrieval
from evalkit.decision.checklist.benefits import cost, extensibility, quality
from evalkit.decision.checklist.costs import compute, data, effort, tunability
from evalkit.decision.checklist.use_case import use_case
from evalkit.decision.context import DecisionContext
from evalkit.records.decision import Finding

_QUESTIONS = (use_case, prompting, retrieval, tunability, effort, compute, data, quality, cost, extensibility)


def checklist(context: DecisionContext) -> tuple[Finding, ...]:
    """Answer every question; one that cannot be answered says what to do to know."""
    return tuple(question(context) for question in _QUESTIONS)
