"""What was observed while a run was answered, apart from the answers: ``answering.json``."""

from __future__ import annotations

from typing import Literal

from evalkit.records.record import Record


class EventLoopLag(Record, frozen=True, kw_only=True):
    """How often the client's own event loop was late while an arm was answered.

    Attributes:
        beats: Checks of the loop, one every 50 ms.
        late: Checks that ran more than 10 ms late.
    """

    beats: int = 0
    late: int = 0

    @property
    def late_share(self) -> float:
        """Share of the time in which the loop was late, in [0, 1]."""
        return self.late / self.beats if self.beats else 0.0

    def __add__(self, other: EventLoopLag) -> EventLoopLag:
        return EventLoopLag(beats=self.beats + other.beats, late=self.late + other.late)


class AnnouncedDay(Record, frozen=True, kw_only=True):
    """A day on which a provider ends something, as its own list of models said.

    Attributes:
        model: Name in the suite.
        id: The provider's id that the day belongs to: the model's own, or its base's.
        day: ISO date.
        what: ``shuts``: it answers no more. ``deprecated``: the provider withdraws it. ``tuning_ends``: no job on it
            can start.
        source: Address of the list.
        read_on: ISO date.
    """

    model: str
    id: str
    day: str
    what: Literal["shuts", "deprecated", "tuning_ends"]
    source: str
    read_on: str


class RunObservations(Record, frozen=True, kw_only=True):
    """Observations of a run, over its first start and every resume.

    Attributes:
        client: By arm, for those that a hosted model answered.
        announced: Days from the providers' lists, read once a model had answered; of several readings the last.
        unread: By model, why its provider's list could not be read.
    """

    format_version: int = 1
    client: dict[str, EventLoopLag] = {}
    announced: tuple[AnnouncedDay, ...] = ()
    unread: dict[str, str] = {}
