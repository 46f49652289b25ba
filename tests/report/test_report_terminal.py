"""The report in a terminal."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from evalkit.reporting.terminal import print_decision, print_report
from evalkit.reporting.words import estimate_of
from evalkit.text.number_format import money, per_thousand, points_interval, shared_decimals, significant


def printed(records, **options) -> str:
    out = io.StringIO()
    print_report(records, Console(file=out, **options))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("run", ["ticket_routing", "hostile", "sparse"])
def test_no_line_is_wider_than_the_terminal_or_100_columns(run, width, request):
    """Wide characters count double."""
    lines = printed(request.getfixturevalue(run), width=width).splitlines()
    assert max(map(cell_len, lines)) <= min(width, 100)


@pytest.mark.parametrize("width", [80, 100])
def test_names_and_figures_are_whole_at_80_and_100_columns(
    ticket_routing, summary_of, advised_break_even, width
):
    """Nothing that a reader compares is broken over lines or cut."""
    text = printed(ticket_routing, width=width)
    arms = {name: arm for name, arm in ticket_routing.decision.arms.items() if arm.role == "candidate"}
    costs = [arm.cost_per_request for arm in arms.values()]
    claims = [item for item in ticket_routing.comparison.differences if item.metric == "accuracy"]
    shown = [
        *(f"{name}* " if name == "fine_tuned" else f"{name} " for name in arms),
        *(estimate_of(summary_of(name).quality["accuracy"]) for name in arms),
        *(money(per_thousand(cost), "USD", shared_decimals(map(per_thousand, costs))) for cost in costs),
        *(points_interval(claim.low, claim.high) for claim in claims),
        significant(advised_break_even.requests_per_month.mode),
    ]
    assert {"few_shot_nearest ", "85.9% (81.7 to 89.3)", "$0.000291", "+9.4 to +20.7", "6,000"} <= set(shown)
    for words in shown:
        assert words in text, words
    assert "…" not in text


def test_the_verdict_comes_first(ticket_routing, made_decision):
    """What to do, how sure, why, which arm, what it costs, what the other choice loses, what would change it."""
    lines = printed(replace(ticket_routing, decision=made_decision()), width=100).splitlines()
    assert lines[0] == "Fine-tune."
    assert lines[1].startswith(
        "fine_tuned beats every untuned arm and doing nothing in 97.2 of 100 simulated futures"
    )
    screen = lines[: lines.index("Quality (* recommended)")]
    assert "Recommended arm: fine_tuned" in screen
    assert "How sure: 97.2 of 100 (simulated futures; you required 90)" in screen
    assert "The other choice loses: $21,430 (expected loss over 12 months of choosing rag instead)" in screen
    assert any(line.startswith("What would change this answer: ") for line in screen)


def test_a_decision_of_format_1_is_printed_under_its_own_meaning(ticket_routing):
    """The words that it was made with, and a notice."""
    text = printed(ticket_routing, width=100)
    assert text.startswith("Fine-tune.\nThe tuned arm answers better than the best untuned one")
    assert "Confidence: >99.9% (of joint draws; 90% asked for)" in text
    assert "This decision was made by an earlier method" in text


def test_output_that_is_no_terminal_is_plain(ticket_routing):
    """A file or a pipe gets no escape sequence."""
    assert "\x1b" not in printed(ticket_routing, width=100)


def test_no_color_is_respected_and_a_terminal_gets_colour(ticket_routing, monkeypatch):
    """Weight may stay, colour goes (no-color.org)."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = printed(ticket_routing, width=100, force_terminal=True, color_system="standard")
    assert "\x1b[1;32mFine-tune." in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    grey = printed(ticket_routing, width=100, force_terminal=True, color_system="standard")
    assert "\x1b[1mFine-tune." in grey
    assert "32m" not in grey


def test_untrusted_text_is_neither_markup_nor_escape_sequence(hostile):
    """A model cannot colour, move or clear the terminal of its reader."""
    text = printed(hostile, width=100)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert(1)" in text
    assert "[x](javascript" in text


def test_a_terminal_without_unicode_is_served(ticket_routing, hostile):
    """Signs that it cannot show are replaced, not raised."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    for run in (ticket_routing, hostile):
        print_report(run, Console(file=out, width=100))
    out.flush()
    assert b"85.9% (81.7 to 89.3)" in raw.getvalue()


def test_what_is_not_known_is_not_zero(sparse):
    """The only figures are the cells asked and their coverage."""
    text = printed(sparse, width=100)
    assert "unknown" in text
    assert "$0" not in text
    assert "None" not in text


def test_a_decision_alone_can_be_printed(ticket_routing):
    """What `evalkit decide` shows under other assumptions."""
    out = io.StringIO()
    print_decision(ticket_routing.decision, Console(file=out, width=100))
    text = out.getvalue()
    assert text.startswith("Fine-tune.\nThe tuned arm answers better")
    assert "Confidence: >99.9% (of joint draws)" in text
    assert "Break-even" in text
    assert "Red flags" in text
