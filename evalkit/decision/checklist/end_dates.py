"""The days on which a candidate's model answers no more: as its provider announced, and as shipped with evalkit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from evalkit.decision.context import DecisionContext
from evalkit.decision.tuning_route import months_later, route_of
from evalkit.records.decision import Evidence
from evalkit.records.run_observations import AnnouncedDay

_ANNOUNCEMENTS = {
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
    return sorted(
        (day for day in context.run.observations.announced if day.model == model), key=lambda day: day.day
    )


def announced_evidence(context: DecisionContext, model: str) -> Iterator[Evidence]:
    """What was announced of a model of the suite, or why its provider's list could not be read, for the checklist."""
    for day in announced_of(context, model):
        yield Evidence(label=day.day, value=announcement_text(day), source=f"{day.source}, {day.read_on}")
    if (why := context.run.observations.unread.get(model)) is not None:
        yield Evidence(label="provider's list of models", value=f"could not be read: {why}")


def announcement_text(day: AnnouncedDay) -> str:
    """What an announcement says, in words and without its day."""
    return _ANNOUNCEMENTS[day.what].format(day.id)


def end_dates(context: DecisionContext, arm: str) -> Iterator[EndDate]:
    """Days inside the horizon on which an arm's model is shut or withdrawn."""
    facts = context.arms[arm]
    until = months_later(context.today, context.horizon_months)
    for day in announced_of(context, facts.model):
        if day.what != "tuning_ends" and (when := date.fromisoformat(day.day)) <= until:
            yield EndDate(
                day.id, when, announcement_text(day), f"{day.source}, read {day.read_on}", announced=True
            )
    tuning_route = route_of(context.suite, facts.model)
    if tuning_route.route is None:
        return
    shuts = tuning_route.route.shuts_on(tuning_route.base_model, tuned=facts.tuned)
    if shuts is not None and shuts <= until:
        source = f"{tuning_route.route.source}, {tuning_route.route.as_of}"
        yield EndDate(
            tuning_route.base_model, shuts, f"{tuning_route.base_model} shuts", source, announced=False
        )
