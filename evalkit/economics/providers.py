"""Routes to a tuned model, with the dates after which they, or the models behind them, are gone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, get_args

from evalkit.economics.price_file import read_data
from evalkit.economics.prices import SNAPSHOT, PriceError

RouteState = Literal["offered", "winding_down", "ended", "deprecated", "unmaintained", "own"]
EventKind = Literal["restricted", "deprecated", "no_new_jobs", "tunes_shut"]


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """Something that holds from a day on.

    Attributes:
        from_day: First day on which it holds.
        what: "restricted": some organisations can tune no more; "deprecated": the provider withdraws it;
            "no_new_jobs": nobody can start a job; "tunes_shut": tunes of ``bases`` answer no more.
        says: The fact in words.
        bases: Base models concerned; empty for all.
        bases_too: True when the bases themselves shut as well.
    """

    from_day: date
    what: EventKind
    says: str
    bases: tuple[str, ...] = ()
    bases_too: bool = False

    def concerns(self, base: str) -> bool:
        """Whether a base model, or a dated snapshot of it, is concerned.

        >>> shut = RouteEvent(date(2027, 1, 14), "tunes_shut", "", ("gpt-4o",))
        >>> shut.concerns("gpt-4o-2024-08-06"), shut.concerns("gpt-4o-mini")
        (True, False)
        """
        return not self.bases or any(
            re.fullmatch(f"{re.escape(name)}({SNAPSHOT})?", base) for name in self.bases
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One way to tune a model.

    Attributes:
        name: "openai", "azure", "vertex", "together", "local", ...
        state: "offered", "winding_down", "ended", "deprecated", "unmaintained", or "own" devices.
        as_of: The day on which the facts were checked.
        source: Where they stand.
        events: What changes when, in order of days.
        minimum_rows: Training rows below which a job is refused, or None where no figure was found.
        start_rows: Rows with which the provider says to start.
        gains_from_rows: Between which row counts the provider says gains are usually seen.
        max_file_mib: Largest training file, MiB.
        max_row_tokens: Longest training row, tokens.
        max_validation_rows: Most validation rows.
        epochs: Fewest and most epochs.
        weights_exportable: Whether the weights can be taken away; None where it was not found.
        rules: Further facts in words.
    """

    name: str
    state: RouteState
    as_of: date
    source: str
    events: tuple[RouteEvent, ...] = ()
    minimum_rows: int | None = None
    start_rows: int | None = None
    gains_from_rows: tuple[int, int] | None = None
    max_file_mib: int | None = None
    max_row_tokens: int | None = None
    max_validation_rows: int | None = None
    epochs: tuple[int, int] | None = None
    weights_exportable: bool | None = None
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.as_of, date) or not self.source:
            raise PriceError(f"the route {self.name!r} needs as_of and source")

    def retirements_before(self, day: date, base: str) -> tuple[RouteEvent, ...]:
        """The days on or before ``day`` on which tunes of ``base`` answer no more.

        >>> [shut.from_day.isoformat() for shut in route("openai").retirements_before(date(2027, 11, 1), "gpt-4o")]
        ['2027-01-14']
        """
        return tuple(
            event
            for event in self.events
            if event.what == "tunes_shut" and event.from_day <= day and event.concerns(base)
        )

    def shuts_on(self, base: str, *, tuned: bool) -> date | None:
        """The day from which a tune of ``base``, or ``base`` itself, answers no more; None when none is known.

        >>> openai = route("openai")
        >>> openai.shuts_on("gpt-4.1-nano", tuned=True), openai.shuts_on("gpt-4.1-nano", tuned=False)
        (datetime.date(2026, 10, 23), None)
        """
        shut = self.retirements_before(date.max, base)
        return min((event.from_day for event in shut if tuned or event.bases_too), default=None)

    def jobs_end(self) -> date | None:
        """First day on which nobody can start a job, so that neither tuning nor retuning is possible.

        >>> route("openai").jobs_end()
        datetime.date(2027, 1, 6)
        """
        return min((event.from_day for event in self.events if event.what == "no_new_jobs"), default=None)

    def restrictions(self, day: date) -> tuple[RouteEvent, ...]:
        """What may already keep an organisation out on ``day``."""
        return tuple(event for event in self.events if event.what == "restricted" and event.from_day <= day)


def route_row(written: Mapping[str, Any]) -> Route:
    """A route from its written keys, as the shipped file holds them.

    Raises:
        PriceError: The state or the kind of a date is not one of ours, or day or source is missing.
    """
    keys = dict(written)
    if keys["state"] not in get_args(RouteState):
        raise PriceError(f"the route {keys['name']!r}: unknown state {keys['state']!r}")
    events = tuple(sorted((_event(entry) for entry in keys.pop("dates", ())), key=lambda e: e.from_day))
    for pair in ("gains_from_rows", "epochs"):
        if pair in keys:
            keys[pair] = tuple(keys[pair])
    return Route(events=events, rules=tuple(keys.pop("rules", ())), **keys)


@cache
def routes() -> Mapping[str, Route]:
    """The shipped routes by name."""
    return {written["name"]: route_row(written) for written in read_data("providers.yaml")["routes"]}


def route(name: str) -> Route:
    """One shipped route.

    Raises:
        PriceError: No route has that name; the nearest are given.
    """
    shipped = routes()
    if name not in shipped:
        near = difflib.get_close_matches(name[:200], shipped, n=2) or sorted(shipped)
        raise PriceError(f"no tuning route is called {name!r}. Known: {', '.join(map(repr, near))}")
    return shipped[name]


def _event(written: Mapping[str, Any]) -> RouteEvent:
    if written["what"] not in get_args(EventKind):
        raise PriceError(f"unknown kind of date: {written['what']!r}")
    return RouteEvent(
        from_day=written["from"],
        what=written["what"],
        says=written["says"],
        bases=tuple(written.get("bases", ())),
        bases_too=written.get("bases_too", False),
    )
