"""Dated facts about tuning routes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from evalkit.economics.prices import PriceError
from evalkit.economics.providers import Route, route, route_row, routes

TODAY = date(2026, 11, 20)


def test_every_route_has_a_day_and_a_source():
    assert {"openai", "azure", "vertex", "together", "local"} <= set(routes())
    for found in routes().values():
        assert found.source
        assert found.as_of <= TODAY


def test_openai_takes_no_new_jobs_from_january_2027():
    openai = route("openai")
    assert openai.jobs_end() == date(2027, 1, 6)
    assert openai.state == "winding_down"
    assert (openai.minimum_rows, openai.start_rows, openai.gains_from_rows) == (10, 50, (50, 100))


@pytest.mark.parametrize(
    ("base", "shut"),
    [
        ("gpt-4o-mini-2024-07-18", "2027-01-14"),
        ("gpt-4.1", "2027-01-14"),
        ("gpt-4.1-nano", "2026-10-23"),
        ("gpt-3.5-turbo-0125", "2026-10-23"),
    ],
)
def test_a_tune_shuts_with_its_base(base: str, shut: str):
    events = route("openai").retirements_before(date(2027, 11, 20), base)
    assert [event.from_day.isoformat() for event in events] == [shut]


def test_a_day_before_the_shutdown_nothing_has_retired():
    assert route("openai").retirements_before(date(2027, 1, 13), "gpt-4o") == ()
    assert len(route("openai").retirements_before(date(2027, 1, 14), "gpt-4o")) == 1


def test_a_base_shuts_only_where_the_source_says_so():
    openai = route("openai")
    assert openai.shuts_on("gpt-4o", tuned=False) == date(2027, 1, 14)
    assert openai.shuts_on("gpt-4.1-nano", tuned=False) is None
    assert openai.shuts_on("gpt-4.1-nano", tuned=True) == date(2026, 10, 23)
    assert openai.shuts_on("gpt-6-luna", tuned=True) is None


def test_another_providers_tunes_are_not_concerned():
    assert route("azure").retirements_before(date(2030, 1, 1), "gpt-4o") == ()


def test_restrictions_hold_from_their_day():
    assert route("openai").restrictions(date(2026, 5, 6)) == ()
    assert len(route("openai").restrictions(TODAY)) == 2


@pytest.mark.parametrize(
    ("name", "start", "until", "usable"),
    [
        ("openai", TODAY, date(2027, 1, 13), True),
        ("openai", TODAY, date(2027, 1, 14), False),
        ("openai", date(2027, 1, 6), date(2027, 1, 7), False),
        ("azure", TODAY, date(2027, 11, 20), True),
        ("cohere", TODAY, date(2027, 11, 20), False),
        ("gemini_developer_api", TODAY, date(2027, 11, 20), False),
        ("local", TODAY, date(2036, 11, 20), True),
    ],
)
def test_a_route_is_usable_when_a_job_can_start_and_its_model_stays(
    name: str, start: date, until: date, usable: bool
):
    way = route(name)
    offered = way.state not in ("ended", "deprecated")
    jobs_end = way.jobs_end()
    can_start = jobs_end is None or start < jobs_end
    assert (offered and can_start and not way.retirements_before(until, "gpt-4o")) is usable


def test_an_unknown_route_names_the_nearest_or_all():
    with pytest.raises(PriceError, match=r"no tuning route is called 'opnai'\. Known: 'openai'"):
        route("opnai")
    with pytest.raises(PriceError, match=r"'autotrain'.*'vertex'"):
        route("??")


def test_a_route_without_source_or_day_is_refused():
    with pytest.raises(PriceError, match="needs as_of and source"):
        Route("x", "offered", TODAY, "")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"state": "closing"}, "unknown state 'closing'"),
        ({"dates": [{"from": TODAY, "what": "gone", "says": ""}]}, "unknown kind of date: 'gone'"),
    ],
)
def test_a_word_the_file_may_not_use_is_refused(written: dict[str, Any], message: str):
    with pytest.raises(PriceError, match=message):
        route_row({"name": "x", "state": "offered", "as_of": TODAY, "source": "s"} | written)
