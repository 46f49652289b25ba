"""The days on which a candidate's model answers no more: as its provider announced, and as shipped with evalkit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from evalkit.decision.checklist.tuning_route import months_later, route_of
from evalkit.decision.context import DecisionContext
from evalkit.records.decision import Evidence
from evalkit.records.run_observations import AnnouncedDay

_WORDS = {
    "shuts": "{} shuts",
    "deprecated": "{} is deprecated",
    "tuning_ends": "no tuning job on {} can start from then",
}


@dataclass(frozen=True, slots=True)
class EndDate:
    """A model's last day and who says so.

    Attributes:
        id: The provider's.
        source: Where it stands, and when that was read.
        announced: Whether the provider's own list said so during the run.
    """

    id: str
    day: date
    says: str
    source: str
    announced: bool


def announced_of(context: DecisionContext, model: str) -> list[AnnouncedDay]:
    """What was announced of a model of the suite, in order of days."""
    return sorted((day for day in context.answering.announced if day.model == model), key=lambda day: day.day)


def announced_evidence(context: DecisionContext, model: str) -> Iterator[Evidence]:
    """The same for the checklist, or why the list could not be read."""
    for day in announced_of(context, model):
        yield Evidence(label=day.day, value=said(day), source=f"{day.source}, {day.read_on}")
    if (why := context.answering.unread.get(model)) is not None:
        yield Evidence(label="provider's list of models", value=f"could not be read: {why}")


def said(day: AnnouncedDay) -> str:
    """An announcement in words, without its day."""
    return _WORDS[day.what].format(day.id)


def end_dates(context: DecisionContext, arm: str) -> Iterator[EndDate]:
    """Days inside the horizon on which an arm's model is shut or withdrawn."""
    facts = context.arms[arm]
    until = months_later(context.today, context.horizon_months)
    for day in announced_of(context, facts.model):
        if day.what != "tuning_ends" and (when := date.fromisoformat(day.day)) <= until:
            yield EndDate(day.id, when, said(day), f"{day.source}, read {day.read_on}", announced=True)
    found = route_of(context.suite, facts.model)
    if found.route is None:
        return
    shuts = found.route.shuts_on(found.base, tuned=facts.tuned)
    if shuts is not None and shuts <= until:
        source = f"{found.route.source}, {found.route.as_of}"
        yield EndDate(found.base, shuts, f"{found.base} shuts", source, announced=False)
