"""Where the client was the bottleneck, every form of the report says so."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from evalkit.records.record import from_json
from evalkit.records.run import RunRecords
from evalkit.records.run_observations import EventLoopLag, RunObservations
from evalkit.reporting.client_bottleneck import client_bound
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import render_markdown
from evalkit.reporting.terminal import print_report
from evalkit.reporting.write import render_document


@pytest.fixture
def busy(ticket_routing):
    """The loop was late in 43 of 100 beats while one arm was asked, in 3 while the other was."""
    client = {"few_shot": EventLoopLag(beats=100, late=43), "rag": EventLoopLag(beats=100, late=3)}
    return msgspec.structs.replace(ticket_routing, answering=RunObservations(client=client))


def printed(records) -> str:
    out = io.StringIO()
    print_report(records, Console(file=out, width=100))
    return " ".join(out.getvalue().split())


def test_every_form_names_the_arm_and_the_share(busy):
    said = "ms late while it asked few_shot (43% of the time)"
    assert said in render_html(busy)
    assert said in render_markdown(busy)
    assert said in printed(busy)
    assert json.loads(render_document(busy))["answering"]["client"]["few_shot"] == {"beats": 100, "late": 43}
    assert from_json(render_document(busy), RunRecords).answering == busy.answering


def test_nothing_is_said_where_the_client_kept_up(ticket_routing):
    rarely = RunObservations(client={"rag": EventLoopLag(beats=100, late=19)})
    kept_up = msgspec.structs.replace(ticket_routing, answering=rarely)
    assert client_bound(kept_up) is None
    assert client_bound(ticket_routing) is None
    assert "bottleneck" not in render_html(kept_up) + render_markdown(kept_up) + printed(kept_up)


@pytest.mark.parametrize(
    ("platform", "words"),
    [("linux x86_64", "does not grow by it"), ("win32 AMD64", "may be longer for it")],
)
def test_what_it_does_to_latency_depends_on_where_times_are_taken(busy, platform, words):
    """Only on Linux does the kernel say when bytes arrived."""
    manifest = msgspec.structs.replace(busy.manifest, platform=platform)
    assert words in client_bound(msgspec.structs.replace(busy, manifest=manifest))
