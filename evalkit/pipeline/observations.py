"""What is observed while a run is answered: how busy the client was, and what providers announce."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.calls.caller import Caller
from evalkit.calls.one_request import ONE_REQUEST
from evalkit.clock import Clock
from evalkit.errors import CallError
from evalkit.models.protocol import AnnouncingModel
from evalkit.records.run_observations import AnnouncedDay, EventLoopLag, RunObservations
from evalkit.runner.session import AnswerCounts
from evalkit.store.run_folder import RunFolder

ANSWERING_FILE = "answering.json"


class ObservationLog:
    """Collects the observations of one session and adds them to those of the sessions before.

    Args:
        run: Where they are kept.
        clock: For the day on which a list was read.
    """

    def __init__(self, run: RunFolder, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._announced: dict[str, tuple[AnnouncedDay, ...]] = {}
        self._unread: dict[str, str] = {}

    async def read_announced(self, name: str, caller: Caller) -> None:
        """Read the provider's list of models once a model has answered; a run of replays asks nobody.

        A list that cannot be read is noted and no fault of the run.
        """
        model = caller.model
        if not (isinstance(model, AnnouncingModel) and model.announces and caller.answered):
            return
        try:
            with ONE_REQUEST:
                self._announced[name] = await model.announced(name, self._clock.today())
        except CallError as error:
            self._unread[name] = str(error)

    def write(self, counts: Mapping[str, AnswerCounts]) -> None:
        """Write ``answering.json`` beside the journal, where anything was observed."""
        before = answering_of(self._run) or RunObservations()
        client = dict(before.client)
        for arm, each in counts.items():
            if each.loop.beats:
                client[arm] = client.get(arm, EventLoopLag()) + each.loop
        announced = tuple(day for day in before.announced if day.model not in self._announced)
        for days in self._announced.values():
            announced += days
        unread = {name: why for name, why in before.unread.items() if name not in self._announced}
        observed = RunObservations(client=client, announced=announced, unread={**unread, **self._unread})
        if observed != RunObservations():
            self._run.write(ANSWERING_FILE, observed)


def answering_of(run: RunFolder) -> RunObservations | None:
    """``answering.json``; None for a run that has none."""
    return run.read(ANSWERING_FILE, RunObservations) if run.has(ANSWERING_FILE) else None
