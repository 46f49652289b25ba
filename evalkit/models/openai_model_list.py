"""Until when a model answers, as ``GET /models`` of its provider says.

    =========  ==================================================  =====================================
    provider   field                                               means
    =========  ==================================================  =====================================
    OpenAI     ``shutdown_date``: a day, or null                   it shuts
    Azure      ``deprecation.inference``, ``.fine_tune``: seconds  it shuts; no job on it can start
    Mistral    ``deprecation``: a moment, or null                  it is withdrawn
    =========  ==================================================  =====================================

Sources: openai/openai-openapi 2.3.0 (Model); Microsoft Learn, Azure OpenAI REST API 2024-10-21, Models - List;
``GET https://api.mistral.ai/v1/models`` as of August 2026. Google's ``Model`` (generativelanguage v1beta) has no such
field, and none was found in Together's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from evalkit.errors import RetryableError
from evalkit.models.lenient_json import UNREADABLE
from evalkit.models.openai_request import base_url
from evalkit.records.run_observations import AnnouncedDay
from evalkit.suite.addresses import public_url
from evalkit.suite.models import OpenAIModelConfig

_HOSTS = ("api.openai.com", "openai.azure.com", "api.mistral.ai")
_TUNE = re.compile(r"ft:(?P<base>[^:]+)")


class _Deprecation(msgspec.Struct):
    inference: int | None = None
    fine_tune: int | None = None


class _Listed(msgspec.Struct):
    id: str
    shutdown_date: str | None = None
    deprecation: _Deprecation | str | None = None


class _Models(msgspec.Struct):
    data: list[_Listed]


def announces(config: OpenAIModelConfig) -> bool:
    """Whether the provider is one of those whose list says so."""
    host = urlsplit(base_url(config)).hostname or ""
    return config.azure is not None or any(host == name or host.endswith(f".{name}") for name in _HOSTS)


def models_url(config: OpenAIModelConfig) -> str:
    """Where the list is."""
    if config.azure is not None:
        version = urlencode({"api-version": config.azure.api_version})
        return f"{config.azure.endpoint.rstrip('/')}/openai/models?{version}"
    return f"{base_url(config).rstrip('/')}/models"


def read_announced(
    body: bytes, config: OpenAIModelConfig, *, name: str, today: date
) -> tuple[AnnouncedDay, ...]:
    """The days that the list gives for a model's id, or for the base of a tuned model.

    Args:
        body: The list.
        config: The model's section.
        name: The model's in the suite.
        today: The day on which the list was read.

    Raises:
        RetryableError: The body is no list of models.
    """
    try:
        listed = msgspec.json.decode(body, type=_Models).data
    except UNREADABLE as error:
        raise RetryableError(f"the list of models is not readable: {error}") from error
    tune = _TUNE.match(config.model)
    ids = {config.model, tune["base"] if tune else config.model}
    source = public_url(models_url(config)).partition("?")[0]
    return tuple(
        AnnouncedDay(
            model=name, id=each.id, day=day.isoformat(), what=what, source=source, read_on=today.isoformat()
        )
        for each in listed
        if each.id in ids
        for what, day in _days(each)
    )


def _days(listed: _Listed) -> Iterator[tuple[Literal["shuts", "deprecated", "tuning_ends"], date]]:
    if (day := _day(listed.shutdown_date)) is not None:
        yield "shuts", day
    ends = listed.deprecation
    if isinstance(ends, _Deprecation):
        if (day := _day_of_second(ends.inference)) is not None:
            yield "shuts", day
        if (day := _day_of_second(ends.fine_tune)) is not None:
            yield "tuning_ends", day
    elif (day := _day(ends)) is not None:
        yield "deprecated", day


def _day_of_second(second: int | None) -> date | None:
    """The day of a second since 1970; one that no calendar has is none."""
    try:
        return None if second is None else datetime.fromtimestamp(second, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def _day(written: str | None) -> date | None:
    """A date or a moment in ISO's form; a day that cannot be read is none."""
    try:
        return None if written is None else datetime.fromisoformat(written).date()
    except ValueError:
        return None
