"""Until when a model answers, as its provider's list of models says."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest

from evalkit.errors import AccessError, RetryableError
from evalkit.models.openai import OpenAIModel
from evalkit.models.openai_model_list import announces, models_url, read_announced
from evalkit.suite.models import OpenAIModelConfig

TODAY = date(2026, 11, 20)
AZURE = {"endpoint": "https://acme.openai.azure.com", "api_version": "2024-10-21"}
CARD = {"object": "model", "created": 1, "owned_by": "openai"}


def config(model="gpt-4o-mini", **settings):
    return OpenAIModelConfig(type="openai", model=model, **settings)


def days(model, listed, **settings):
    body = json.dumps({"object": "list", "data": listed}).encode()
    found = read_announced(body, config(model, **settings), name="base", today=TODAY)
    return [(day.id, day.what, day.day) for day in found]


def test_openais_shutdown_date_of_a_model_and_of_a_tunes_base():
    """A tune shuts with its base; other models of the list are nobody's business."""
    listed = [
        {**CARD, "id": "gpt-4o-mini-2024-07-18", "shutdown_date": "2027-01-14"},
        {**CARD, "id": "gpt-4o-mini", "shutdown_date": None},
        {**CARD, "id": "ft:gpt-4o-mini-2024-07-18:acme::1", "shutdown_date": "2027-02-01"},
        {**CARD, "id": "gpt-4o"},
    ]
    assert days("gpt-4o-mini", listed) == []
    assert days("gpt-4o", listed) == []
    assert days("ft:gpt-4o-mini-2024-07-18:acme::1", listed) == [
        ("gpt-4o-mini-2024-07-18", "shuts", "2027-01-14"),
        ("ft:gpt-4o-mini-2024-07-18:acme::1", "shuts", "2027-02-01"),
    ]


def test_azures_deprecation_is_in_seconds_and_tells_tuning_from_answering():
    listed = [{"id": "gpt-4o", "deprecation": {"fine_tune": 1798761600, "inference": 1814313600}}]
    assert days("gpt-4o", listed, azure=AZURE) == [
        ("gpt-4o", "shuts", "2027-06-30"),
        ("gpt-4o", "tuning_ends", "2027-01-01"),
    ]


def test_mistrals_deprecation_is_a_moment():
    listed = [{"id": "magistral-medium-2509", "deprecation": "2027-07-31T12:00:00Z"}]
    url = "https://api.mistral.ai/v1"
    assert days("magistral-medium-2509", listed, base_url=url) == [
        ("magistral-medium-2509", "deprecated", "2027-07-31")
    ]


def test_a_day_that_cannot_be_read_is_none():
    assert days("m", [{"id": "m", "shutdown_date": "soon"}]) == []
    with pytest.raises(RetryableError, match="not readable"):
        read_announced(b"<html>", config(), name="m", today=TODAY)


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, True),
        ({"base_url": "https://eu.api.openai.com/v1"}, True),
        ({"base_url": "https://api.mistral.ai/v1"}, True),
        ({"azure": {**AZURE, "endpoint": "http://127.0.0.1:1"}}, True),
        ({"base_url": "http://127.0.0.1:8000/v1"}, False),
        ({"base_url": "https://notapi.openai.com.example/v1"}, False),
    ],
    ids=["openai", "a-region", "mistral", "azure", "vllm", "a-look-alike"],
)
def test_only_providers_that_publish_it_are_asked(settings, known):
    assert announces(config(**settings)) is known


def test_where_the_list_is():
    assert models_url(config()) == "https://api.openai.com/v1/models"
    azure = models_url(config(azure=AZURE))
    assert azure == "https://acme.openai.azure.com/openai/models?api-version=2024-10-21"


@pytest.fixture
def azure(provider, monkeypatch):
    """Azure on loopback: one model that shuts."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "the-secret-key")
    server = provider("azure")
    listed = {
        "id": "gpt-4o",
        "object": "model",
        "status": "succeeded",
        "created_at": 1700000000,
        "capabilities": {"fine_tune": True, "inference": True, "chat_completion": True},
        "lifecycle_status": "generally-available",
        "deprecation": {"inference": 1798761600},
    }
    server.models = {"object": "list", "data": [listed]}
    return server


def look_up(server):
    async def call():
        settings = {"endpoint": server.root, "api_version": "2024-10-21", "deployment": "d"}
        model = OpenAIModel(config("gpt-4o", azure=settings), folder=Path())
        try:
            return await model.announced("base", TODAY)
        finally:
            await model.close()

    return asyncio.run(call())


def test_the_list_is_read_with_the_models_own_access(azure, replies):
    azure.answer = lambda request: replies.reply(azure.models)
    (day,) = look_up(azure)
    assert azure.targets == ["GET /openai/models?api-version=2024-10-21 HTTP/1.1"]
    assert azure.headers[0]["api-key"] == "the-secret-key"
    assert (day.id, day.what, day.day) == ("gpt-4o", "shuts", "2027-01-01")
    assert (day.model, day.read_on) == ("base", "2026-11-20")
    assert day.source == f"{azure.root}/openai/models"


def test_a_list_that_is_refused_or_hangs_is_an_error_of_its_own(azure, replies):
    azure.answer = lambda request: replies.reply({"error": {"message": "the-secret-key"}}, status=403)
    with pytest.raises(AccessError) as raised:
        look_up(azure)
    assert "the-secret-key" not in str(raised.value)
    azure.answer = lambda request: replies.reply(b"{", cut=0)
    with pytest.raises(RetryableError, match="connection failed"):
        look_up(azure)
